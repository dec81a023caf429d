/** The form that runs a processor: made from its description, checked before it is sent. */
import type { Http } from '../api/http.ts';
import { asProblem, Problem } from '../api/problem.ts';
import { describeProcess, listProcesses } from '../api/processes.ts';
import type { LonLatBox, ProcessDescription, ProcessSummary } from '../api/types.ts';
import { type Field, type FieldValue, type FieldValues, fieldsOf, shown, startingValues } from '../form/fields.ts';
import { checkBox, checkForm, daysOf } from '../form/validate.ts';

type Sides = [string, string, string, string];

export class RunForm {
  processes = $state.raw<ProcessSummary[]>([]);
  process = $state.raw<ProcessDescription | null>(null);
  fields = $state.raw<Field[]>([]);
  values = $state<FieldValues>({});
  sides = $state<Sides>(['', '', '', '']);
  from = $state('');
  to = $state('');
  errors = $state.raw<Record<string, string>>({});
  loading = $state(false);
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);
  private readonly known = new Map<string, ProcessDescription>();

  constructor(private readonly http: Http) {}

  /** The typed area, where it is one. */
  get box(): LonLatBox | null {
    const checked = checkBox(this.sides);
    return 'box' in checked ? checked.box : null;
  }

  setBox(box: LonLatBox | null): void {
    this.sides = box ? (box.map(String) as Sides) : ['', '', '', ''];
    if (box) this.clearError('box');
  }

  setDates(from: string, to: string): void {
    this.from = from;
    this.to = to;
  }

  set(name: string, value: FieldValue): void {
    this.values[name] = value;
    const { [name]: _, ...rest } = this.errors;
    this.errors = rest;
  }

  clearError(kind: 'box' | 'dates'): void {
    const name = this.fields.find((field) => field.kind === kind)?.name;
    this.errors = Object.fromEntries(Object.entries(this.errors).filter(([key]) => key !== name));
  }

  async load(preferred: string | null): Promise<void> {
    this.loading = true;
    this.problem = null;
    try {
      this.processes = await listProcesses(this.http);
      const chosen = this.processes.find((process) => process.id === preferred) ?? this.processes[0];
      if (chosen) await this.choose(chosen.id);
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.loading = false;
    }
  }

  async choose(id: string): Promise<void> {
    try {
      const process = this.known.get(id) ?? (await describeProcess(this.http, id));
      this.known.set(id, process);
      this.process = process;
      this.fields = fieldsOf(process);
      this.values = startingValues(this.fields);
      this.errors = {};
      const dates = this.fields.find((field) => field.kind === 'dates');
      if (!this.from && !this.to) this.setDates(...daysOf(dates?.schema.default));
      const box = this.fields.find((field) => field.kind === 'box')?.schema.default;
      if (!this.box && Array.isArray(box)) this.setBox(box as LonLatBox);
    } catch (thrown) {
      this.problem = asProblem(thrown);
    }
  }

  /** Fills the form with the inputs of an earlier run. */
  async fill(process: string, inputs: Record<string, unknown>): Promise<void> {
    await this.choose(process);
    for (const field of this.fields) {
      const value = inputs[field.name];
      if (value === undefined) continue;
      if (field.kind === 'box') this.setBox(value as LonLatBox);
      else if (field.kind === 'dates') this.setDates(...daysOf(value));
      else this.values[field.name] = shown(field, value);
    }
  }

  /** The inputs to send, or `null` where something must be corrected first. */
  check(): Record<string, unknown> | null {
    const { inputs, errors } = checkForm(this.fields, { box: this.sides, from: this.from, to: this.to, values: this.values });
    this.errors = errors;
    return Object.keys(errors).length === 0 ? inputs : null;
  }
}
