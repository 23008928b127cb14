/**
 * What becomes of a saga, computed without any of the engine: which steps are in flight, and in the end what is to be undone, in
 * which order. It is told what the world did, and knows nothing of undos but that they come after everything else.
 */
import type { ActivityPlan, ChildPlan, SagaPlan } from './saga-plans.ts';
import { stepName } from './saga-plans.ts';

export interface ModelEntry {
  readonly name: string;
  /** When its step began; tells those apart whose outcomes became known together. */
  readonly beganAt: number;
  outcome: 'completed' | 'unknown' | 'in flight';
  /** What never ends counts as unknown when everything else is settled: as the latest. */
  settledAt: number;
  /** Its undo was tried, and came to an end. */
  isOver: boolean;
  /** Of a child. */
  readonly saga?: ModelSaga;
  readonly plan?: ActivityPlan;
}

export interface InFlight {
  readonly name: string;
  readonly plan: ActivityPlan;
  readonly saga: ModelSaga;
  readonly region: number;
  readonly entry: ModelEntry | undefined;
  /** Nobody waits for it any more. */
  isLeft: boolean;
}

type Step = InFlight | ModelSaga;

export class ModelSaga {
  readonly name: string;
  readonly plan: SagaPlan;
  readonly parent: ModelSaga | undefined;
  readonly regionInParent: number;
  readonly isFatal: boolean;
  readonly beganAt: number;
  ledger: ModelEntry[] = [];
  readonly children: ModelSaga[] = [];
  /** By region: what it is at; undefined once it is through. */
  readonly at: (Step | undefined)[] = [];
  readonly positions: number[];
  state: 'working' | 'unwinding' | 'ended' | 'stopped' = 'working';
  /** How a root ended. */
  end: 'completed' | 'failed' | 'cancelled' | undefined;
  /** Its own chart had it undone. */
  isUnwoundByChart = false;

  constructor(name: string, plan: SagaPlan, beganAt: number, under?: { parent: ModelSaga; region: number; isFatal: boolean }) {
    this.name = name;
    this.plan = plan;
    this.beganAt = beganAt;
    this.parent = under?.parent;
    this.regionInParent = under?.region ?? 0;
    this.isFatal = under?.isFatal ?? false;
    this.positions = plan.regions.map(() => -1);
  }
}

export class SagaModel {
  readonly root: ModelSaga;
  readonly sagas: ModelSaga[] = [];
  /** What the world was asked to do and has not answered, in the order in which it was asked. */
  inFlight: InFlight[] = [];
  /** A chart's unwinding goes on although the chart was stopped: two are at one ledger then. */
  hasOverlap = false;
  #moment = 0;

  constructor(plan: SagaPlan) {
    this.root = new ModelSaga('s', plan, 0);
    this.#begin(this.root);
  }

  find(name: string): InFlight {
    const found = this.inFlight.find((step) => step.name === name);
    if (found === undefined) throw new Error(`By the model ${name} is not in flight.`);
    return found;
  }

  complete(step: InFlight): void {
    this.#settle(step, 'completed');
    if (!step.isLeft) this.#advance(step.saga, step.region);
  }

  fail(step: InFlight): void {
    this.#settle(step, 'unknown');
    if (!step.isLeft) this.#goBad(step.saga);
  }

  /** Events that leave the steps are heard only by who works. */
  leave(): void {
    if (this.root.state === 'working') this.#goBad(this.root);
  }

  cancel(): void {
    if (this.root.end !== undefined) return;
    this.#stop(this.root);
    this.root.end = 'cancelled';
  }

  /** An undo came to its end. A chart that waited for that goes on. */
  undone(saga: ModelSaga, entry: ModelEntry): void {
    entry.isOver = true;
    this.#goOn(saga);
  }

  /** It was left in the moment in which it was to begin: the world never heard of it. */
  neverBegan(step: InFlight): void {
    this.inFlight = this.inFlight.filter((other) => other !== step);
    step.saga.ledger = step.saga.ledger.filter((entry) => entry !== step.entry);
    this.#goOn(step.saga);
  }

