import { describe, expect, it } from 'vitest';
import { duration, propertyLabel, propertyValue, words } from './format.ts';
import { columnsOf, matching, sorted } from './table.ts';

describe('words', () => {
  it.each([[8.4, '8 s'], [125, '2 min 5 s'], [3780, '1 h 3 min'], [-1, '0 s']])('%s seconds', (seconds, text) => expect(duration(seconds)).toBe(text));
  it('makes names readable', () => expect(words('winter_common_soft_wheat')).toBe('Winter common soft wheat'));
  it.each<[string, unknown, string]>([
    ['irrigation_mm', 123.4, '123 mm'],
    ['area_ha', 3.8403, '3.84 ha'],
    ['yield_rainfed_t_ha', 7.25, '7.3 t/ha'],
    ['confidence', 0.873, '87 %'],
    ['parcel_id', 1234567, '1234567'],
    ['predicted', 'winter_wheat', 'Winter wheat'],
    ['station', null, 'no value'],
    ['flag', false, 'No'],
  ])('%s', (name, value, text) => expect(propertyValue(name, value)).toBe(text));
  it('labels what it does not know', () => expect(propertyLabel('drain_mm')).toBe('Drain'));
});

describe('the table', () => {
  const rows = [
    { id: 'a', properties: { crop: 'winter_wheat', need: 5, colour: '#111111' } },
    { id: 'b', properties: { crop: 'Mais', need: null } },
    { id: 'c', properties: { crop: 'other', need: 12 } },
  ];
  const ids = (found: { id: string }[]): string => found.map(({ id }) => id).join('');

  it('names its columns', () => expect(columnsOf(rows)).toEqual(['crop', 'need']));
  it('finds text in any value', () => {
    expect(ids(matching(rows, 'Winter w'))).toBe('a');
    expect(ids(matching(rows, '#111'))).toBe('');
    expect(ids(matching(rows, ' '))).toBe('abc');
  });
  it('sorts numbers by size with what is missing last', () => {
    expect(ids(sorted(rows, { column: 'need', falling: false }))).toBe('acb');
    expect(ids(sorted(rows, { column: 'need', falling: true }))).toBe('cab');
    expect(ids(sorted(rows, { column: 'crop', falling: false }))).toBe('bca');
  });
});
