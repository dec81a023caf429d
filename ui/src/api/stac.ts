/** The catalogue: newest items, and the files they point to. */
import { m } from '../messages.ts';
import type { Http } from './http.ts';
import { Problem } from './problem.ts';
import type { Features, FeatureSeries, SeriesFile, StacItem } from './types.ts';

const timeOf = (item: StacItem): string => {
  const { created, updated, datetime, end_datetime: end } = item.properties;
  return String(created ?? updated ?? datetime ?? end ?? '');
};

/** Newest first, by when the item was made. */
export function newestFirst(items: readonly StacItem[]): StacItem[] {
  return [...items].sort((a, b) => timeOf(b).localeCompare(timeOf(a)) || b.id.localeCompare(a.id));
}

export async function newestItems(http: Http, collection: string, limit = 50): Promise<StacItem[]> {
  const body = { collections: [collection], limit, sortby: [{ field: 'properties.created', direction: 'desc' }] };
  try {
    const page = await http.json<{ features?: StacItem[] }>('/stac/search', { method: 'POST', body });
    return newestFirst(page.features ?? []);
  } catch (thrown) {
    // a platform on which nothing ran yet has no such collection
    if (thrown instanceof Problem && thrown.status === 404) return [];
    throw thrown;
  }
}

export function itemOf(http: Http, collection: string, id: string): Promise<StacItem> {
  return http.json<StacItem>(`/stac/collections/${encodeURIComponent(collection)}/items/${encodeURIComponent(id)}`);
}

export async function featuresOf(http: Http, item: StacItem): Promise<Features> {
  const href = item.assets['geojson']?.href;
  if (!href) return { type: 'FeatureCollection', features: [] };
  const found = await http.json<Features>(href);
  if (found?.type !== 'FeatureCollection' || !Array.isArray(found.features)) throw new Problem({ title: m.notGeojson, code: 'page.not-geojson' });
  return found;
}

/** Series by feature: of many features (`series`), or of the one that the item is about (`curve-json`). */
export async function seriesOf(http: Http, item: StacItem): Promise<SeriesFile> {
  const { series, 'curve-json': curve } = item.assets;
  if (series) return http.json<SeriesFile>(series.href);
  return curve ? { [item.id]: await http.json<FeatureSeries>(curve.href) } : {};
}
