/** Rows of the table that stands in for the map. */

export interface Row {
  id: string;
  properties: Record<string, unknown>;
}

export interface Order {
  column: string;
  falling: boolean;
}

const HIDDEN = new Set(['colour', 'predicted_value', 'id']);

/** Every property that some row has, in the order in which they first occur. */
export function columnsOf(rows: readonly Row[]): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row.properties)) names.add(name);
  return [...names].filter((name) => !HIDDEN.has(name));
}

/** Rows of which some value holds the text, whatever its case. */
export function matching(rows: readonly Row[], text: string): Row[] {
  const wanted = text.trim().toLowerCase().replaceAll(' ', '_');
  if (!wanted) return [...rows];
  const holds = (value: unknown): boolean => value !== null && typeof value !== 'object' && String(value).toLowerCase().replaceAll(' ', '_').includes(wanted);
  return rows.filter((row) => Object.entries(row.properties).some(([name, value]) => !HIDDEN.has(name) && holds(value)));
}

/** Numbers by size, texts by the alphabet, what is missing last either way. */
export function sorted(rows: readonly Row[], order: Order | null): Row[] {
  if (!order) return [...rows];
  const sign = order.falling ? -1 : 1;
  const missing = (value: unknown): boolean => value === null || value === undefined || value === '';
  return [...rows].sort((a, b) => {
    const [x, y] = [a.properties[order.column], b.properties[order.column]];
    if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
    if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
    return sign * String(x).localeCompare(String(y), 'en', { numeric: true });
  });
}
