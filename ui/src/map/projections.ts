/** The projections of the map. The polar ones need proj4, which is loaded when one of them is first chosen. */
import { get } from 'ol/proj.js';

export type ProjectionCode = '3857' | '3413' | '3031';

export interface MapProjection {
  code: ProjectionCode;
  /** Latitude limits of what is drawn: beyond them the projection tears or fills the map. */
  south: number;
  north: number;
  /** Where the view goes when its place is not in the hemisphere. */
  home: { lon: number; lat: number; zoom: number };
  definition: string | null;
}

const stereographic = (pole: number, scaleLatitude: number, meridian: number): string =>
  `+proj=stere +lat_0=${pole} +lat_ts=${scaleLatitude} +lon_0=${meridian} +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs`;

export const PROJECTIONS: Record<ProjectionCode, MapProjection> = {
  '3857': { code: '3857', south: -85, north: 85, home: { lon: 12, lat: 48, zoom: 4 }, definition: null },
  '3413': { code: '3413', south: 10, north: 90, home: { lon: -45, lat: 89.9, zoom: 2 }, definition: stereographic(90, 70, -45) },
  '3031': { code: '3031', south: -90, north: -10, home: { lon: 0, lat: -89.9, zoom: 2 }, definition: stereographic(-90, -71, 0) },
};

export const isProjection = (text: string): text is ProjectionCode => Object.hasOwn(PROJECTIONS, text);

/** Half the side, in metres, of the square that polar views cover. */
const POLAR_REACH_M = 4_194_304;

/** Makes `code` known to the map; gives its full name. */
export async function ensureProjection(code: ProjectionCode): Promise<string> {
  const name = `EPSG:${code}`;
  const { definition, south, north } = PROJECTIONS[code];
  if (definition !== null && !get(name)) {
    const [{ default: proj4 }, { register }] = await Promise.all([import('proj4'), import('ol/proj/proj4.js')]);
    proj4.defs(name, definition);
    register(proj4);
    get(name)?.setExtent([-POLAR_REACH_M, -POLAR_REACH_M, POLAR_REACH_M, POLAR_REACH_M]);
    get(name)?.setWorldExtent([-180, south, 180, north]);
  }
  return name;
}
