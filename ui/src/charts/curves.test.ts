import { describe, expect, it } from 'vitest';
import { chartsOf } from './curves.ts';

describe('charts of a feature', () => {
  const series = { dates: ['2018-03-02', '2018-03-01', 'never'], lai: [2, 1, 9], et0_mm: [1, null, 1], etc_mm: [null, null, null], rain_mm: [0, 3, 0], depletion_mm: [5, 4, 1] };
  const charts = chartsOf(series);

  it('have days in order, without what is no day', () => {
    expect(charts[0]?.days).toEqual([Date.UTC(2018, 2, 1) / 1000, Date.UTC(2018, 2, 2) / 1000]);
    expect(charts[0]?.curves[0]?.values).toEqual([1, 2]);
  });
  it('leave out curves without a value', () => expect(charts.map(({ curves }) => curves.map(({ label }) => label))).toEqual([['LAI'], ['Reference'], ['Depletion', 'Rain']]));
  it('carry their unit', () => expect(charts.map(({ unit }) => unit)).toEqual(['m²/m²', 'mm per day', 'mm']));
  it('are told in words', () => expect(charts[0]?.summary).toBe('Leaf area index, LAI between 1 and 2 m²/m²; highest on 2 Mar 2018.'));
  it('are none without values', () => expect(chartsOf({ dates: ['2018-03-01'] })).toEqual([]));
});
