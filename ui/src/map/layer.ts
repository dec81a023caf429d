/** What the map shows of one STAC item: its features, their colours and the legend. */
import { number, words } from '../format.ts';
import { m } from '../messages.ts';
import type { Features, LegendClass, StacItem } from '../api/types.ts';

export type LayerKind = 'crop' | 'water' | 'footprint';

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
export const RAMP = ['#d5f2de', '#84d9b1', '#3fb0ad', '#347da4', '#40407f', '#221b33'] as const;
const NO_COLOUR = '#9aa5ab';
const SAFE_COLOUR = /^#[0-9a-f]{6}$/i;

const safe = (colour: unknown): string => (typeof colour === 'string' && SAFE_COLOUR.test(colour) ? colour : NO_COLOUR);

export const collectionOf = (item: StacItem): string => item.collection ?? '';

export function kindOf(item: StacItem): LayerKind {
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

function waterClasses(features: Features): { legend: Legend; colourOf: MapLayer['colourOf'] } {
  const needs = features.features.map((feature) => feature.properties['irrigation_mm']).filter((value): value is number => typeof value === 'number');
  const limits = niceLimits(Math.max(0, ...needs), RAMP.length);
  const classOf = (value: number): number => limits.findIndex((limit) => value <= limit);
  const entries: LegendEntry[] = limits.map((limit, index) => ({
    label: `${number(limits[index - 1] ?? 0)} – ${number(limit)}`,
    colour: RAMP[index] as string,
    count: needs.filter((need) => classOf(need) === index).length,
  }));
  if (entries.length === 0) entries.push({ label: '0', colour: RAMP[0], count: needs.length });
  const missing = features.features.length - needs.length;
  if (missing > 0) entries.push({ label: m.noValue, colour: NO_COLOUR, count: missing });
  return {
    legend: { title: m.irrigationNeed, unit: m.mm, entries },
    colourOf: (properties) => {
      const value = properties['irrigation_mm'];
      if (typeof value !== 'number') return NO_COLOUR;
      return RAMP[Math.max(0, classOf(value))] as string;
    },
  };
}

/** A layer without features shows where its item lies. */
function withFootprint(item: StacItem, features: Features): Features {
  if (features.features.length > 0 || !item.geometry) return features;
  return { type: 'FeatureCollection', features: [{ type: 'Feature', geometry: item.geometry, properties: { id: item.id } }] };
}

export function makeLayer(id: string, title: string, item: StacItem, found: Features, options: { result?: boolean; visible?: boolean } = {}): MapLayer {
  const kind = kindOf(item);
  const features = kind === 'footprint' ? withFootprint(item, found) : found;
  const shared = { id, kind, title, item, features, result: options.result ?? false, visible: options.visible ?? true, opacity: 85 };
  if (kind === 'water') return { ...shared, ...waterClasses(features) };
  if (kind === 'crop') return { ...shared, legend: cropLegend(item, features), colourOf: (properties) => safe(properties['colour']) };
  const colour = '#0f8a8a';
  const legend = { title, unit: null, entries: [{ label: m.footprint, colour, count: features.features.length }] };
  return { ...shared, legend, colourOf: () => colour };
}
