/** Packed coordinates of the base map: differences of whole steps. */

export type Position = [number, number];

/** Undoes `pack` of the build. */
export function unpack(packed: readonly number[], scale: number): Position[] {
  const out: Position[] = [];
  let x = 0;
  let y = 0;
  for (let i = 0; i + 1 < packed.length; i += 2) {
    x += packed[i] as number;
    y += packed[i + 1] as number;
    out.push([x / scale, y / scale]);
  }
  return out;
}

/**
 * Moves points beyond a latitude limit onto it.
 *
 * A ring that lies wholly beyond comes out empty.
 */
export function clampRing(ring: readonly Position[], south: number, north: number): Position[] {
  if (ring.every(([, y]) => y <= south) || ring.every(([, y]) => y >= north)) return [];
  return ring.map(([x, y]) => [x, Math.min(north, Math.max(south, y))]);
}
