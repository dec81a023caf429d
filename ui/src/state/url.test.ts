import { describe, expect, it } from 'vitest';
import { decodeState, EMPTY, encodeState, type PageState } from './url.ts';

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const LETTERS = 'abcXYZ019-_.~,/%&=#+ äß?';

function anyState(next: () => number): PageState {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)] as T;
  const maybe = <T>(value: T): T | null => (next() < 0.5 ? value : null);
  const name = (): string => Array.from({ length: 1 + Math.floor(next() * 12) }, () => pick([...LETTERS])).join('');
  const degrees = (limit: number): number => Number(((next() * 2 - 1) * limit).toFixed(5));
  const day = (): string => `20${10 + Math.floor(next() * 20)}-0${1 + Math.floor(next() * 9)}-${10 + Math.floor(next() * 18)}`;
  return {
    place: maybe({ lon: degrees(180), lat: degrees(90), zoom: Number((next() * 19).toFixed(2)) }),
    projection: pick(['3857', '3413', '3031']),
    layers: Array.from({ length: Math.floor(next() * 4) }, () => ({ id: name(), visible: next() < 0.5, opacity: Math.floor(next() * 101) })),
    box: maybe([degrees(180), degrees(90), degrees(180), degrees(90)]),
    from: maybe(day()),
    to: maybe(day()),
    process: maybe(name()),
    panel: pick(['layers', 'run', 'jobs']),
    selected: maybe([name(), name()]),
  };
}

describe('the address', () => {
  it('restores any state', () => {
    const next = random(7);
    for (let i = 0; i < 500; i += 1) {
      const state = anyState(next);
      const fragment = encodeState(state);
      expect(decodeState(`#${fragment}`), fragment).toEqual({ state, key: null });
    }
  });

  it('is empty for the empty state', () => {
    expect(encodeState(EMPTY)).toBe('');
    expect(decodeState('')).toEqual({ state: EMPTY, key: null });
  });

  it('gives the key apart and never writes it', () => {
    const { state, key } = decodeState('#key=abc.def%2B1&map=11,48,12');
    expect(key).toBe('abc.def+1');
    expect(state.place).toEqual({ lon: 11, lat: 48, zoom: 12 });
    expect(encodeState(state)).not.toContain('abc');
  });

  it.each(['map=1,2', 'map=a,b,c', 'map=1,2,', 'map=1,99,3', 'box=1,2,3', 'proj=4326', 'layers=%zz~1~5', 'layers=a~2~5', 'layers=a~1~500', 'from=1.1.2020', 'select=a', 'panel=x', '=&&==', '%'])(
    'falls back where it cannot be read: %s',
    (fragment) => expect(decodeState(fragment).state).toEqual(EMPTY),
  );
});
