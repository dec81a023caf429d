/** Draws one chart with uPlot; loaded when the first chart is shown. */
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ChartData, Curve } from './curves.ts';

const HEIGHT_PX = 132;
const FONT = '11px "Inter", system-ui, sans-serif';

function seriesOf(curve: Curve, colourOf: (name: string) => string): UPlot.Series {
  const colour = colourOf(curve.colour);
  const shared: UPlot.Series = { label: curve.label, stroke: colour, width: 1.75, spanGaps: true, points: { show: false } };
  if (curve.form === 'bars') {
    const bars = UPlot.paths.bars?.({ size: [0.9, 8, 2.5] });
    return { ...shared, width: 0, fill: colour, ...(bars ? { paths: bars } : {}) };
  }
  if (curve.form === 'area') return { ...shared, fill: `${colour}2e`, points: { show: true, size: 5, fill: colour, filter: sparse } };
  return curve.form === 'dashed' ? { ...shared, dash: [5, 4] } : shared;
}

/** Points are drawn only where there are few enough to tell apart. */
const sparse: UPlot.Series.Points.Filter = (plot, index) => {
  const found = (plot.data[index] as (number | null)[]).flatMap((value, i) => (value === null ? [] : [i]));
  return found.length <= 40 ? found : [];
};

export class Plot {
  private readonly plot: UPlot;

  /** @param pointed told the place in the columns that the pointer is at, or `null` */
  constructor(target: HTMLElement, chart: ChartData, group: string, pointed: (index: number | null) => void) {
    const css = getComputedStyle(target);
    const colourOf = (name: string): string => css.getPropertyValue(name).trim();
    const axis = { stroke: colourOf('--muted'), font: FONT, grid: { stroke: colourOf('--line'), width: 1 }, ticks: { show: false } };
    this.plot = new UPlot(
      {
        width: target.clientWidth,
        height: HEIGHT_PX,
        padding: [8, 8, 0, 0],
        cursor: { sync: { key: group }, y: false, drag: { x: false, y: false } },
        tzDate: (stamp) => UPlot.tzDate(new Date(stamp * 1000), 'UTC'),
        axes: [
          { ...axis, size: 24, space: 56, values: (_, stamps) => stamps.map((stamp) => new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(stamp * 1000)) },
          { ...axis, size: 38, space: 28 },
        ],
        legend: { show: false },
        hooks: { setCursor: [(plot) => pointed(plot.cursor.idx ?? null)] },
        scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.1 : 1] } },
        series: [{}, ...chart.curves.map((curve) => seriesOf(curve, colourOf))],
      },
      [chart.days, ...chart.curves.map((curve) => curve.values)] as UPlot.AlignedData,
      target,
    );
  }

  resize(width: number): void {
    if (width > 0) this.plot.setSize({ width, height: HEIGHT_PX });
  }

  dispose(): void {
    this.plot.destroy();
  }
}
