/** Requests to our own origin, with the key when there is one. Nothing here can reach another server. */
import { m } from '../messages.ts';
import { Problem, problemOf } from './problem.ts';

export type Fetcher = (path: string, init: RequestInit) => Promise<Response>;

export interface Ask {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
  /** Overrides the key in use; `null` asks without one. */
  key?: string | null;
  signal?: AbortSignal;
}

/**
 * Gives the path of `href` on our own origin.
 *
 * Absolute links of the platform's own files carry the name under which the server knows itself, which may differ
 * from the one in the address bar (127.0.0.1 and localhost): their path is what counts. Other origins are refused.
 */
export function ownPath(href: string, origin: string): string {
  let url: URL;
  try {
    url = new URL(href, origin);
  } catch {
    throw new Problem({ title: m.elsewhere, code: 'page.elsewhere' });
  }
  const web = url.protocol === 'http:' || url.protocol === 'https:';
  const ours = url.origin === new URL(origin).origin || /^\/(download|stac)\//.test(url.pathname);
  if (!web || !ours) throw new Problem({ title: m.elsewhere, code: 'page.elsewhere' });
  return url.pathname + url.search;
}

export class Http {
  constructor(
    private readonly currentKey: () => string | null,
    private readonly origin: string = location.origin,
    private readonly fetcher: Fetcher = (path, init) => fetch(path, init),
  ) {}

  async send(href: string, ask: Ask = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    const key = ask.key === undefined ? this.currentKey() : ask.key;
    if (key) headers['Authorization'] = `ApiKey ${key}`;
    const init: RequestInit = { method: ask.method ?? 'GET', headers, credentials: 'omit', redirect: 'error' };
    if (ask.body !== undefined) {
      headers['Content-Type'] = 'application/json';
      init.body = JSON.stringify(ask.body);
    }
    if (ask.signal) init.signal = ask.signal;
    const path = ownPath(href, this.origin);
    let response: Response;
    try {
      response = await this.fetcher(path, init);
    } catch (thrown) {
      if (ask.signal?.aborted) throw thrown;
      throw new Problem({ title: m.offline, hint: m.offlineHint, code: 'page.offline' });
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  async json<T>(href: string, ask: Ask = {}): Promise<T> {
    const response = await this.send(href, ask);
    try {
      return (await response.json()) as T;
    } catch {
      throw new Problem({ title: m.notJson, hint: m.notJsonHint, code: 'page.not-json' }, response.headers.get('X-Request-Id'));
    }
  }
}