  #goOn(saga: ModelSaga): void {
    for (let above: ModelSaga | undefined = saga; above !== undefined; above = above.parent) {
      if (above.state !== 'unwinding' || openOf(above).length > 0) continue;
      this.#ended(above, false);
      return;
    }
  }

  /** Whose step this is, and its entry. */
  entryOf(name: string): { readonly saga: ModelSaga; readonly entry: ModelEntry } {
    for (const saga of this.sagas) {
      const entry = saga.ledger.find((own) => own.name === name && own.saga === undefined);
      if (entry !== undefined) return { saga, entry };
    }
    throw new Error(`By the model there is no undo of ${name}.`);
  }

  #settle(step: InFlight, outcome: 'completed' | 'unknown'): void {
    this.inFlight = this.inFlight.filter((other) => other !== step);
    if (step.entry !== undefined) Object.assign(step.entry, { outcome, settledAt: this.#next() });
  }

  #next(): number {
    this.#moment += 1;
    return this.#moment;
  }

  #begin(saga: ModelSaga): void {
    this.sagas.push(saga);
    // Each of them begins before any of them says something.
    for (const region of saga.plan.regions.keys()) this.#beginStep(saga, region);
    for (const step of saga.at) if (step instanceof ModelSaga) this.#begin(step);
  }

  #beginStep(saga: ModelSaga, region: number): void {
    const index = (saga.positions[region] ?? 0) + 1;
    saga.positions[region] = index;
    const plan = saga.plan.regions[region]?.[index];
    if (plan === undefined) saga.at[region] = undefined;
    else saga.at[region] = plan.kind === 'child' ? this.#child(saga, region, index, plan) : this.#activity(saga, region, index, plan);
  }

  #child(parent: ModelSaga, region: number, index: number, { saga, isFatal }: ChildPlan): ModelSaga {
    const child = new ModelSaga(stepName(parent.name, region, index), saga, this.#next(), { parent, region, isFatal });
    parent.children.push(child);
    return child;
  }

  #activity(saga: ModelSaga, region: number, index: number, plan: ActivityPlan): InFlight {
    const name = stepName(saga.name, region, index);
    const isUndoable = plan.undo === 'succeeds' || plan.undo === 'fails';
    const beganAt = this.#next();
    const entry: ModelEntry | undefined = isUndoable
      ? { name, beganAt, plan, outcome: 'in flight', settledAt: Infinity, isOver: false }
      : undefined;
    if (entry !== undefined) saga.ledger.push(entry);
    const step: InFlight = { name, plan, saga, region, entry, isLeft: false };
    this.inFlight.push(step);
    return step;
  }

  #advance(saga: ModelSaga, region: number): void {
    this.#beginStep(saga, region);
    const step = saga.at[region];
    if (step instanceof ModelSaga) this.#begin(step);
    if (saga.at.every((at) => at === undefined)) this.#ended(saga, true);
  }

  /** A chart leaves its states from the last one to the first. */
  #goBad(saga: ModelSaga): void {
    for (const step of saga.at.toReversed()) this.#let(saga, step);
    if (saga.plan.unwoundBy === 'engine') {
      this.#ended(saga, false);
      return;
    }
    saga.state = 'unwinding';
    saga.isUnwoundByChart = true;
    if (openOf(saga).length === 0) this.#ended(saga, false);
  }

  #let(saga: ModelSaga, step: Step | undefined): void {
    if (step instanceof ModelSaga) {
      if (step.state === 'ended' || step.state === 'stopped') return;
      this.#stop(step);
      this.#enter(saga, step);
    } else if (step !== undefined && this.inFlight.includes(step)) step.isLeft = true;
  }

  /** Who is stopped stops its children from the first one to the last. */
  #stop(saga: ModelSaga): void {
    if (saga.state === 'unwinding') this.hasOverlap = true;
    saga.state = 'stopped';
    for (const step of saga.at) if (!(step instanceof ModelSaga)) this.#let(saga, step);
    for (const child of saga.children) this.#let(saga, child);
  }

  /** A child that leaves something is one entry of its parent's ledger. */
  #enter(parent: ModelSaga, child: ModelSaga): void {
    if (openOf(child).length === 0) return;
    const { name, beganAt } = child;
    parent.ledger.push({ name, beganAt, outcome: 'completed', settledAt: this.#next(), isOver: false, saga: child });
  }

  #ended(saga: ModelSaga, isGood: boolean): void {
    saga.state = 'ended';
    const { parent } = saga;
    if (parent === undefined) {
      saga.end = isGood ? 'completed' : 'failed';
      return;
    }
    this.#enter(parent, saga);
    if (!isGood && saga.isFatal) this.#goBad(parent);
    else this.#advance(parent, saga.regionInParent);
  }
}

/** What of a ledger is to be undone, newest completion first; of what became known together, first the one that began last. */
export function openOf(saga: ModelSaga): ModelEntry[] {
  const left = saga.ledger.filter(({ isOver, saga: child }) => !isOver && (child === undefined || openOf(child).length > 0));
  return left.sort((one, other) => (one.settledAt === other.settledAt ? other.beganAt - one.beganAt : other.settledAt - one.settledAt));
}

/** Whether somebody undoes what it did. */
export function isUnwound({ isUnwoundByChart, parent, end, name }: ModelSaga): boolean {
  if (isUnwoundByChart) return true;
  if (parent === undefined) return end === 'failed' || end === 'cancelled';
  return parent.ledger.some((entry) => entry.name === name) && isUnwound(parent);
}
