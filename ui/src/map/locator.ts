/** A small map that shows where the large one is. */
import { Feature, Map as OlMap, View } from 'ol';
import Point from 'ol/geom/Point.js';
import VectorLayer from 'ol/layer/Vector.js';
import { fromLonLat } from 'ol/proj.js';
import VectorSource from 'ol/source/Vector.js';
import { Circle, Fill, Stroke, Style } from 'ol/style.js';
import type { MapPlace } from '../state/url.ts';
import { BaseMap } from './basemap.ts';
import { paletteOf } from './palette.ts';
import { PROJECTIONS } from './projections.ts';

export class Locator {
  private readonly map: OlMap;
  private readonly base = new BaseMap();
  private readonly marker = new Feature(new Point([0, 0]));
  private readonly marked: VectorLayer;

  constructor(target: HTMLElement) {
    this.marked = new VectorLayer({ source: new VectorSource({ features: [this.marker] }), zIndex: 60 });
    this.map = new OlMap({
      target,
      controls: [],
      interactions: [],
      layers: [...this.base.below, this.marked],
      view: new View({ center: [0, 0], zoom: 2.6, minZoom: 0 }),
    });
    void this.base.show(PROJECTIONS['3857'], 'EPSG:3857', 'coarse');
  }

  show(place: MapPlace): void {
    const latitude = Math.max(-80, Math.min(80, place.lat));
    const centre = fromLonLat([place.lon, latitude]);
    this.marker.setGeometry(new Point(centre));
    this.map.getView().setCenter(centre);
  }

  paint(dark: boolean): void {
    const palette = paletteOf(dark);
    this.base.paint(palette);
    const dot = new Circle({ radius: 5, fill: new Fill({ color: palette.box }), stroke: new Stroke({ color: palette.halo, width: 2 }) });
    this.marked.setStyle(new Style({ image: dot }));
  }

  dispose(): void {
    this.map.setTarget(undefined);
    this.map.dispose();
  }
}
