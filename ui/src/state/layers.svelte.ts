/** The layers on the map, and what was chosen on them. */
import type { Http } from '../api/http.ts';
import { asProblem, Problem } from '../api/problem.ts';
import { featuresOf, itemOf, newestFirst, newestItems, seriesOf } from '../api/stac.ts';
import type { FeatureSeries, LonLatBox, SeriesFile, StacItem } from '../api/types.ts';
import { aroundBoxes, boxOf } from '../map/boxes.ts';
import { collectionOf, featureId, gatherLai, kindOf, LAI_COLLECTION, type LayerKind, makeLayer, type MapLayer } from '../map/layer.ts';
import { m } from '../messages.ts';
import type { LayerState } from './url.ts';

const COLLECTIONS = ['crop-type-maps', 'water-availability', LAI_COLLECTION] as const;
const MOST_ITEMS = 200;

type Properties = Record<string, unknown>;

export const layerId = (item: StacItem): string => `${collectionOf(item)}/${item.id}`;

export class Layers {
  list = $state.raw<MapLayer[]>([]);
  loading = $state(true);
  problem = $state.raw<Problem | null>(null);
  /** Every map that could be shown, newest first; leaf area of fields counts as one. */
  known = $state.raw<StacItem[]>([]);
  private fields: StacItem[] = [];
  private readonly series = new Map<string, Promise<SeriesFile>>();
  private readonly indexed = new WeakMap<MapLayer['features'], Map<string, Properties>>();

  constructor(private readonly http: Http) {}

  /** Loads what the address names, or else the newest map of each kind. */
  async load(wanted: readonly LayerState[]): Promise<void> {
    this.loading = true;
    this.problem = null;
    try {
      const found = await Promise.all(COLLECTIONS.map((name) => newestItems(this.http, name, MOST_ITEMS)));
      this.known = this.fields = [];
      this.know(found.flat());
      const named = await Promise.all(wanted.map((state) => this.restore(state)));
      const restored = named.filter((layer) => layer !== null);
      this.list = restored.length > 0 ? restored : await this.newest();
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.loading = false;
    }
  }

  private know(items: readonly StacItem[]): void {
    const known = new Map([...items, ...this.known, ...this.fields].reverse().map((item) => [layerId(item), item]));
    const all = newestFirst([...known.values()].filter((item) => item.id !== '*'));
    this.fields = all.filter((item) => kindOf(item) === 'lai');
    const gathered = this.fields.length > 0 ? [gatherLai(this.fields).item] : [];
    this.known = [...all.filter((item) => kindOf(item) === 'crop' || kindOf(item) === 'water'), ...gathered];
  }

  private async newest(): Promise<MapLayer[]> {
    const crop = this.known.find((item) => kindOf(item) === 'crop');
    const water = (targets: string): StacItem | undefined => this.known.find((item) => kindOf(item) === 'water' && item.properties['ee:targets'] === targets);
    const choice = [{ item: water('parcels'), visible: !crop }, { item: crop, visible: true }, { item: water('fields'), visible: true }];
    const layers = choice.map(({ item, visible }) => (item ? this.make(item, { visible }) : null));
    return (await Promise.all(layers)).filter((layer) => layer !== null);
  }

  private async restore(state: LayerState): Promise<MapLayer | null> {
    const [collection, ...rest] = state.id.split('/');
    const item = this.known.find((candidate) => layerId(candidate) === state.id);
    try {
      const layer = await this.make(item ?? (await itemOf(this.http, collection ?? '', rest.join('/'))), { visible: state.visible });
      return { ...layer, opacity: state.opacity };
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (problem.status === 404) return null; // gone, or of another project
      throw problem;
    }
  }

  private async make(item: StacItem, options: { visible?: boolean; result?: boolean } = {}): Promise<MapLayer> {
    const targets = item.properties['ee:targets'];
    const words = { crop: m.layerCrop, water: targets === 'parcels' ? m.layerWaterParcels : m.layerWaterFields, lai: m.layerLai, footprint: item.id };
    const title = typeof item.properties['title'] === 'string' ? item.properties['title'] : words[kindOf(item)];
    const features = item.id === '*' ? gatherLai(this.fields).features : await featuresOf(this.http, item);
    return makeLayer(layerId(item), title, item, features, options);
  }

  /** Puts items on top of the map; gives how many layers that makes. */
  async add(items: readonly StacItem[], result: boolean): Promise<number> {
    this.know(items);
    const alone = items.filter((item) => kindOf(item) !== 'lai');
    const gathered = alone.length < items.length ? [gatherLai(this.fields).item] : [];
    const made = await Promise.all([...alone, ...gathered].map((item) => this.make(item, { result })));
    const ids = new Set(made.map((layer) => layer.id));
    this.list = [...this.list.filter((layer) => !ids.has(layer.id)), ...made];
    return made.length;
  }

  change(id: string, change: Partial<Pick<MapLayer, 'visible' | 'opacity'>>): void {
    this.list = this.list.map((layer) => (layer.id === id ? { ...layer, ...change } : layer));
  }

  remove(id: string): void {
    this.list = this.list.filter((layer) => layer.id !== id);
  }

  get(id: string): MapLayer | undefined {
    return this.list.find((layer) => layer.id === id);
  }

  /** The box around all layers that are switched on, or else around all; with a `kind`, around its layers if there are. */
  extent(kind?: LayerKind): LonLatBox | null {
    const on = this.list.filter((layer) => layer.visible && (!kind || layer.kind === kind));
    if (on.length === 0 && kind) return this.extent();
    const boxes = (on.length > 0 ? on : this.list).map((layer) => boxOf(layer.item.bbox));
    return aroundBoxes(boxes.filter((box) => box !== null));
  }

  states(): LayerState[] {
    return this.list.map(({ id, visible, opacity }) => ({ id, visible, opacity }));
  }

  properties(layer: MapLayer, id: string): Properties | null {
    let index = this.indexed.get(layer.features);
    if (!index) {
      index = new Map(layer.features.features.map((feature, i) => [featureId(feature.properties, i), feature.properties]));
      this.indexed.set(layer.features, index);
    }
    return index.get(id) ?? null;
  }

  /** The item that holds the curves of a feature: its layer's, its own, or the newest one about parcels. */
  curvesItem(layer: MapLayer, feature: string): StacItem | null {
    if (layer.kind === 'water') return layer.item;
    if (layer.kind === 'lai') return this.fields.find((item) => item.id === feature) ?? null;
    return this.known.find((item) => kindOf(item) === 'water' && item.properties['ee:targets'] === 'parcels') ?? null;
  }

  async curves(item: StacItem, feature: string): Promise<FeatureSeries | null> {
    const id = layerId(item);
    const loading = this.series.get(id) ?? seriesOf(this.http, item);
    this.series.set(id, loading);
    try {
      return (await loading)[feature] ?? null;
    } catch (thrown) {
      this.series.delete(id);
      throw thrown;
    }
  }
}
