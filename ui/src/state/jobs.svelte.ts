/** The jobs of the key's project: followed while they run, put on the map when they are done. */
import type { Http } from '../api/http.ts';
import { asProblem, Problem } from '../api/problem.ts';
import { dismissJob, execute, getJob, jobItems, jobLog, listJobs } from '../api/processes.ts';
import type { JobStatus, LogLine } from '../api/types.ts';
import { follow, hasEnded } from '../jobs/watch.ts';

export class JobEntry {
  job = $state.raw<JobStatus>() as JobStatus;
  problem = $state.raw<Problem | null>(null);
  log = $state.raw<LogLine[] | null>(null);
  logOpen = $state(false);
  cancelling = $state(false);
  shown = $state(false);
  gone = false;

  constructor(
    job: JobStatus,
    readonly inputs: Record<string, unknown> | null,
  ) {
    this.job = job;
  }

  get id(): string {
    return this.job.jobID;
  }
}

export interface JobOutcome {
  done: (entry: JobEntry) => Promise<void>;
  failed: (entry: JobEntry) => void;
}

export class Jobs {
  entries = $state.raw<JobEntry[]>([]);
  loading = $state(false);
  problem = $state.raw<Problem | null>(null);

  constructor(
    private readonly http: Http,
    private readonly outcome: JobOutcome,
  ) {}

  get running(): number {
    return this.entries.filter((entry) => !hasEnded(entry.job)).length;
  }

  async load(): Promise<void> {
    this.loading = true;
    this.problem = null;
    try {
      const jobs = await listJobs(this.http);
      const known = new Map(this.entries.map((entry) => [entry.id, entry]));
      this.entries = jobs.map((job) => known.get(job.jobID) ?? this.enter(job, job.inputs ?? null, false));
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.loading = false;
    }
  }

  clear(): void {
    for (const entry of this.entries) entry.gone = true;
    this.entries = [];
    this.problem = null;
  }

  async start(process: string, inputs: Record<string, unknown>): Promise<JobEntry> {
    const job = await execute(this.http, process, inputs);
    const entry = this.enter(job, inputs, true);
    this.entries = [entry, ...this.entries];
    return entry;
  }

  private enter(job: JobStatus, inputs: Record<string, unknown> | null, own: boolean): JobEntry {
    const entry = new JobEntry(job, inputs);
    if (!hasEnded(job)) void this.follow(entry, own);
    return entry;
  }

  private async follow(entry: JobEntry, own: boolean): Promise<void> {
    await follow(
      {
        ask: () => getJob(this.http, entry.id),
        changed: (job) => {
          entry.job = job;
          entry.problem = null;
          if (entry.logOpen) void this.readLog(entry);
        },
        failed: (thrown) => (entry.problem = asProblem(thrown)),
      },
      () => entry.gone,
    );
    if (entry.gone) return;
    if (entry.job.status === 'successful' && own) await this.show(entry);
    if (entry.job.status === 'failed') {
      entry.problem = this.reason(entry.job);
      if (own) this.outcome.failed(entry);
    }
  }

  /** Why a job failed, as the server tells it. */
  reason(job: JobStatus): Problem | null {
    if (job.problem) return new Problem(job.problem);
    return job.message ? new Problem({ title: job.message }) : null;
  }

  items(entry: JobEntry): ReturnType<typeof jobItems> {
    return jobItems(this.http, entry.id);
  }

  async show(entry: JobEntry): Promise<void> {
    try {
      await this.outcome.done(entry);
      entry.shown = true;
    } catch (thrown) {
      entry.problem = asProblem(thrown);
    }
  }

  /** Stops a job that runs; removes one that has ended. */
  async dismiss(entry: JobEntry): Promise<void> {
    entry.cancelling = true;
    try {
      const ended = hasEnded(entry.job);
      entry.job = await dismissJob(this.http, entry.id);
      if (ended) this.entries = this.entries.filter((other) => other !== entry);
    } catch (thrown) {
      entry.problem = asProblem(thrown);
    } finally {
      entry.cancelling = false;
    }
  }

  async toggleLog(entry: JobEntry): Promise<void> {
    entry.logOpen = !entry.logOpen;
    if (entry.logOpen) await this.readLog(entry);
  }

  private async readLog(entry: JobEntry): Promise<void> {
    try {
      entry.log = await jobLog(this.http, entry.id);
    } catch (thrown) {
      entry.problem = asProblem(thrown);
    }
  }
}
