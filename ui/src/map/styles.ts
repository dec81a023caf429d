/** How features look on the map. */
import type { FeatureLike } from 'ol/Feature.js';
import { Fill, Stroke, Style, Text } from 'ol/style.js';
import { words } from '../format.ts';
import type { MapLayer } from './layer.ts';
import type { Palette } from './palette.ts';

const FONT = '600 11px "Inter", system-ui, -apple-system, "Segoe UI", sans-serif';
/** Finest ground resolution, in metres per pixel, above which parcels carry no names. */
const LABEL_BELOW_M = 2.2;

export function dataStyle(layer: MapLayer, palette: Palette): (feature: FeatureLike, resolution: number) => Style {
  const known = new Map<string, Style>();
  return (feature, resolution) => {
    const properties = feature.getProperties();
    const colour = layer.colourOf(properties);
    const labelled = layer.kind !== 'footprint' && resolution < LABEL_BELOW_M;
    const text = labelled ? words(String(properties['predicted'] ?? properties['name'] ?? '')) : '';
    const key = `${colour} ${text}`;
    let style = known.get(key);
    if (!style) {
      style = new Style({
        fill: new Fill({ color: layer.kind === 'footprint' ? `${colour}33` : colour }),
        stroke: new Stroke({ color: palette.outline, width: 0.8 }),
      });
      if (text) {
        style.setText(new Text({ text, font: FONT, fill: new Fill({ color: '#10202a' }), stroke: new Stroke({ color: 'rgba(255,255,255,0.85)', width: 3 }) }));
      }
      known.set(key, style);
    }
    return style;
  };
}

export function selectedStyle(palette: Palette): Style[] {
  return [
    new Style({ stroke: new Stroke({ color: palette.halo, width: 6 }), zIndex: 1 }),
    new Style({ stroke: new Stroke({ color: palette.selected, width: 2.5 }), zIndex: 2 }),
  ];
}

export function hoverStyle(palette: Palette): Style {
  return new Style({ stroke: new Stroke({ color: palette.selected, width: 1.6 }), fill: new Fill({ color: 'rgba(255,255,255,0.18)' }) });
}

export function boxStyle(palette: Palette): Style[] {
  return [
    new Style({ stroke: new Stroke({ color: palette.halo, width: 4 }), fill: new Fill({ color: palette.boxFill }) }),
    new Style({ stroke: new Stroke({ color: palette.box, width: 2, lineDash: [7, 5] }) }),
  ];
}
