/** The one shape of everything that goes wrong: what happened, why, what to do, and a number to quote. */
import { m } from '../messages.ts';
import type { ProblemDocument } from './types.ts';

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly requestId: string | null;
  readonly places: { where: string; what: string }[];

  constructor(document: ProblemDocument, requestId: string | null = null) {
    super(document.title ?? m.problem);
    this.status = document.status ?? 0;
    this.code = document.code ?? 'unknown';
    this.hint = document.hint ?? document.detail ?? null;
    this.requestId = document.request_id ?? requestId;
    this.places = document.errors ?? [];
  }

  /** Whether the key was missing, wrong or expired. */
  get aboutKey(): boolean {
    return this.status === 401;
  }
}

/** Makes a problem of whatever was thrown. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  return new Problem({ title: m.problem, detail: thrown instanceof Error ? thrown.message : String(thrown), code: 'page.bug' });
}

/** Reads the problem out of a response that was not successful. */
export async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get('X-Request-Id');
  const fallback: ProblemDocument = { title: m.refused(response.status), status: response.status, code: 'http.error' };
  try {
    const body: unknown = await response.json();
    if (typeof body !== 'object' || body === null) return new Problem(fallback, requestId);
    return new Problem({ ...fallback, ...body, status: response.status }, requestId);
  } catch {
    return new Problem(fallback, requestId);
  }
}
