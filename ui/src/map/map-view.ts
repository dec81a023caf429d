/** The map: OpenLayers behind a small interface that speaks longitude, latitude and layers. */
import { Feature, Map as OlMap, View } from 'ol';
import { defaults as defaultControls } from 'ol/control/defaults.js';
import ScaleLine from 'ol/control/ScaleLine.js';
import type { FeatureLike } from 'ol/Feature.js';
import GeoJSON from 'ol/format/GeoJSON.js';
import Polygon from 'ol/geom/Polygon.js';
import type Geometry from 'ol/geom/Geometry.js';
import DragBox from 'ol/interaction/DragBox.js';
import { always } from 'ol/events/condition.js';
import Graticule from 'ol/layer/Graticule.js';
import VectorLayer from 'ol/layer/Vector.js';
import { fromLonLat, toLonLat, transformExtent } from 'ol/proj.js';
import VectorSource from 'ol/source/Vector.js';
import { Fill, Stroke, Text } from 'ol/style.js';
import type { LonLatBox } from '../api/types.ts';
import type { MapPlace } from '../state/url.ts';
import { BaseMap } from './basemap.ts';
import { boxRing, tidyBox } from './boxes.ts';
import { featureId, type MapLayer } from './layer.ts';
import { paletteOf } from './palette.ts';
import { ensureProjection, PROJECTIONS, type ProjectionCode } from './projections.ts';
import { boxStyle, dataStyle, hoverStyle, selectedStyle } from './styles.ts';

export interface Hit {
  layer: string;
  feature: string;
  /** Where on the page, in pixels of the map. */
  pixel: [number, number];
}

export interface MapEvents {
  moved: (place: MapPlace) => void;
  picked: (hit: Hit | null) => void;
  hovered: (hit: Hit | null) => void;
  boxDrawn: (box: LonLatBox) => void;
}

/** Pixels that panels cover: top, right, bottom, left. */
export type Insets = [number, number, number, number];

const MAX_ZOOM = 19;

export class MapView {
  private readonly map: OlMap;
  private readonly viewport: HTMLElement;
  private readonly base = new BaseMap();
  private readonly data = new Map<string, { layer: MapLayer; shown: VectorLayer<VectorSource<Feature>> }>();
  private readonly boxes = new VectorSource<Feature>();
  private readonly picks = new VectorSource<Feature>();
  private readonly hovers = new VectorSource<Feature>();
  private readonly overlays: [VectorLayer, VectorLayer, VectorLayer];
  private graticule: Graticule | null = null;
  private readonly drawing: DragBox;
  private projection = 'EPSG:3857';
  private code: ProjectionCode = '3857';
  private dark = false;
  private box: LonLatBox | null = null;
  private selection: [string, string] | null = null;
  private insets: Insets = [0, 0, 0, 0];

  constructor(target: HTMLElement, scaleTarget: HTMLElement, private readonly events: MapEvents) {
    this.overlays = [
      new VectorLayer({ source: this.hovers, zIndex: 38 }),
      new VectorLayer({ source: this.picks, zIndex: 39 }),
      new VectorLayer({ source: this.boxes, zIndex: 40 }),
    ];
    this.drawing = new DragBox({ condition: always, className: 'draw-box' });
    this.drawing.setActive(false);
    this.map = new OlMap({
      target,
      controls: defaultControls({ zoom: false, rotate: false, attribution: false }).extend([new ScaleLine({ target: scaleTarget, minWidth: 80 })]),
      layers: [...this.base.below, ...this.base.above, ...this.overlays],
      view: this.makeView(PROJECTIONS['3857'].home),
    });
    this.viewport = this.map.getViewport() as HTMLElement;
    this.map.addInteraction(this.drawing);
    this.listen();
    this.paint(false);
  }

  private listen(): void {
    const { events } = this;
    this.map.on('moveend', () => events.moved(this.place()));
    this.map.on('click', (event) => {
      if (!this.drawing.getActive()) events.picked(this.hitAt(event.pixel as [number, number]));
    });
    this.map.on('pointermove', (event) => {
      if (event.dragging) return;
      const hit = this.drawing.getActive() ? null : this.hitAt(event.pixel as [number, number]);
      this.viewport.style.cursor = this.drawing.getActive() ? 'crosshair' : hit ? 'pointer' : '';
      this.outline(this.hovers, hit && [hit.layer, hit.feature]);
      events.hovered(hit);
    });
    this.viewport.addEventListener('pointerleave', () => {
      this.hovers.clear();
      events.hovered(null);
    });
    this.drawing.on('boxend', () => {
      const extent = this.drawing.getGeometry().getExtent();
      events.boxDrawn(tidyBox(transformExtent(extent, this.projection, 'EPSG:4326', 16)));
    });
  }

