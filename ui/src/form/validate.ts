/** Checks what was typed against JSON Schema, and explains beside the field what is wrong. */
import type { JsonSchema, LonLatBox } from '../api/types.ts';
import { m } from '../messages.ts';
import type { Field, FieldValue, FieldValues } from './fields.ts';

export type Checked = { value: unknown } | { error: string };

function checkNumber(text: string, schema: JsonSchema): Checked {
  const value = Number(text.replace(',', '.'));
  if (!Number.isFinite(value)) return { error: m.notNumber };
  const whole = [schema.type].flat().includes('integer') && ![schema.type].flat().includes('number');
  if (whole && !Number.isInteger(value)) return { error: m.notWhole };
  if (schema.minimum !== undefined && value < schema.minimum) return { error: m.atLeast(schema.minimum) };
  if (schema.maximum !== undefined && value > schema.maximum) return { error: m.atMost(schema.maximum) };
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return { error: m.moreThan(schema.exclusiveMinimum) };
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) return { error: m.lessThan(schema.exclusiveMaximum) };
  if (schema.multipleOf !== undefined) {
    const parts = value / schema.multipleOf;
    if (Math.abs(parts - Math.round(parts)) > 1e-9) return { error: m.stepOf(schema.multipleOf) };
  }
  return { value };
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return true; // a pattern this engine cannot read is left to the server
  }
}

function checkText(text: string, schema: JsonSchema): Checked {
  if (schema.minLength !== undefined && text.length < schema.minLength) return { error: m.tooShort(schema.minLength) };
  if (schema.maxLength !== undefined && text.length > schema.maxLength) return { error: m.tooLong(schema.maxLength) };
  if (schema.pattern !== undefined && !matches(schema.pattern, text)) return { error: m.pattern };
  return { value: text };
}

function checkChoices(chosen: string[], field: Field): Checked {
  const { minItems = 0, maxItems = Infinity } = field.schema;
  if (chosen.length < Math.max(minItems, field.required ? 1 : 0)) return { error: m.required };
  if (chosen.length > maxItems) return { error: m.atMost(maxItems) };
  return { value: field.options.filter((option) => chosen.includes(String(option.value))).map((option) => option.value) };
}

/** Checks one plain field. A value of `undefined` means: leave the input out, the server has a default. */
export function checkField(field: Field, raw: FieldValue): Checked {
  if (typeof raw === 'boolean') return { value: raw };
  if (Array.isArray(raw)) return checkChoices(raw, field);
  const text = raw.trim();
  if (text === '') return field.required ? { error: m.required } : { value: undefined };
  if (field.kind === 'number') return checkNumber(text, field.schema);
  if (field.kind === 'choice') {
    const option = field.options.find((candidate) => String(candidate.value) === text);
    return option ? { value: option.value } : { error: m.notOne };
  }
  if (field.kind === 'json') {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch {
      return { error: m.badJson };
    }
  }
  return checkText(text, field.schema);
}

/** Checks four typed numbers: west, south, east, north. */
export function checkBox(typed: readonly string[]): { box: LonLatBox } | { error: string } {
  if (typed.every((text) => text.trim() === '')) return { error: m.boxMissing };
  const values = typed.map((text) => (text.trim() === '' ? Number.NaN : Number(text.replace(',', '.'))));
  if (values.length !== 4 || !values.every(Number.isFinite)) return { error: m.boxNumber };
  const [west, south, east, north] = values as LonLatBox;
  if (Math.max(Math.abs(west), Math.abs(east)) > 180) return { error: m.boxLongitude };
  if (Math.max(Math.abs(south), Math.abs(north)) > 90) return { error: m.boxLatitude };
  if (west >= east || south >= north) return { error: m.boxEmpty };
  return { box: [west, south, east, north] };
}

/** Checks two days and makes the interval, both days whole. */
export function checkDates(from: string, to: string): { interval: string } | { error: string } {
  if (!from || !to) return { error: m.datesMissing };
  if (from > to) return { error: m.datesOrder };
  return { interval: `${from}T00:00:00Z/${to}T23:59:59Z` };
}

export interface Given {
  box: readonly string[];
  from: string;
  to: string;
  values: FieldValues;
}

/** Checks a whole form: the inputs to send, or what is wrong by field. */
export function checkForm(fields: readonly Field[], given: Given): { inputs: Record<string, unknown>; errors: Record<string, string> } {
  const inputs: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    if (field.kind === 'box') {
      const checked = checkBox(given.box);
      const skip = !field.required && given.box.every((text) => text.trim() === '');
      if ('box' in checked) inputs[field.name] = checked.box;
      else if (!skip) errors[field.name] = checked.error;
    } else if (field.kind === 'dates') {
      const checked = checkDates(given.from, given.to);
      const skip = !field.required && !given.from && !given.to;
      if ('interval' in checked) inputs[field.name] = checked.interval;
      else if (!skip) errors[field.name] = checked.error;
    } else {
      const checked = checkField(field, given.values[field.name] ?? '');
      if ('error' in checked) errors[field.name] = checked.error;
      else if (checked.value !== undefined) inputs[field.name] = checked.value;
    }
  }
  return { inputs, errors };
}

/** The two days of an interval such as "2018-03-01T00:00:00Z/2018-07-31T23:59:59Z"; open ends are empty. */
export function daysOf(interval: unknown): [string, string] {
  const parts = typeof interval === 'string' ? interval.split('/') : [];
  const dayOf = (text: string | undefined): string => (/^\d{4}-\d{2}-\d{2}/.test(text ?? '') ? (text as string).slice(0, 10) : '');
  return [dayOf(parts[0]), dayOf(parts[1] ?? parts[0])];
}
