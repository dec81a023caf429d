/** Form fields out of a process description: what to ask, how, and with which default. */
import type { JsonSchema, ProcessDescription } from '../api/types.ts';
import { words } from '../format.ts';

export type FieldKind = 'box' | 'dates' | 'choice' | 'choices' | 'switch' | 'number' | 'text' | 'json';

export interface Field {
  name: string;
  kind: FieldKind;
  label: string;
  help: string;
  unit: string | null;
  required: boolean;
  schema: JsonSchema;
  /** For `choice` and `choices`. */
  options: { value: unknown; label: string }[];
}

/** What a person typed: text, a switch, or chosen values. */
export type FieldValue = string | boolean | string[];
export type FieldValues = Record<string, FieldValue>;

const typesOf = (schema: JsonSchema): string[] => [schema.type ?? []].flat();

function isBox(name: string, schema: JsonSchema): boolean {
  const four = schema.minItems === 4 && schema.maxItems === 4 && schema.items?.type === 'number';
  return typesOf(schema).includes('array') && (name === 'bbox' || schema.format === 'bbox' || four);
}

function isDates(name: string, schema: JsonSchema): boolean {
  return typesOf(schema).includes('string') && (name === 'datetime' || schema.format === 'datetime-interval' || schema.format === 'date-time-interval');
}

function kindOf(name: string, schema: JsonSchema): FieldKind {
  const types = typesOf(schema);
  if (isBox(name, schema)) return 'box';
  if (isDates(name, schema)) return 'dates';
  if (schema.enum) return 'choice';
  if (types.includes('array') && schema.items?.enum) return 'choices';
  if (types.includes('boolean')) return 'switch';
  if (types.includes('integer') || types.includes('number')) return 'number';
  return types.length === 0 || types.includes('string') ? 'text' : 'json';
}

function optionsOf(schema: JsonSchema): Field['options'] {
  const values = (schema.enum ?? schema.items?.enum ?? []).filter((value) => value !== null);
  return values.map((value) => ({ value, label: typeof value === 'string' ? words(value) : String(value) }));
}

/** The fields of a process: area and dates first, then what must be given, then the rest. */
export function fieldsOf(process: ProcessDescription): Field[] {
  const fields = Object.entries(process.inputs).map(([name, input]): Field => {
    const { schema } = input;
    return {
      name,
      kind: kindOf(name, schema),
      label: input.title ?? schema.title ?? words(name),
      help: input.description ?? schema.description ?? '',
      unit: schema['x-unit'] ?? null,
      required: input.minOccurs !== 0 && schema.default === undefined,
      schema,
      options: optionsOf(schema),
    };
  });
  const rank = (field: Field): number => (field.kind === 'box' ? 0 : field.kind === 'dates' ? 1 : field.required ? 2 : 3);
  return fields.sort((a, b) => rank(a) - rank(b));
}

/** How a value is shown in its field. */
export function shown(field: Field, value: unknown): FieldValue {
  if (field.kind === 'switch') return value === true;
  if (field.kind === 'choices') return Array.isArray(value) ? value.map(String) : [];
  if (value === undefined || value === null) return '';
  return field.kind === 'json' ? JSON.stringify(value) : String(value);
}

/** Field values at the start: the defaults. */
export function startingValues(fields: readonly Field[]): FieldValues {
  return Object.fromEntries(fields.filter(isPlain).map((field) => [field.name, shown(field, field.schema.default)]));
}

/** Whether a field is shown by its kind alone; area and dates have controls of their own. */
export const isPlain = (field: Field): boolean => field.kind !== 'box' && field.kind !== 'dates';
