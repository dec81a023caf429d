/** Colours of the map in light and dark; the panels' colours are in `app.css`. */

export interface Palette {
  land: string;
  coast: string;
  border: string;
  label: string;
  grid: string;
  gridLabel: string;
  outline: string;
  selected: string;
  halo: string;
  box: string;
  boxFill: string;
}

const LIGHT: Palette = {
  land: '#f4f2ec',
  coast: '#b9c6cc',
  border: '#c3bfb2',
  label: '#5f6a70',
  grid: 'rgba(60, 90, 105, 0.13)',
  gridLabel: 'rgba(60, 80, 92, 0.8)',
  outline: 'rgba(28, 40, 46, 0.55)',
  selected: '#10242d',
  halo: '#ffffff',
  box: '#0f6674',
  boxFill: 'rgba(15, 102, 116, 0.08)',
};

const DARK: Palette = {
  land: '#172027',
  coast: '#37474f',
  border: '#3f4d56',
  label: '#93a3ad',
  grid: 'rgba(170, 200, 215, 0.10)',
  gridLabel: 'rgba(170, 190, 200, 0.8)',
  outline: 'rgba(225, 236, 242, 0.5)',
  selected: '#ffffff',
  halo: '#0b1318',
  box: '#6cd0dc',
  boxFill: 'rgba(108, 208, 220, 0.10)',
};

export const paletteOf = (dark: boolean): Palette => (dark ? DARK : LIGHT);
