/** Everything the page knows, in one place; components read it and call its verbs. */
import { Http } from '../api/http.ts';
import { asProblem, Problem } from '../api/problem.ts';
import type { LonLatBox, StacItem } from '../api/types.ts';
import type { Hit, MapView } from '../map/map-view.ts';
import type { ProjectionCode } from '../map/projections.ts';
import { boxOf } from '../map/boxes.ts';
import { m } from '../messages.ts';
import { type JobEntry, Jobs } from './jobs.svelte.ts';
import { Layers } from './layers.svelte.ts';
import { RunForm } from './run.svelte.ts';
import { Session } from './session.svelte.ts';
import { decodeState, encodeState, type MapPlace, type PageState, type PanelName } from './url.ts';

export class Platform {
  readonly session: Session = new Session(() => this.http);
  readonly http: Http = new Http(() => this.session.key);
  readonly layers = new Layers(this.http);
  readonly run = new RunForm(this.http);
  readonly jobs = new Jobs(this.http, { done: (entry) => this.showResults(entry), failed: (entry) => this.say(m.jobFailed(this.titleOf(entry.job.processID))) });

  panel = $state<PanelName>('layers');
  panelOpen = $state(true);
  selected = $state.raw<[string, string] | null>(null);
  hover = $state.raw<Hit | null>(null);
  place = $state.raw<MapPlace | null>(null);
  projection = $state<ProjectionCode>('3857');
  drawing = $state(false);
  dialog = $state<'help' | 'key' | null>(null);
  tableOf = $state<string | null>(null);
  notice = $state<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  ready = $state(false);
  /** Set by the map's component. */
  map: MapView | null = null;
  private starting: MapPlace | null = null;

  /** Takes the key out of the address at once, then restores the rest of the state from it. */
  async open(fragment: string): Promise<void> {
    const { state, key } = decodeState(fragment);
    this.restore(state);
    if (key !== null) history.replaceState(null, '', `#${encodeState(state)}`);
    await this.enterKey(key ?? this.session.remembered(), key !== null);
    await Promise.all([this.loadLayers(state), this.run.load(state.process)]);
    this.datesFromLayers();
    this.place ??= this.map?.place() ?? null;
    this.ready = true;
    if (this.session.key) await this.jobs.load();
  }

  private restore(state: PageState): void {
    this.panel = state.panel;
    this.place = state.place;
    this.starting = state.place;
    this.projection = state.projection;
    this.selected = state.selected;
    this.run.setBox(state.box);
    this.run.setDates(state.from ?? '', state.to ?? '');
  }

  /** The place that the address named; given once, since from then on the map knows better. */
  takeStartingPlace(): MapPlace | null {
    const place = this.starting;
    this.starting = null;
    return place;
  }

  private async enterKey(key: string | null, loud: boolean): Promise<void> {
    if (!key || (await this.session.use(key))) return;
    this.session.forget();
    this.problem = this.session.problem;
    if (loud) this.dialog = 'key';
  }

  private async loadLayers(state: PageState): Promise<void> {
    await this.layers.load(state.layers);
    const extent = this.layers.extent('crop');
    if (!this.place && extent) this.map?.fit(extent, false);
  }

  /** Dates of the newest map are a better start than an empty field. */
  private datesFromLayers(): void {
    const properties = this.layers.list.find((layer) => layer.kind === 'crop')?.item.properties ?? this.layers.list[0]?.item.properties;
    const [start, end] = [properties?.['start_datetime'], properties?.['end_datetime']];
    if (this.run.from || this.run.to || typeof start !== 'string' || typeof end !== 'string') return;
    this.run.setDates(start.slice(0, 10), end.slice(0, 10));
  }

  /** The state for the address bar. */
  get address(): string {
    return encodeState({
      place: this.place,
      projection: this.projection,
      layers: this.layers.states(),
      box: this.run.box,
      from: this.run.from || null,
      to: this.run.to || null,
      process: this.run.process?.id ?? null,
      panel: this.panel,
      selected: this.selected,
    });
  }

  async useKey(text: string): Promise<void> {
    if (!(await this.session.use(text))) return;
    this.problem = null;
    this.say(m.keyAccepted(this.session.prefix ?? ''));
    await Promise.all([this.layers.load(this.layers.states()), this.jobs.load(), this.run.process ? null : this.run.load(null)]);
  }

  async forgetKey(): Promise<void> {
    this.session.forget();
    this.jobs.clear();
    await this.layers.load(this.layers.states());
  }

  titleOf(process: string): string {
    return this.run.processes.find((known) => known.id === process)?.title ?? process;
  }

  async submit(): Promise<void> {
    const { run } = this;
    const inputs = run.check();
    if (!inputs || !run.process) return;
    if (!this.session.key) {
      this.dialog = 'key';
      return;
    }
    await this.startJob(run.process.id, inputs);
  }

  async startJob(process: string, inputs: Record<string, unknown>): Promise<void> {
    this.run.busy = true;
    this.run.problem = null;
    try {
      await this.jobs.start(process, inputs);
      this.say(m.started(this.titleOf(process)));
      this.show('jobs');
    } catch (thrown) {
      this.run.problem = asProblem(thrown);
      this.show('run');
      if (this.run.problem.aboutKey) this.session.problem = this.run.problem;
    } finally {
      this.run.busy = false;
    }
  }

  private async showResults(entry: JobEntry): Promise<void> {
    const items = await this.jobs.items(entry);
    if (items.length === 0) throw new Problem({ title: m.jobNothingToShow });
    const count = await this.layers.add(items, true);
    const box = boxOf(items[0]?.bbox);
    if (box) this.map?.fit(box);
    this.say(m.jobFinished(this.titleOf(entry.job.processID), count));
  }

  async addMap(item: StacItem): Promise<void> {
    try {
      await this.layers.add([item], false);
      const box = boxOf(item.bbox);
      if (box) this.map?.fit(box);
    } catch (thrown) {
      this.problem = asProblem(thrown);
    }
  }

  show(panel: PanelName): void {
    this.panel = panel;
    this.panelOpen = true;
  }

  say(text: string): void {
    this.notice = text;
  }

  select(which: [string, string] | null, goThere = false): void {
    this.selected = which;
    if (!which || !goThere) return;
    const layer = this.layers.get(which[0]);
    if (layer && !layer.visible) this.layers.change(layer.id, { visible: true });
    const box = this.map?.featureBox(which);
    if (box) this.map?.fit(box);
  }

  drawn(box: LonLatBox): void {
    this.run.setBox(box);
    this.drawing = false;
    this.show('run');
  }

  startDrawing(): void {
    this.drawing = true;
    if (window.innerWidth <= 720) this.panelOpen = false;
  }

  fitAll(): void {
    const extent = this.layers.extent();
    if (extent) this.map?.fit(extent);
  }

  /** Closes the topmost thing that Escape should close; native dialogs close themselves. */
  escape(): void {
    if (this.drawing) this.drawing = false;
    else if (this.tableOf) this.tableOf = null;
    else if (this.selected) this.selected = null;
    else if (this.problem) this.problem = null;
  }

  key(name: string): boolean {
    const verbs: Record<string, () => void> = {
      '?': () => (this.dialog = 'help'),
      l: () => this.show('layers'),
      r: () => this.show('run'),
      j: () => this.show('jobs'),
      d: () => this.startDrawing(),
      f: () => this.fitAll(),
      t: () => (this.tableOf = this.layers.list.filter((layer) => layer.visible).at(-1)?.id ?? null),
    };
    verbs[name]?.();
    return name in verbs;
  }
}

export const platform = new Platform();
