/** The bundled base map: read, clipped to what a projection can show, and made into layers. */
import { Feature } from 'ol';
import MultiLineString from 'ol/geom/MultiLineString.js';
import Point from 'ol/geom/Point.js';
import Polygon from 'ol/geom/Polygon.js';
import VectorLayer from 'ol/layer/Vector.js';
import VectorSource from 'ol/source/Vector.js';
import { Fill, Stroke, Style, Text } from 'ol/style.js';
import coarseUrl from '../../generated/world-110m.json?url';
import fineUrl from '../../generated/world-50m.json?url';
import type { Palette } from './palette.ts';
import { clampRing, unpack } from './rings.ts';
import type { MapProjection } from './projections.ts';

interface World {
  scale: number;
  land: number[][][];
  borders: number[][];
  labels: [string, number, number, number][];
}

const FONT = '"Inter", system-ui, -apple-system, "Segoe UI", sans-serif';

async function load(url: string): Promise<World> {
  const response = await fetch(url, { credentials: 'omit' });
  return (await response.json()) as World;
}

export class BaseMap {
  private readonly land = new VectorSource<Feature>();
  private readonly lines = new VectorSource<Feature>();
  private readonly names = new VectorSource<Feature>();
  readonly below: VectorLayer[];
  readonly above: VectorLayer[];
  private worlds: World[] = [];
  private palette: Palette | null = null;
  private shown: { projection: MapProjection; name: string } | null = null;

  constructor() {
    this.below = [new VectorLayer({ source: this.land, zIndex: 0 }), new VectorLayer({ source: this.lines, zIndex: 1 })];
    this.above = [new VectorLayer({ source: this.names, zIndex: 50, declutter: true })];
  }

  /** Draws the coarse world at once and the fine one when it has come. */
  async show(projection: MapProjection, name: string, detail: 'coarse' | 'fine' = 'fine'): Promise<void> {
    this.shown = { projection, name };
    if (this.palette) this.paint(this.palette);
    for (const [index, url] of [coarseUrl, fineUrl].slice(0, detail === 'fine' ? 2 : 1).entries()) {
      this.worlds[index] ??= await load(url);
      if (this.shown.projection === projection) this.draw(this.worlds[index] as World, projection, name, index === 0);
    }
  }

  paint(palette: Palette): void {
    this.palette = palette;
    // around a pole, the edge that closes a ring through it is no coast
    const coast = this.shown?.projection.code === '3857' ? new Stroke({ color: palette.coast, width: 0.6 }) : null;
    const [land, lines] = this.below as [VectorLayer, VectorLayer];
    land.setStyle(new Style({ fill: new Fill({ color: palette.land }), ...(coast ? { stroke: coast } : {}) }));
    lines.setStyle(new Style({ stroke: new Stroke({ color: palette.border, width: 0.9 }) }));
    this.above[0]?.setStyle((feature, resolution) => {
      const size = feature.get('size') as number;
      // a name appears once its country is about 90 pixels wide
      if ((Math.sqrt(size) * 111_000) / resolution < 90 || resolution < 150) return undefined;
      return new Style({
        text: new Text({
          text: feature.get('name') as string,
          font: `500 11px ${FONT}`,
          fill: new Fill({ color: palette.label }),
          stroke: new Stroke({ color: palette.land, width: 3 }),
        }),
      });
    });
  }

  private draw(world: World, projection: MapProjection, name: string, labels: boolean): void {
    const { south, north } = projection;
    const project = <T extends Polygon | MultiLineString | Point>(shape: T): Feature => new Feature(shape.transform('EPSG:4326', name));
    const land = world.land.flatMap((rings) => {
      const kept = rings.map((ring) => clampRing(unpack(ring, world.scale), south, north)).filter((ring) => ring.length > 3);
      return kept.length > 0 ? [project(new Polygon(kept))] : [];
    });
    const lines = world.borders.map((line) => clampRing(unpack(line, world.scale), south, north)).filter((line) => line.length > 1);
    this.land.clear(true);
    this.land.addFeatures(land);
    this.lines.clear(true);
    this.lines.addFeature(project(new MultiLineString(lines)));
    if (!labels) return;
    this.names.clear(true);
    for (const [text, x, y, size] of world.labels) {
      if (y <= south || y >= north) continue;
      const label = project(new Point([x, y]));
      label.setProperties({ name: text, size });
      this.names.addFeature(label);
    }
  }
}
