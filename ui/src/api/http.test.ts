import { describe, expect, it } from 'vitest';
import { Http, ownPath } from './http.ts';
import { Problem } from './problem.ts';
import { jobItems, readLog } from './processes.ts';
import { newestFirst, newestItems } from './stac.ts';
import type { StacItem } from './types.ts';

const HERE = 'http://127.0.0.1:8000';
const asked: { path: string; init: RequestInit }[] = [];

function server(answer: () => Response, key: string | null = null): Http {
  asked.length = 0;
  return new Http(() => key, HERE, (path, init) => {
    asked.push({ path, init });
    return Promise.resolve(answer());
  });
}

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status, headers: { 'X-Request-Id': 'r1' } });

describe('our own origin', () => {
  it.each([
    ['/jobs?limit=1', '/jobs?limit=1'],
    ['http://127.0.0.1:8000/stac/search', '/stac/search'],
    ['http://localhost:9/download/a/b.geojson', '/download/a/b.geojson'],
  ])('%s', (href, path) => expect(ownPath(href, HERE)).toBe(path));

  it.each(['https://example.org/a.json', 'http://example.org/downloads/a', 'javascript:alert(1)', 'data:application/json,{}', 'file:///download/x', 'http://['])(
    'refuses %s',
    (href) => expect(() => ownPath(href, HERE)).toThrow(Problem),
  );

  it('never lets a request leave it, and so no key', async () => {
    const http = server(() => json({}), 'a.secret');
    await expect(http.json('https://example.org/x')).rejects.toThrow(Problem);
    expect(asked).toEqual([]);
  });
});

describe('requests', () => {
  it('carry the key when there is one', async () => {
    await server(() => json({}), 'a.secret').json('/jobs');
    expect(new Headers(asked[0]?.init.headers).get('Authorization')).toBe('ApiKey a.secret');
    await server(() => json({})).json('/jobs');
    expect(new Headers(asked[0]?.init.headers).has('Authorization')).toBe(false);
  });

  it('turn a problem document into a problem', async () => {
    const http = server(() => json({ title: 'No.', hint: 'Do this.', code: 'access.key-invalid', request_id: 'r2' }, 401));
    const problem: unknown = await http.json('/jobs').catch((thrown: unknown) => thrown);
    expect(problem).toMatchObject({ message: 'No.', hint: 'Do this.', status: 401, requestId: 'r2', aboutKey: true });
  });

  it('explain an answer that is no problem document', async () => {
    const http = server(() => new Response('<html>', { status: 502, headers: { 'X-Request-Id': 'r3' } }));
    await expect(http.json('/jobs')).rejects.toMatchObject({ status: 502, requestId: 'r3' });
  });

  it('explain an answer that is not JSON, and no answer at all', async () => {
    await expect(server(() => new Response('hi')).json('/x')).rejects.toMatchObject({ code: 'page.not-json' });
    const silent = new Http(() => null, HERE, () => Promise.reject(new TypeError('failed to fetch')));
    await expect(silent.json('/x')).rejects.toMatchObject({ code: 'page.offline' });
  });
});

describe('the catalogue', () => {
  const item = (id: string, created?: string): StacItem => ({ id, geometry: null, properties: created ? { created } : {}, assets: {} });

  it('sorts by when an item was made', () => {
    const found = newestFirst([item('a', '2020-01-01T00:00:00Z'), item('b'), item('c', '2021-01-01T00:00:00Z')]);
    expect(found.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
  });

  it('is empty where the collection does not exist yet', async () => {
    expect(await newestItems(server(() => json({ title: 'no' }, 404)), 'crop-type-maps')).toEqual([]);
    await expect(newestItems(server(() => json({ title: 'no' }, 500)), 'crop-type-maps')).rejects.toThrow('no');
  });
});

describe('jobs', () => {
  it('read items as they are and as qualified values', async () => {
    const items = { type: 'FeatureCollection', features: [{ id: 'x' }] };
    expect(await jobItems(server(() => json({ items })), 'a/b')).toEqual([{ id: 'x' }]);
    expect(asked[0]?.path).toBe('/jobs/a%2Fb/results');
    expect(await jobItems(server(() => json({ items: { value: items } })), 'a')).toEqual([{ id: 'x' }]);
    expect(await jobItems(server(() => json({})), 'a')).toEqual([]);
  });

  it('read log lines', () => {
    expect(readLog({ logs: [{ time: 't', text: 'a' }] })).toEqual([{ time: 't', text: 'a' }]);
    expect(readLog(['a', { message: 'b' }])).toEqual([{ time: null, text: 'a' }, { time: null, text: 'b' }]);
    expect(readLog({})).toEqual([]);
  });
});
