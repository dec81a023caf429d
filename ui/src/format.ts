/** Numbers, dates and durations as people read them. */
import { m } from './messages.ts';

const LOCALE = 'en-GB';

export function number(value: number, digits = 1): string {
  return new Intl.NumberFormat(LOCALE, { maximumFractionDigits: digits }).format(value);
}

export function day(value: string | number | Date): string {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return String(value);
  return new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(date);
}

export function clock(value: string): string {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return value;
  return new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(date);
}

export function when(value: string): string {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return value;
  return new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(date);
}

/** Seconds as "8 s", "2 min 5 s" or "1 h 3 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** "winter_common_soft_wheat" as "Winter common soft wheat". */
export function words(name: string): string {
  const plain = name.replaceAll('_', ' ').trim();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Units by how the name ends; the first that fits counts. */
const UNITS: [ending: string, unit: string, digits: number][] = [
  ['_t_ha', 't/ha', 1],
  ['_ha', 'ha', 2],
  ['_mm', 'mm', 0],
  ['lai_max', 'm²/m²', 1],
];
const unitOf = (name: string): [string, number] | null => {
  const found = UNITS.find(([ending]) => name.endsWith(ending));
  return found ? [found[1], found[2]] : null;
};

/** The label of a property, without its unit. */
export function propertyLabel(name: string): string {
  return m.properties[name] ?? words(name.replace(/_(mm|t_ha|ha)$/, ''));
}

/** The value of a property with its unit; identifiers and codes stay as they are. */
export function propertyValue(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return m.noValue;
  if (typeof value === 'boolean') return value ? m.yes : m.no;
  if (typeof value === 'number') {
    if (name.endsWith('_id') || name.endsWith('_code')) return String(value);
    if (name === 'confidence') return `${number(value <= 1 ? value * 100 : value, 0)} %`;
    const [unit, digits] = unitOf(name) ?? ['', 2];
    return `${number(value, digits)} ${unit}`.trim();
  }
  return ['predicted', 'declared', 'crop', 'declared_name'].includes(name) ? words(String(value)) : String(value);
}