  private makeView(place: MapPlace): View {
    // as an option, the padding counts from the start; set later, it would move the centre
    return new View({
      projection: this.projection,
      center: fromLonLat([place.lon, place.lat], this.projection),
      zoom: place.zoom,
      maxZoom: MAX_ZOOM,
      minZoom: 1.5,
      enableRotation: this.code !== '3857',
      padding: this.insets,
    });
  }

  place(): MapPlace {
    const view = this.map.getView();
    const [lon, lat] = toLonLat(view.getCenter() ?? [0, 0], this.projection) as [number, number];
    return { lon, lat, zoom: view.getZoom() ?? 0 };
  }

  zoomBy(steps: number): void {
    const view = this.map.getView();
    view.animate({ zoom: (view.getZoom() ?? 0) + steps, duration: 180 });
  }

  fit(box: LonLatBox, animate = true): void {
    const extent = transformExtent(box, 'EPSG:4326', this.projection, 16);
    this.map.getView().fit(extent, { padding: [36, 36, 36, 36], maxZoom: 16, duration: animate ? 350 : 0 });
  }

  /** The box that can be seen between the panels. */
  visibleBox(): LonLatBox {
    const [width = 0, height = 0] = this.map.getSize() ?? [];
    const [top, right, bottom, left] = this.insets;
    const corners = [[left, height - bottom], [width - right, top]].map((pixel) => this.map.getCoordinateFromPixel(pixel) as number[]);
    const extent = [...(corners[0] as number[]), ...(corners[1] as number[])];
    return tidyBox(transformExtent(extent, this.projection, 'EPSG:4326', 16));
  }

  setInsets(insets: Insets): void {
    this.insets = insets;
    this.map.getView().padding = insets;
  }

  /** Changes the projection; goes to `place`, or else stays where it is as far as the projection allows. */
  async setProjection(code: ProjectionCode, place: MapPlace | null = null): Promise<void> {
    const before = this.place();
    const metres = (this.map.getView().getResolution() ?? 1) * (this.code === '3857' ? Math.cos((before.lat * Math.PI) / 180) : 1);
    const name = await ensureProjection(code);
    const changed = code !== this.code;
    this.projection = name;
    this.code = code;
    const target = PROJECTIONS[code];
    if (changed) {
      const inside = before.lat > target.south && before.lat < target.north;
      this.map.setView(this.makeView(inside ? before : target.home));
      if (inside) this.map.getView().setResolution(code === '3857' ? metres / Math.cos((before.lat * Math.PI) / 180) : metres);
      for (const { layer, shown } of this.data.values()) this.fill(layer, shown);
      this.setBox(this.box);
      this.select(this.selection);
      this.drawGraticule();
    }
    if (place) this.map.setView(this.makeView(place));
    void this.base.show(target, name).catch(() => undefined); // without a base map the data still tell
  }

  /** Makes the map show exactly `layers`; the last lies on top. */
  setLayers(layers: readonly MapLayer[]): void {
    const wanted = new Set(layers.map((layer) => layer.id));
    for (const [id, { shown }] of this.data) {
      if (wanted.has(id)) continue;
      this.map.removeLayer(shown);
      this.data.delete(id);
    }
    layers.forEach((layer, index) => {
      const entry = this.data.get(layer.id);
      const shown = entry?.shown ?? new VectorLayer<VectorSource<Feature>>({ source: new VectorSource<Feature>(), declutter: true });
      if (!entry) this.map.addLayer(shown);
      if (entry?.layer.features !== layer.features) this.fill(layer, shown);
      if (!entry || entry.layer.colourOf !== layer.colourOf) shown.setStyle(dataStyle(layer, paletteOf(this.dark)));
      shown.setVisible(layer.visible);
      shown.setOpacity(layer.opacity / 100);
      shown.setZIndex(10 + index);
      this.data.set(layer.id, { layer, shown });
    });
    this.select(this.selection);
  }

