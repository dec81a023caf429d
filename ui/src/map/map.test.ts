import { describe, expect, it } from 'vitest';
import { pack, unwrap } from '../../build/basemap.ts';
import type { Features, StacItem } from '../api/types.ts';
import { hectares } from './areas.ts';
import { aroundBoxes, boxOf, boxRing, tidyBox } from './boxes.ts';
import { featureId, featureTitle, gatherLai, makeLayer, niceLimits, RAMP } from './layer.ts';
import { clampRing, type Position, unpack } from './rings.ts';

const item = (collection: string, properties: Record<string, unknown> = {}, geojson = true): StacItem => ({
  id: 'one',
  collection,
  bbox: [0, 0, 1, 1],
  geometry: { type: 'Point', coordinates: [0.5, 0.5] },
  properties,
  assets: geojson ? { geojson: { href: '/download/x' } } : {},
});
const features = (...all: Record<string, unknown>[]): Features => ({ type: 'FeatureCollection', features: all.map((properties) => ({ type: 'Feature', geometry: null, properties })) });

const AREA_HA = 82.3784;

describe('the base map', () => {
  const ring: Position[] = [[170, 60], [-170, 60], [-170, 70], [170, 70], [170, 60]];

  it('runs on beyond the antimeridian', () => expect(unwrap(ring)).toEqual([[170, 60], [190, 60], [190, 70], [170, 70], [170, 60]]));
  it('closes a ring around a pole through it', () => {
    const around: Position[] = [[-180, -80], [-60, -75], [60, -75], [180, -80]];
    expect(unwrap(around).slice(-3)).toEqual([[180, -90], [-180, -90], [-180, -80]]);
  });
  it('comes back as it was packed, to half a step', () => {
    const back = unpack(pack(ring, 200), 200);
    expect(back).toEqual(ring);
    expect(unpack(pack([[0.001, 0], [0.0011, 0], [1, 1]], 200), 200)).toEqual([[0, 0], [1, 1]]);
  });
  it('is clipped to what a projection shows', () => {
    expect(clampRing(ring, -85, 65)).toEqual([[170, 60], [-170, 60], [-170, 65], [170, 65], [170, 60]]);
    expect(clampRing(ring, -90, -10)).toEqual([]);
  });
});

describe('boxes', () => {
  it('stay on the globe', () => expect(tidyBox([-200, -95.1234567, 10.123456, 99])).toEqual([-180, -90, 10.12346, 90]));
  it('are read from items', () => {
    expect(boxOf([1, 2, 3, 4, 5, 6])).toEqual([1, 2, 4, 5]);
    expect(boxOf([1])).toBeNull();
  });
  it('are joined', () => {
    expect(aroundBoxes([[0, 0, 1, 1], [-1, 0.5, 0.5, 3]])).toEqual([-1, 0, 1, 3]);
    expect(aroundBoxes([])).toBeNull();
  });
  it('become closed rings', () => {
    const ring = boxRing([0, 0, 2, 1], 4);
    expect(ring).toHaveLength(17);
    expect(ring[0]).toEqual(ring.at(-1));
  });
});

describe('areas', () => {
  // 0.01 x 0.01 degrees north of Freising: 82.3784 ha by pyproj's geodesic on WGS 84
  const ring: Position[] = [[11.6, 48.37], [11.61, 48.37], [11.61, 48.38], [11.6, 48.38], [11.6, 48.37]];
  const hole: Position[] = [[11.602, 48.372], [11.602, 48.374], [11.604, 48.374], [11.604, 48.372], [11.602, 48.372]];

  it('of a square', () => expect(hectares({ type: 'Polygon', coordinates: [ring] })).toBeCloseTo(AREA_HA, 2));
  it('leave holes out', () => expect(hectares({ type: 'Polygon', coordinates: [ring, hole] })).toBeCloseTo(0.96 * AREA_HA, 1));
  it('are added', () => expect(hectares({ type: 'MultiPolygon', coordinates: [[ring], [ring]] })).toBeCloseTo(2 * AREA_HA, 1));
  it('are not guessed', () => {
    expect(hectares(null)).toBeNull();
    expect(hectares({ type: 'Point', coordinates: [0, 0] })).toBeNull();
    expect(hectares({ type: 'Polygon', coordinates: [[[0, 0], [2, 0], [2, 2], [0, 0]]] })).toBeNull();
  });
});

describe('round limits', () => {
  it.each([[300, 6, [50, 100, 150, 200, 250, 300]], [7, 6, [2, 4, 6, 8]], [0.5, 5, [0.1, 0.2, 0.3, 0.4, 0.5]], [0, 6, []], [Number.NaN, 6, []]])('of %s', (highest, parts, limits) =>
    expect(niceLimits(highest as number, parts as number)).toEqual(limits));
  it('never make more classes than colours, and hold the highest', () => {
    for (let highest = 0.013; highest < 5000; highest *= 1.37) {
      const limits = niceLimits(highest, RAMP.length);
      expect(limits.length).toBeLessThanOrEqual(RAMP.length);
      expect(limits.at(-1)).toBeGreaterThanOrEqual(highest * 0.999);
    }
  });
});

describe('layers', () => {
  const legend = [{ value: 0, name: 'winter_wheat', colour: '#e6b422' }, { value: 1, name: 'other', colour: 'red; background: url(x)' }];

  it('of crops count their classes and trust no colour', () => {
    const crops = features({ parcel_id: 7, predicted: 'winter_wheat', colour: '#e6b422' }, { parcel_id: 8, predicted: 'winter_wheat', colour: 'javascript:x' });
    const layer = makeLayer('x', 'X', item('crop-type-maps', { 'ee:legend': legend }), crops);
    expect(layer.legend.entries.map(({ label, count }) => [label, count])).toEqual([['Winter wheat', 2], ['Other', 0]]);
    expect(layer.legend.entries[1]?.colour).toMatch(/^#[0-9a-f]{6}$/);
    expect(crops.features.map(({ properties }) => layer.colourOf(properties))).toEqual(['#e6b422', '#9aa5ab']);
    expect(featureTitle(layer, { parcel_id: 7 }, '7')).toBe('Parcel 7');
  });

  it('of water are coloured by irrigation need', () => {
    const water = features({ irrigation_mm: 0 }, { irrigation_mm: 60 }, { irrigation_mm: 300 }, { irrigation_mm: null });
    const layer = makeLayer('x', 'X', item('water-availability', { 'ee:targets': 'fields' }), water);
    expect(layer.legend).toMatchObject({ unit: 'mm' });
    expect(layer.legend.entries.map(({ count }) => count)).toEqual([1, 1, 0, 0, 0, 1, 1]);
    expect(layer.colourOf({ irrigation_mm: 60 })).toBe(RAMP[1]);
    expect(featureTitle(layer, { name: 'D4' }, 'd4')).toBe('Field D4');
  });

  it('without features show their extent', () => {
    const layer = makeLayer('x', 'X', item('scenes', {}, false), features());
    expect(layer.kind).toBe('footprint');
    expect(layer.features.features).toHaveLength(1);
  });

  it('of leaf area are gathered from many items', () => {
    const { item: all, features: found } = gatherLai([item('leaf-area-index', { 'ee:field': 'D4', 'ee:lai_max': 4.2, datetime: '2018-03-01' }, false)]);
    const layer = makeLayer('x', 'X', all, found);
    expect(layer.kind).toBe('lai');
    expect(all.bbox).toEqual([0, 0, 1, 1]);
    expect(featureId(found.features[0]?.properties ?? {}, 0)).toBe('one');
  });
});
