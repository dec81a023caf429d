/** What the map shows of one STAC item: its features, their colours and the legend. */
import { number, words } from '../format.ts';
import { m } from '../messages.ts';
import type { Features, LegendClass, StacItem } from '../api/types.ts';
import { hectares } from './areas.ts';
import { aroundBoxes, boxOf } from './boxes.ts';

export type LayerKind = 'crop' | 'water' | 'lai' | 'footprint';

export interface LegendEntry {
  label: string;
  colour: string;
  count: number;
}

export interface Legend {
  title: string;
  unit: string | null;
  entries: LegendEntry[];
}

export interface MapLayer {
  id: string;
  kind: LayerKind;
  title: string;
  item: StacItem;
  features: Features;
  legend: Legend;
  colourOf: (properties: Record<string, unknown>) => string;
  /** Whether a job of this session made it, so that it can be taken away again. */
  result: boolean;
  visible: boolean;
  /** 0 to 100. */
  opacity: number;
}

/** Light to dark; perceptually even, and told apart with any kind of colour vision (seaborn's "mako"). */
export const RAMP = ['#def5e5', '#8bdab2', '#40b7ad', '#348fa7', '#37659e', '#463f80'] as const;
/** Pale to dark green, for leaf area (matplotlib's "YlGn", trimmed). */
const GREENS = ['#e6f4b5', '#b7e09b', '#7cc67f', '#40a35b', '#1a7a41', '#0b5232'] as const;
export const LAI_COLLECTION = 'leaf-area-index';
const NO_COLOUR = '#9aa5ab';
const SAFE_COLOUR = /^#[0-9a-f]{6}$/i;

const safe = (colour: unknown): string => (typeof colour === 'string' && SAFE_COLOUR.test(colour) ? colour : NO_COLOUR);

export const collectionOf = (item: StacItem): string => item.collection ?? '';

export function kindOf(item: StacItem): LayerKind {
  if (collectionOf(item) === LAI_COLLECTION) return 'lai';
  if (!item.assets['geojson']) return 'footprint';
  if (collectionOf(item) === 'crop-type-maps') return 'crop';
  return collectionOf(item) === 'water-availability' ? 'water' : 'footprint';
}

/** What identifies a feature within its layer. */
export function featureId(properties: Record<string, unknown>, index: number): string {
  return String(properties['parcel_id'] ?? properties['feature_id'] ?? properties['id'] ?? index);
}

/** What a feature is called where there is room for one line. */
export function featureTitle(layer: MapLayer, properties: Record<string, unknown>, id: string): string {
  if (layer.kind === 'crop' || layer.item.properties['ee:targets'] === 'parcels') return m.parcel(id);
  if (typeof properties['name'] === 'string') return m.fieldNamed(properties['name']);
  return m.featureNamed(id);
}

function cropLegend(item: StacItem, features: Features): Legend {
  const classes = (item.properties['ee:legend'] ?? []) as LegendClass[];
  const counts = new Map<string, number>();
  for (const feature of features.features) {
    const name = String(feature.properties['predicted']);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const entries = classes.map((entry) => ({
    label: words(entry.name),
    colour: safe(entry.colour),
    count: counts.get(entry.name) ?? counts.get(String(entry.value)) ?? 0,
  }));
  return { title: m.predictedCrop, unit: null, entries };
}

/** Round limits that split 0 to `highest` into at most `parts` classes. */
export function niceLimits(highest: number, parts: number): number[] {
  if (!(highest > 0)) return [];
  const rough = highest / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999) ?? 10 * power;
  return Array.from({ length: Math.ceil(highest / step - 1e-9) }, (_, i) => Number(((i + 1) * step).toPrecision(6)));
}

interface Classes {
  legend: Legend;
  colourOf: MapLayer['colourOf'];
}

