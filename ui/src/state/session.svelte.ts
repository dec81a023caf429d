/** The API key in use. It lives in this tab's session storage and nowhere else. */
import type { Http } from '../api/http.ts';
import { asProblem, Problem } from '../api/problem.ts';
import { listJobs } from '../api/processes.ts';
import { m } from '../messages.ts';

const SLOT = 'extremeearth.key';
const SHAPE = /^[\x21-\x7e]{1,128}\.[\x21-\x7e]{8,512}$/;

export class Session {
  key = $state<string | null>(null);
  checking = $state(false);
  problem = $state<Problem | null>(null);

  constructor(
    private readonly http: () => Http,
    private readonly storage: Storage = sessionStorage,
  ) {}

  get prefix(): string | null {
    return this.key?.split('.')[0] ?? null;
  }

  /** Takes a key once the server has accepted it. */
  async use(text: string): Promise<boolean> {
    const key = text.trim();
    this.problem = null;
    if (!SHAPE.test(key)) {
      this.problem = new Problem({ title: m.keyShape, code: 'page.key-shape' });
      return false;
    }
    this.checking = true;
    try {
      await listJobs(this.http(), 1, key);
    } catch (thrown) {
      const problem = asProblem(thrown);
      // a key that may not read jobs is still a key
      if (problem.status !== 403) {
        this.problem = problem;
        if (problem.aboutKey && this.key === key) this.forget();
        return false;
      }
    } finally {
      this.checking = false;
    }
    this.key = key;
    this.storage.setItem(SLOT, key);
    return true;
  }

  /** The key that this tab used before it was reloaded. */
  remembered(): string | null {
    return this.storage.getItem(SLOT);
  }

  forget(): void {
    this.key = null;
    this.storage.removeItem(SLOT);
  }
}
