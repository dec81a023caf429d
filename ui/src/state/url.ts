/** The state of the page that its address holds, so that a reload or a shared link restores it. */
import type { LonLatBox } from '../api/types.ts';
import { isProjection, type ProjectionCode } from '../map/projections.ts';

export interface MapPlace {
  lon: number;
  lat: number;
  zoom: number;
}

export interface LayerState {
  id: string;
  visible: boolean;
  /** 0 to 100. */
  opacity: number;
}

export type PanelName = 'layers' | 'run' | 'jobs';

export interface PageState {
  place: MapPlace | null;
  projection: ProjectionCode;
  layers: LayerState[];
  box: LonLatBox | null;
  from: string | null;
  to: string | null;
  process: string | null;
  panel: PanelName;
  /** Layer and feature. */
  selected: [string, string] | null;
}

export const EMPTY: PageState = {
  place: null,
  projection: '3857',
  layers: [],
  box: null,
  from: null,
  to: null,
  process: null,
  panel: 'layers',
  selected: null,
};

const PANELS: readonly string[] = ['layers', 'run', 'jobs'];
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Percent-encodes a part; what separates parts is encoded too, and slashes stay readable. */
const escape = (text: string): string => encodeURIComponent(text).replaceAll('~', '%7E').replaceAll('%2F', '/');

function numbers(text: string | null, count: number): number[] | null {
  const parts = text?.split(',').map(Number) ?? [];
  return parts.length === count && parts.every(Number.isFinite) && !text?.split(',').includes('') ? parts : null;
}

function unescaped(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Writes the state as the fragment of an address, without `#`. */
export function encodeState(state: PageState): string {
  const out: [string, string][] = [];
  if (state.place) out.push(['map', [state.place.lon.toFixed(5), state.place.lat.toFixed(5), state.place.zoom.toFixed(2)].join(',')]);
  if (state.projection !== '3857') out.push(['proj', state.projection]);
  if (state.layers.length > 0) out.push(['layers', state.layers.map((layer) => [escape(layer.id), layer.visible ? 1 : 0, layer.opacity].join('~')).join(',')]);
  if (state.box) out.push(['box', state.box.join(',')]);
  if (state.from) out.push(['from', escape(state.from)]);
  if (state.to) out.push(['to', escape(state.to)]);
  if (state.process) out.push(['process', escape(state.process)]);
  if (state.panel !== 'layers') out.push(['panel', state.panel]);
  if (state.selected) out.push(['select', state.selected.map(escape).join('~')]);
  return out.map((pair) => pair.join('=')).join('&');
}

function readLayers(text: string | null): LayerState[] {
  return (text?.split(',') ?? []).flatMap((part) => {
    const [id, visible, opacity] = part.split('~');
    const name = unescaped(id);
    const percent = Number(opacity);
    if (!name || !['0', '1'].includes(visible ?? '') || !(percent >= 0 && percent <= 100)) return [];
    return [{ id: name, visible: visible === '1', opacity: percent }];
  });
}

/** Reads a fragment; what cannot be read falls back to the default. The key, if any, is given apart. */
export function decodeState(fragment: string): { state: PageState; key: string | null } {
  const pairs = fragment.replace(/^#/, '').split('&').map((pair): [string, string] => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]);
  const raw = new Map(pairs);
  const parts = { get: (name: string): string | null => unescaped(raw.get(name)) };
  const place = numbers(parts.get('map'), 3);
  const box = numbers(parts.get('box'), 4);
  const projection = parts.get('proj') ?? '';
  const panel = parts.get('panel') ?? '';
  const chosen = raw.get('select')?.split('~').map(unescaped);
  const dayOf = (name: string): string | null => (DAY.test(parts.get(name) ?? '') ? parts.get(name) : null);
  const state: PageState = {
    place: place && Math.abs(place[1] as number) <= 90 ? { lon: place[0] as number, lat: place[1] as number, zoom: place[2] as number } : null,
    projection: isProjection(projection) ? projection : '3857',
    layers: readLayers(raw.get('layers') ?? null),
    box: box as LonLatBox | null,
    from: dayOf('from'),
    to: dayOf('to'),
    process: parts.get('process'),
    panel: PANELS.includes(panel) ? (panel as PanelName) : 'layers',
    selected: chosen?.length === 2 && chosen[0] && chosen[1] ? [chosen[0], chosen[1]] : null,
  };
  return { state, key: parts.get('key') };
}
