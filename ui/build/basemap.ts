/**
 * Makes the bundled base map of Natural Earth data (npm package world-atlas, TopoJSON).
 *
 * Countries become land (merged), borders (inner arcs only) and labels. Rings that cross the antimeridian are
 * unwrapped, so that they run on beyond 180 degrees, and rings around a pole are closed through it: a flat map
 * then shows neither streaks nor gaps. Coordinates are stored as differences of whole steps, which compresses well.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { feature, merge, mesh } from 'topojson-client';
import type { GeometryCollection, MultiPolygon, Polygon, Topology } from 'topojson-specification';
import type { Plugin } from 'vite';

type Point = [number, number];
type Countries = Topology<{ countries: GeometryCollection<{ name: string }> }>;

export interface PackedBaseMap {
  /** Steps per degree. */
  scale: number;
  /** Polygons; each is a list of rings, each ring [x0, y0, dx1, dy1, ...]. */
  land: number[][][];
  /** Lines, packed as rings are. */
  borders: number[][];
  /** Name, longitude, latitude, size in square degrees. */
  labels: [string, number, number, number][];
}

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a ring on beyond 180 degrees where it crosses the antimeridian; closes it through the pole it goes around. */
export function unwrap(ring: readonly Point[]): Point[] {
  const out: Point[] = [];
  let shift = 0;
  ring.forEach(([x, y], index) => {
    const before = ring[index - 1];
    if (before && x - before[0] > 180) shift -= 360;
    if (before && x - before[0] < -180) shift += 360;
    out.push([x + shift, y]);
  });
  const first = out[0];
  const last = out[out.length - 1];
  if (first && last && Math.abs(last[0] - first[0]) > 180) {
    const pole = ring.reduce((sum, point) => sum + point[1], 0) < 0 ? -90 : 90;
    out.push([last[0], pole], [first[0], pole], [first[0], first[1]]);
  }
  return out;
}

/** Packs points as differences of whole steps; repeated points fall out. */
export function pack(points: readonly Point[], scale: number): number[] {
  const out: number[] = [];
  let x = 0;
  let y = 0;
  for (const point of points) {
    const nextX = Math.round(point[0] * scale);
    const nextY = Math.round(point[1] * scale);
    if (out.length > 0 && nextX === x && nextY === y) continue;
    out.push(nextX - x, nextY - y);
    x = nextX;
    y = nextY;
  }
  return out;
}

function areaAndCentre(ring: readonly Point[]): [number, Point] {
  let area = 0;
  let cx = 0;
  let cy = 0;
  for (let i = 1; i < ring.length; i += 1) {
    const [x0, y0] = ring[i - 1] as Point;
    const [x1, y1] = ring[i] as Point;
    const cross = x0 * y1 - x1 * y0;
    area += cross / 2;
    cx += ((x0 + x1) * cross) / 6;
    cy += ((y0 + y1) * cross) / 6;
  }
  return [Math.abs(area), [cx / area, cy / area]];
}

function labelsOf(atlas: Countries): PackedBaseMap['labels'] {
  return feature(atlas, atlas.objects.countries).features.flatMap((country) => {
    const shape = country.geometry;
    const polygons = shape.type === 'Polygon' ? [shape.coordinates] : shape.type === 'MultiPolygon' ? shape.coordinates : [];
    const best = polygons.map((rings) => areaAndCentre(unwrap(rings[0] as Point[]))).sort((a, b) => b[0] - a[0])[0];
    if (!best || !country.properties.name) return [];
    const [area, [x, y]] = best;
    return [[country.properties.name, Number(x.toFixed(2)), Number(y.toFixed(2)), Math.round(area)]] as PackedBaseMap['labels'];
  });
}

export function convert(atlas: Countries, scale: number): PackedBaseMap {
  const countries = atlas.objects.countries;
  const shapes = countries.geometries as (Polygon | MultiPolygon)[];
  const land = (merge(atlas as Topology, shapes).coordinates as Point[][][])
    // Natural Earth draws a tiny circle around the south pole: closing through the pole replaces it.
    .map((polygon) => polygon.filter((ring) => ring.some((point) => point[1] > -89)))
    .filter((polygon) => polygon.length > 0)
    .map((polygon) => polygon.map((ring) => pack(unwrap(ring), scale)));
  const borders = (mesh(atlas as Topology, countries as never, (a, b) => a !== b).coordinates as Point[][]).map((line) => pack(line, scale));
  return { scale, land, borders, labels: labelsOf(atlas) };
}

function write(resolution: '110m' | '50m', scale: number): void {
  const source = join(FOLDER, 'node_modules/world-atlas', `countries-${resolution}.json`);
  const packed = convert(JSON.parse(readFileSync(source, 'utf-8')) as Countries, scale);
  if (resolution === '50m') packed.labels = [];
  mkdirSync(join(FOLDER, 'generated'), { recursive: true });
  writeFileSync(join(FOLDER, 'generated', `world-${resolution}.json`), JSON.stringify(packed));
}

/** Vite plugin: writes `generated/world-*.json` before anything else happens. */
export function baseMap(): Plugin {
  return {
    name: 'extremeearth:base-map',
    config() {
      write('110m', 50);
      write('50m', 200);
    },
  };
}