  private fill(layer: MapLayer, shown: VectorLayer<VectorSource<Feature>>): void {
    const format = new GeoJSON({ dataProjection: 'EPSG:4326', featureProjection: this.projection });
    const features = format.readFeatures(layer.features) as Feature<Geometry>[];
    features.forEach((feature, index) => feature.setId(featureId(feature.getProperties(), index)));
    const source = new VectorSource<Feature>({ features: features.filter((feature) => feature.getGeometry()) });
    shown.setSource(source);
  }

  private hitAt(pixel: [number, number]): Hit | null {
    const found = this.map.forEachFeatureAtPixel<Hit | undefined>(
      pixel,
      (feature: FeatureLike, shown) => {
        const entry = [...this.data].find(([, value]) => value.shown === shown);
        const id = (feature as Feature).getId();
        return entry && id !== undefined ? { layer: entry[0], feature: String(id), pixel } : undefined;
      },
      { hitTolerance: 2, layerFilter: (candidate) => [...this.data.values()].some(({ shown }) => shown === candidate) },
    );
    return found ?? null;
  }

  private outline(target: VectorSource<Feature>, which: [string, string] | null): void {
    target.clear();
    const feature = which && this.data.get(which[0])?.shown.getSource()?.getFeatureById(which[1]);
    const shape = (feature as Feature | null)?.getGeometry();
    if (shape) target.addFeature(new Feature(shape));
  }

  select(which: [string, string] | null): void {
    this.selection = which;
    this.outline(this.picks, which);
  }

  /** Moves the map if a panel covers the feature. */
  reveal(which: [string, string]): void {
    const box = this.featureBox(which);
    if (!box) return;
    const centre = fromLonLat([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], this.projection);
    const [x = 0, y = 0] = this.map.getPixelFromCoordinate(centre) ?? [];
    const [width = 0, height = 0] = this.map.getSize() ?? [];
    const [top, right, bottom, left] = this.insets;
    const hidden = x < left || x > width - right || y < top || y > height - bottom;
    if (hidden) this.map.getView().animate({ center: centre, duration: 250 });
  }

  /** The box around one feature. */
  featureBox(which: [string, string]): LonLatBox | null {
    const feature = this.data.get(which[0])?.shown.getSource()?.getFeatureById(which[1]) as Feature | null | undefined;
    const extent = feature?.getGeometry()?.getExtent();
    return extent ? (transformExtent(extent, this.projection, 'EPSG:4326') as LonLatBox) : null;
  }

  setBox(box: LonLatBox | null): void {
    this.box = box;
    this.boxes.clear();
    if (box) this.boxes.addFeature(new Feature(new Polygon([boxRing(box)]).transform('EPSG:4326', this.projection)));
  }

  setDrawing(on: boolean): void {
    this.drawing.setActive(on);
    this.viewport.style.cursor = on ? 'crosshair' : '';
  }

  paint(dark: boolean): void {
    this.dark = dark;
    const palette = paletteOf(dark);
    this.base.paint(palette);
    const [hover, pick, box] = this.overlays;
    hover.setStyle(hoverStyle(palette));
    pick.setStyle(selectedStyle(palette));
    box.setStyle(boxStyle(palette));
    for (const { layer, shown } of this.data.values()) shown.setStyle(dataStyle(layer, palette));
    this.drawGraticule();
  }

  /** Lines of longitude and latitude; labelled where they do not crowd, which is not around a pole. */
  private drawGraticule(): void {
    const palette = paletteOf(this.dark);
    if (this.graticule) this.map.removeLayer(this.graticule);
    const label = (place: { textAlign?: 'end'; textBaseline?: 'top' }): Text => new Text({ ...place, offsetX: place.textAlign ? -4 : 0, offsetY: place.textAlign ? -8 : 4, font: '500 10px "Inter", system-ui, sans-serif', fill: new Fill({ color: palette.gridLabel }), stroke: new Stroke({ color: palette.land, width: 3 }) });
    this.graticule = new Graticule({
      strokeStyle: new Stroke({ color: palette.grid, width: 1 }),
      showLabels: this.code === '3857',
      lonLabelStyle: label({ textBaseline: 'top' }),
      latLabelStyle: label({ textAlign: 'end' }),
      lonLabelPosition: 1,
      latLabelPosition: 1,
      targetSize: 160,
      wrapX: this.code === '3857',
      zIndex: 2,
    });
    this.map.addLayer(this.graticule);
  }

  resize(): void {
    this.map.updateSize();
  }

  dispose(): void {
    this.map.setTarget(undefined);
    this.map.dispose();
  }
}
