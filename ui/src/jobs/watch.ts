/** Follows a job until it ends, asking less often the longer it takes. */
import type { JobState, JobStatus } from '../api/types.ts';

export const ENDED: readonly JobState[] = ['successful', 'failed', 'dismissed'];
export const hasEnded = (job: JobStatus): boolean => ENDED.includes(job.status);

export interface Watch {
  ask: () => Promise<JobStatus>;
  changed: (job: JobStatus) => void;
  /** Told each failed question; the watch goes on, since a server may be back soon. */
  failed: (thrown: unknown) => void;
  wait?: (milliseconds: number) => Promise<void>;
}

const FIRST_MS = 400;
const LONGEST_MS = 3000;
const MOST_FAILURES = 8;

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Asks until the job has ended, it was given up, or the server did not answer several times in a row. */
export async function follow(watch: Watch, stopped: () => boolean = () => false): Promise<void> {
  const wait = watch.wait ?? sleep;
  let pause = FIRST_MS;
  let failures = 0;
  while (!stopped()) {
    try {
      const job = await watch.ask();
      failures = 0;
      watch.changed(job);
      if (hasEnded(job)) return;
    } catch (thrown) {
      failures += 1;
      watch.failed(thrown);
      if (failures >= MOST_FAILURES) return;
    }
    await wait(pause);
    pause = Math.min(LONGEST_MS, pause * 1.25);
  }
}

/** Seconds since the job began to run, and about how many are left. */
export function timing(job: JobStatus, now: number): { spent: number | null; left: number | null } {
  const begin = Date.parse(job.started ?? job.created ?? '');
  if (Number.isNaN(begin)) return { spent: null, left: null };
  const end = hasEnded(job) ? Date.parse(job.finished ?? job.updated ?? '') : now;
  const spent = Number.isNaN(end) ? null : Math.max(0, (end - begin) / 1000);
  const progress = job.progress ?? 0;
  const left = job.status === 'running' && spent !== null && progress >= 5 && progress < 100 ? (spent * (100 - progress)) / progress : null;
  return { spent, left };
}