/** Classes of one quantity of the features, from 0 to its highest value. */
function classes(features: Features, quantity: string, ramp: readonly string[], title: string, unit: string): Classes {
  const values = features.features.map((feature) => feature.properties[quantity]).filter((value): value is number => typeof value === 'number');
  const limits = niceLimits(Math.max(0, ...values), ramp.length);
  const classOf = (value: number): number => limits.findIndex((limit) => value <= limit);
  const entries: LegendEntry[] = limits.map((limit, index) => ({
    label: `${number(limits[index - 1] ?? 0)} – ${number(limit)}`,
    colour: ramp[index] as string,
    count: values.filter((value) => classOf(value) === index).length,
  }));
  if (entries.length === 0) entries.push({ label: '0', colour: ramp[0] as string, count: values.length });
  const missing = features.features.length - values.length;
  if (missing > 0) entries.push({ label: m.noValue, colour: NO_COLOUR, count: missing });
  const colourOf = (properties: Record<string, unknown>): string => {
    const value = properties[quantity];
    return typeof value === 'number' ? (ramp[Math.max(0, classOf(value))] as string) : NO_COLOUR;
  };
  return { legend: { title, unit, entries }, colourOf };
}

/** A layer without features shows where its item lies. */
function withFootprint(item: StacItem, features: Features): Features {
  if (features.features.length > 0 || !item.geometry) return features;
  return { type: 'FeatureCollection', features: [{ type: 'Feature', geometry: item.geometry, properties: { id: item.id } }] };
}

/** Adds the area of each feature that does not bring it. */
function withAreas(features: Features): Features {
  return {
    type: 'FeatureCollection',
    features: features.features.map((feature) => {
      const area = feature.properties['area_ha'] === undefined ? hectares(feature.geometry) : null;
      return area === null ? feature : { ...feature, properties: { ...feature.properties, area_ha: area } };
    }),
  };
}

export function makeLayer(id: string, title: string, item: StacItem, found: Features, options: { result?: boolean; visible?: boolean } = {}): MapLayer {
  const kind = kindOf(item);
  const features = kind === 'footprint' ? withFootprint(item, found) : kind === 'lai' ? found : withAreas(found);
  const shared = { id, kind, title, item, features, result: options.result ?? false, visible: options.visible ?? true, opacity: 85 };
  if (kind === 'water') return { ...shared, ...classes(features, 'irrigation_mm', RAMP, m.irrigationNeed, m.mm) };
  if (kind === 'lai') return { ...shared, ...classes(features, 'lai_max', GREENS, m.largestLai, m.chartLaiUnit) };
  if (kind === 'crop') return { ...shared, legend: cropLegend(item, features), colourOf: (properties) => safe(properties['colour']) };
  const colour = '#0f8a8a';
  const legend = { title, unit: null, entries: [{ label: m.footprint, colour, count: features.features.length }] };
  return { ...shared, legend, colourOf: () => colour };
}

/** The leaf area items of many fields, seen as one: an item that stands for all, and a feature of each. */
export function gatherLai(items: readonly StacItem[]): { item: StacItem; features: Features } {
  const times = (name: string): string[] => items.map((item) => String(item.properties[name] ?? item.properties['datetime'])).sort();
  const item: StacItem = {
    id: '*',
    collection: LAI_COLLECTION,
    bbox: aroundBoxes(items.map((each) => boxOf(each.bbox)).filter((box) => box !== null)) ?? [],
    geometry: null,
    properties: { title: m.layerLai, start_datetime: times('start_datetime')[0], end_datetime: times('end_datetime').at(-1) },
    assets: {},
  };
  const features = items.map(({ id, geometry, properties: from }): Features['features'][number] => ({
    type: 'Feature',
    geometry,
    properties: { id, name: from['ee:field'], crop: from['ee:crop'], lai_max: from['ee:lai_max'], lai_max_date: from['ee:lai_max_date'], clear_dates: from['ee:clear_dates'] },
  }));
  return { item, features: { type: 'FeatureCollection', features } };
}
