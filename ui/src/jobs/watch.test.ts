import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../api/types.ts';
import { follow, timing } from './watch.ts';

const job = (status: JobStatus['status'], more: Partial<JobStatus> = {}): JobStatus => ({ jobID: 'j', processID: 'p', status, ...more });

async function run(answers: (JobStatus | Error)[], stopAfter = Infinity): Promise<{ seen: string[]; failures: number; pauses: number[] }> {
  const seen: string[] = [];
  const pauses: number[] = [];
  let failures = 0;
  let asked = 0;
  await follow(
    {
      ask: () => {
        const answer = answers[Math.min(asked, answers.length - 1)] as JobStatus | Error;
        asked += 1;
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      changed: ({ status }) => seen.push(status),
      failed: () => (failures += 1),
      wait: (milliseconds) => {
        pauses.push(milliseconds);
        return Promise.resolve();
      },
    },
    () => asked >= stopAfter,
  );
  return { seen, failures, pauses };
}

describe('following a job', () => {
  it('ends with the job', async () => expect((await run([job('accepted'), job('running'), job('successful')])).seen).toEqual(['accepted', 'running', 'successful']));
  it('goes on after a failed question', async () => {
    const { seen, failures } = await run([new Error('away'), job('failed')]);
    expect([seen, failures]).toEqual([['failed'], 1]);
  });
  it('gives up where nobody answers', async () => expect((await run([new Error('away')])).failures).toBe(8));
  it('stops when told to', async () => expect((await run([job('running')], 3)).seen).toHaveLength(3));
  it('asks less and less often, but never rarely', async () => {
    const { pauses } = await run([job('running')], 30);
    expect([...pauses].sort((a, b) => a - b)).toEqual(pauses);
    expect(Math.max(...pauses)).toBe(3000);
  });
});

describe('the time of a job', () => {
  const started = '2024-01-01T00:00:00Z';
  const now = Date.parse('2024-01-01T00:00:30Z');

  it('is extrapolated while it runs', () => expect(timing(job('running', { started, progress: 25 }), now)).toEqual({ spent: 30, left: 90 }));
  it('is not guessed from nothing', () => expect(timing(job('running', { started, progress: 0 }), now)).toEqual({ spent: 30, left: null }));
  it('ends with the job', () => expect(timing(job('failed', { started, finished: '2024-01-01T00:00:10Z' }), now)).toEqual({ spent: 10, left: null }));
  it('is unknown without a start', () => expect(timing(job('accepted'), now)).toEqual({ spent: null, left: null }));
});
