/** Boxes in longitude and latitude. */
import type { LonLatBox } from '../api/types.ts';

export const DEGREE_DIGITS = 5;

const rounded = (value: number): number => Number(value.toFixed(DEGREE_DIGITS));

/** Rounds to about a metre and keeps the box on the globe. */
export function tidyBox(box: readonly number[]): LonLatBox {
  const [w, s, e, n] = box as LonLatBox;
  const clamp = (value: number, limit: number): number => rounded(Math.max(-limit, Math.min(limit, value)));
  return [clamp(w, 180), clamp(s, 90), clamp(e, 180), clamp(n, 90)];
}

/** The ring of a box, its sides in small steps so that they bend with the projection. */
export function boxRing(box: LonLatBox, steps = 16): [number, number][] {
  const [w, s, e, n] = box;
  const corners: [number, number][] = [[w, s], [e, s], [e, n], [w, n], [w, s]];
  return corners.flatMap((corner, index) => {
    const next = corners[index + 1];
    if (!next) return [corner];
    return Array.from({ length: steps }, (_, i): [number, number] => [
      corner[0] + ((next[0] - corner[0]) * i) / steps,
      corner[1] + ((next[1] - corner[1]) * i) / steps,
    ]);
  });
}

/** The smallest box around all of `boxes`, or `null` without any. */
export function aroundBoxes(boxes: readonly (readonly number[])[]): LonLatBox | null {
  if (boxes.length === 0) return null;
  const column = (i: number): number[] => boxes.map((box) => box[i] as number);
  return [Math.min(...column(0)), Math.min(...column(1)), Math.max(...column(2)), Math.max(...column(3))];
}

/** The box of an item; a box with heights loses them. */
export function boxOf(bbox: readonly number[] | undefined): LonLatBox | null {
  if (bbox?.length === 4) return [...bbox] as LonLatBox;
  if (bbox?.length === 6) return [bbox[0], bbox[1], bbox[3], bbox[4]] as LonLatBox;
  return null;
}
