/** OGC API - Processes: what can be run, and the jobs that run it. */
import type { Http } from './http.ts';
import type { JobStatus, LogLine, ProcessDescription, ProcessSummary, StacItem } from './types.ts';

const one = (id: string): string => encodeURIComponent(id);

export async function listProcesses(http: Http): Promise<ProcessSummary[]> {
  return (await http.json<{ processes: ProcessSummary[] }>('/processes')).processes;
}

export function describeProcess(http: Http, id: string): Promise<ProcessDescription> {
  return http.json<ProcessDescription>(`/processes/${one(id)}`);
}

export function execute(http: Http, id: string, inputs: Record<string, unknown>): Promise<JobStatus> {
  return http.json<JobStatus>(`/processes/${one(id)}/execution`, { method: 'POST', body: { inputs } });
}

export async function listJobs(http: Http, limit = 20, key?: string): Promise<JobStatus[]> {
  const ask = key === undefined ? {} : { key };
  return (await http.json<{ jobs: JobStatus[] }>(`/jobs?limit=${limit}`, ask)).jobs;
}

export function getJob(http: Http, id: string, signal?: AbortSignal): Promise<JobStatus> {
  return http.json<JobStatus>(`/jobs/${one(id)}`, signal ? { signal } : {});
}

export function dismissJob(http: Http, id: string): Promise<JobStatus> {
  return http.json<JobStatus>(`/jobs/${one(id)}`, { method: 'DELETE' });
}

/** Reads log lines of any of the shapes in which a server may give them. */
export function readLog(answer: unknown): LogLine[] {
  const lines = Array.isArray(answer) ? answer : ((answer as { logs?: unknown[]; lines?: unknown[] }).logs ?? (answer as { lines?: unknown[] }).lines ?? []);
  return lines.map((line) => {
    if (typeof line !== 'object' || line === null) return { time: null, text: String(line) };
    const { time, at, created, text, message } = line as Record<string, unknown>;
    const when = time ?? at ?? created;
    return { time: when === undefined || when === null ? null : String(when), text: String(text ?? message ?? '') };
  });
}

export async function jobLog(http: Http, id: string): Promise<LogLine[]> {
  return readLog(await http.json<unknown>(`/jobs/${one(id)}/logs`));
}

/** The STAC items that a successful job made; a value may be qualified, as the standard allows. */
export async function jobItems(http: Http, id: string): Promise<StacItem[]> {
  const results = await http.json<Record<string, unknown>>(`/jobs/${one(id)}/results`);
  const items = results['items'] as { value?: unknown; features?: StacItem[] } | undefined;
  const collection = (items?.value ?? items) as { features?: StacItem[] } | undefined;
  return collection?.features ?? [];
}
