/** Ground area of small polygons, from longitude and latitude. */
import type { Geometry, Position } from 'geojson';

const EQUATOR_M = 6_378_137;
const ECCENTRICITY_2 = 0.006_694_379_990_14;
/** Larger than this, in degrees, a polygon is not flat enough. */
const REACH = 0.5;

/** Square metres of a ring on a plane that touches WGS 84 at `latitude`. */
function ringArea(ring: readonly Position[], latitude: number): number {
  const phi = (latitude * Math.PI) / 180;
  const w2 = 1 - ECCENTRICITY_2 * Math.sin(phi) ** 2;
  const perDegree = Math.PI / 180;
  const x = (EQUATOR_M / Math.sqrt(w2)) * Math.cos(phi) * perDegree;
  const y = ((EQUATOR_M * (1 - ECCENTRICITY_2)) / w2 ** 1.5) * perDegree;
  const [lon, lat] = ring[0] as [number, number];
  let twice = 0;
  for (let i = 1; i < ring.length; i += 1) {
    const [a, b] = [ring[i - 1] as Position, ring[i] as Position];
    twice += ((a[0] as number) - lon) * ((b[1] as number) - lat) - ((b[0] as number) - lon) * ((a[1] as number) - lat);
  }
  return Math.abs((twice * x * y) / 2);
}

/** Hectares of a polygon, holes taken out; `null` for what has no area or is too large for a plane. */
export function hectares(geometry: Geometry | null): number | null {
  const polygons = geometry?.type === 'Polygon' ? [geometry.coordinates] : geometry?.type === 'MultiPolygon' ? geometry.coordinates : [];
  const latitudes = polygons.flat(2).map((point) => point[1] as number);
  if (latitudes.length === 0) return null;
  const [low, high] = [Math.min(...latitudes), Math.max(...latitudes)];
  if (high - low > REACH) return null;
  const parts = polygons.map((rings) => rings.reduce((sum, ring, i) => sum + (i === 0 ? 1 : -1) * ringArea(ring, (low + high) / 2), 0));
  return parts.reduce((sum, part) => sum + part, 0) / 10_000;
}
