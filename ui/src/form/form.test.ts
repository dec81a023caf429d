import { describe, expect, it } from 'vitest';
import type { JsonSchema, ProcessDescription } from '../api/types.ts';
import { m } from '../messages.ts';
import { type Field, fieldsOf, shown, startingValues } from './fields.ts';
import { checkBox, checkDates, checkField, checkForm, daysOf } from './validate.ts';

const PROCESS: ProcessDescription = {
  id: 'water',
  version: '1',
  inputs: {
    depth: { title: 'Depth', schema: { type: 'number', minimum: 0.1, maximum: 3, default: 1, 'x-unit': 'm' }, minOccurs: 0 },
    public: { schema: { type: 'boolean', default: false }, minOccurs: 0 },
    model: { schema: { type: 'string', pattern: '^[a-z]+$' } },
    soil: { schema: { type: 'string', enum: ['silt-loam', 'sand'], default: 'sand' }, minOccurs: 0 },
    datetime: { schema: { type: 'string' } },
    bbox: { schema: { type: 'array', items: { type: 'number' }, minItems: 4, maxItems: 4 } },
    bands: { schema: { type: 'array', items: { enum: ['B02', 'B03'] }, minItems: 1 } },
    options: { schema: { type: 'object' }, minOccurs: 0 },
  },
};

const field = (schema: JsonSchema, required = true, kind: Field['kind'] = 'number'): Field => ({ name: 'x', kind, label: 'X', help: '', unit: null, required, schema, options: [] });

describe('fields of a process', () => {
  const fields = fieldsOf(PROCESS);
  const kinds = Object.fromEntries(fields.map(({ name, kind }) => [name, kind]));

  it('are of the right kind', () =>
    expect(kinds).toEqual({ bbox: 'box', datetime: 'dates', model: 'text', bands: 'choices', depth: 'number', public: 'switch', soil: 'choice', options: 'json' }));
  it('begin with area and dates', () => expect(fields.slice(0, 2).map(({ name }) => name)).toEqual(['bbox', 'datetime']));
  it('carry unit, need and label', () => {
    expect(fields.find(({ name }) => name === 'depth')).toMatchObject({ unit: 'm', required: false, label: 'Depth' });
    expect(fields.find(({ name }) => name === 'model')).toMatchObject({ required: true, label: 'Model' });
  });
  it('start with the defaults', () => expect(startingValues(fields)).toEqual({ depth: '1', public: false, soil: 'sand', model: '', bands: [], options: '' }));
  it('show values of earlier runs', () => expect(fields.map((each) => shown(each, each.kind === 'json' ? { a: 1 } : 2))).toContain('{"a":1}'));
});

describe('a typed number', () => {
  it.each<[string, JsonSchema, string]>([
    ['x', { type: 'number' }, m.notNumber],
    ['1.5', { type: 'integer' }, m.notWhole],
    ['0', { type: 'number', minimum: 0.1 }, m.atLeast(0.1)],
    ['4', { type: 'number', maximum: 3 }, m.atMost(3)],
    ['0', { type: 'number', exclusiveMinimum: 0 }, m.moreThan(0)],
    ['1', { type: 'number', exclusiveMaximum: 1 }, m.lessThan(1)],
    ['0.35', { type: 'number', multipleOf: 0.1 }, m.stepOf(0.1)],
  ])('%s is refused', (text, schema, error) => expect(checkField(field(schema), text)).toEqual({ error }));

  it.each<[string, JsonSchema, number]>([
    ['0.3', { type: 'number', multipleOf: 0.1 }, 0.3],
    [' 2,5 ', { type: 'number' }, 2.5],
    ['-3', { type: 'integer', minimum: -3 }, -3],
  ])('%s is taken', (text, schema, value) => expect(checkField(field(schema), text)).toEqual({ value }));
});

describe('other fields', () => {
  it('must be given where they are required', () => {
    expect(checkField(field({}), ' ')).toEqual({ error: m.required });
    expect(checkField(field({}, false), ' ')).toEqual({ value: undefined });
  });
  it('hold text to its form', () => {
    expect(checkField(field({ pattern: '^[a-z]+$' }, true, 'text'), 'A')).toEqual({ error: m.pattern });
    expect(checkField(field({ pattern: '(?<bad' }, true, 'text'), 'A')).toEqual({ value: 'A' });
    expect(checkField(field({ maxLength: 1 }, true, 'text'), 'ab')).toEqual({ error: m.tooLong(1) });
    expect(checkField(field({ minLength: 3 }, true, 'text'), 'ab')).toEqual({ error: m.tooShort(3) });
  });
  it('take only what is offered', () => {
    const choice: Field = { ...field({}, true, 'choice'), options: [{ value: 2, label: 'two' }] };
    expect(checkField(choice, '2')).toEqual({ value: 2 });
    expect(checkField(choice, '3')).toEqual({ error: m.notOne });
  });
});

describe('area and dates', () => {
  it.each<[string[], string]>([
    [['', '', '', ''], m.boxMissing],
    [['1', '2', '3', ''], m.boxNumber],
    [['1', '2', 'x', '4'], m.boxNumber],
    [['-181', '0', '1', '1'], m.boxLongitude],
    [['0', '0', '1', '91'], m.boxLatitude],
    [['2', '0', '1', '1'], m.boxEmpty],
    [['0', '1', '1', '1'], m.boxEmpty],
  ])('%s is no area', (typed, error) => expect(checkBox(typed)).toEqual({ error }));
  it('makes a box', () => expect(checkBox(['11.6', '48,3', '11.7', '48.4'])).toEqual({ box: [11.6, 48.3, 11.7, 48.4] }));
  it('makes an interval of whole days', () => expect(checkDates('2018-03-01', '2018-03-01')).toEqual({ interval: '2018-03-01T00:00:00Z/2018-03-01T23:59:59Z' }));
  it('wants both dates in order', () => {
    expect(checkDates('', '2018-01-01')).toEqual({ error: m.datesMissing });
    expect(checkDates('2018-01-02', '2018-01-01')).toEqual({ error: m.datesOrder });
  });
  it('reads an interval back', () => {
    expect(daysOf('2018-03-01T00:00:00Z/2018-07-31T23:59:59Z')).toEqual(['2018-03-01', '2018-07-31']);
    expect(daysOf('2018-03-01/..')).toEqual(['2018-03-01', '']);
    expect(daysOf(null)).toEqual(['', '']);
  });
});

describe('a whole form', () => {
  const fields = fieldsOf(PROCESS);
  const values = { ...startingValues(fields), model: 'crop', bands: ['B03'] };

  it('gives the inputs', () => {
    const { inputs, errors } = checkForm(fields, { box: ['1', '2', '3', '4'], from: '2018-01-01', to: '2018-01-02', values });
    expect(errors).toEqual({});
    expect(inputs).toEqual({ bbox: [1, 2, 3, 4], datetime: '2018-01-01T00:00:00Z/2018-01-02T23:59:59Z', depth: 1, public: false, model: 'crop', soil: 'sand', bands: ['B03'] });
  });
  it('names every wrong field', () => {
    const { errors } = checkForm(fields, { box: ['', '', '', ''], from: '', to: '', values: { ...values, depth: '9', bands: [] } });
    expect(Object.keys(errors).sort()).toEqual(['bands', 'bbox', 'datetime', 'depth']);
  });
});
