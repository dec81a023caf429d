/** The curves of one feature as uPlot wants them: columns of numbers, days in seconds. */
import type { FeatureSeries } from '../api/types.ts';
import { day, number } from '../format.ts';
import { m } from '../messages.ts';

export type Column = (number | null)[];

export interface Curve {
  label: string;
  /** Name of a colour variable of the page. */
  colour: string;
  form: 'line' | 'dashed' | 'area' | 'bars';
  values: Column;
}

export interface ChartData {
  title: string;
  unit: string;
  days: number[];
  curves: Curve[];
  /** One sentence for those who cannot see the chart. */
  summary: string;
}

function column(series: FeatureSeries, name: string, order: readonly number[]): Column {
  const raw = series[name] ?? [];
  return order.map((index) => {
    const value = raw[index];
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  });
}

const hasValues = (curve: Curve): boolean => curve.values.some((value) => value !== null);

function summarise(title: string, unit: string, days: number[], curve: Curve | undefined): string {
  const pairs = (curve?.values ?? []).flatMap((value, index): [number, number][] => (value === null ? [] : [[value, days[index] as number]]));
  if (pairs.length === 0) return title;
  const highest = pairs.reduce((best, pair) => (pair[0] > best[0] ? pair : best));
  const lowest = Math.min(...pairs.map(([value]) => value));
  return m.chartSummary(`${title}, ${curve?.label ?? ''}`, unit, number(lowest), number(highest[0]), day(highest[1] * 1000));
}

/** Splits a feature's series into charts of one unit each; a chart without a value is left out. */
export function chartsOf(series: FeatureSeries): ChartData[] {
  const stamps = series.dates.map((text) => Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text) / 1000);
  const order = stamps.map((_, index) => index).filter((index) => Number.isFinite(stamps[index]));
  order.sort((a, b) => (stamps[a] as number) - (stamps[b] as number));
  const days = order.map((index) => stamps[index] as number);
  const curve = (name: string, label: string, colour: string, form: Curve['form']): Curve => ({ label, colour, form, values: column(series, name, order) });
  const charts: [string, string, Curve[]][] = [
    [m.chartLai, m.chartLaiUnit, [curve('lai', m.lai, '--c-green', 'area')]],
    [m.chartUse, m.chartUseUnit, [curve('et0_mm', m.et0, '--c-grey', 'dashed'), curve('etc_mm', m.etc, '--c-teal', 'line')]],
    [
      m.chartSoil,
      m.chartSoilUnit,
      [curve('depletion_mm', m.depletion, '--c-brown', 'line'), curve('rain_mm', m.rain, '--c-blue', 'bars'), curve('irrigation_mm', m.irrigation, '--c-orange', 'bars')],
    ],
  ];
  return charts.flatMap(([title, unit, all]) => {
    const curves = all.filter(hasValues);
    return curves.length > 0 ? [{ title, unit, days, curves, summary: summarise(title, unit, days, curves[0]) }] : [];
  });
}
