/**
 * What the disk holds, reduced from the applied batches by a second, simpler hand. Every commit is judged by what was applied
 * before it: this is where the cheap invariants live.
 */
import type { Address } from '../../src/kernel/address.ts';
import { formatAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { StoreBatch, StoredJournalRecord } from '../../src/kernel/ports.ts';
import type { ActivityRecord, ActorRecord, ChildRecord } from '../../src/kernel/record.ts';
import { isClosed } from '../../src/kernel/record.ts';
import type { ActivityName } from './machines.ts';
import { finalErrorName, maximumAttempts } from './machines.ts';
import { check } from './violation.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface ModelTimer {
  readonly id: string;
  readonly dueAtMs: number;
  /** The latest the wall clock read while it was armed, before it was last set back. */
  peakMs: number;
}

export interface ModelActor {
  record: ActorRecord;
  readonly journal: StoredJournalRecord[];
  readonly activities: Map<number, ActivityRecord>;
  readonly children: Map<number, ChildRecord>;
  readonly timers: Map<number, ModelTimer>;
  /** Timers that fired or were cancelled. */
  readonly spentTimers: Set<number>;
  /** Steps whose outcome is recorded. */
  readonly settled: Set<number>;
  /** Attempts given back, by step. */
  readonly released: Map<number, number>;
  highestStep: number;
}

interface AppliedMessage {
  readonly run: number;
  readonly sequence: number;
}

type AttemptEnvelope = Extract<Commit['journal']['envelope'], { readonly attempt: number }>;

export class Model {
  readonly actors = new Map<string, ModelActor>();
  /** The address of the latest run of each workflow. */
  readonly latest = new Map<string, string>();
  /** By workflow and message id, of the latest run that was sent it. */
  readonly messages = new Map<string, AppliedMessage>();
  /** Attempts that applied commits let begin, by idempotency key. */
  readonly begun = new Map<string, Set<number>>();
  /** Where each idempotency key belongs. */
  readonly keys = new Map<string, { readonly place: string; readonly n: number }>();
  readonly #lastCall = new Map<string, number>();
  readonly #time: VirtualTime;
  commits = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  current(workflowId: string): ModelActor | undefined {
    const place = this.latest.get(workflowId);
    return place === undefined ? undefined : this.actors.get(place);
  }

  apply(batch: StoreBatch): void {
    check(batch.firstCommit === this.commits + 1, 'I5 journals are gapless and give the stored snapshot', () => {
      return `a batch begins with commit ${batch.firstCommit}, ${this.commits} are applied`;
    });
    for (const commit of batch.commits) {
      this.commits += 1;
      this.#applyCommit(commit);
    }
  }

  beforeStepBack(): void {
    for (const { timers } of this.actors.values()) {
      for (const timer of timers.values()) timer.peakMs = Math.max(timer.peakMs, this.#time.wallMs);
    }
  }

  /** Attempts of a step that may be called, over all lives. */
  callsMax(key: string, name: ActivityName): number {
    const home = this.keys.get(key);
    const released = home === undefined ? 0 : (this.actors.get(home.place)?.released.get(home.n) ?? 0);
    return maximumAttempts[name] + released;
  }

  isSettled(key: string): boolean {
    const home = this.keys.get(key);
    return home !== undefined && this.actors.get(home.place)?.settled.has(home.n) === true;
  }

  #applyCommit(commit: Commit): void {
    const place = formatAddress(commit.record.address);
    const before = this.actors.get(place);
    const actor = before ?? this.#begin(commit, place);
    const sequence = before?.record.sequence ?? 0;
    const { journal, record } = commit;
    check(
      journal.sequence === sequence + 1 && record.sequence === sequence + 1 && commit.base === sequence,
      'I5 journals are gapless and give the stored snapshot',
      () => `${place} is at ${sequence}, the next commit is ${journal.sequence} on ${commit.base}`,
    );
    check(journal.atMs >= (before?.record.updatedAtMs ?? 0), 'I5 journals are gapless and give the stored snapshot', () => {
      return `the journal time of ${place} went back at ${journal.sequence}`;
    });
    if (before !== undefined) checkFinal(place, before.record, commit);
    this.#judgeEnvelope(place, actor, commit);
    this.#applyActivities(place, actor, commit);
    applyTimers(place, actor, commit);
    actor.record = record;
    actor.journal.push({ ...journal, commit: this.commits });
    checkRows(place, actor);
  }

  #begin(commit: Commit, place: string): ModelActor {
    const { workflowId, run } = commit.record.address;
    const previous = this.current(workflowId);
    const isNext = previous === undefined ? run === 1 : run === previous.record.address.run + 1 && isClosed(previous.record.status);
    check(isNext && commit.journal.envelope.kind === 'start', 'I1 an acknowledged start stays', () => {
      return `${place} begins with ${commit.journal.envelope.kind} while the run before it is ${previous?.record.status ?? 'absent'}`;
    });
    const actor: ModelActor = {
      record: commit.record,
      journal: [],
      activities: new Map(),
      children: new Map(),
      timers: new Map(),
      spentTimers: new Set(),
      settled: new Set(),
      released: new Map(),
      highestStep: 0,
    };
    this.actors.set(place, actor);
    this.latest.set(workflowId, place);
    return actor;
  }

  #judgeEnvelope(place: string, actor: ModelActor, commit: Commit): void {
    const { envelope, outcome } = commit.journal;
    switch (envelope.kind) {
      case 'start':
      case 'attempt-due':
      case 'terminate':
      case 'attempt-handed-over':
      case 'attempt-heartbeat':
      case 'activity-timed-out':
      case 'activity-adjusted':
      case 'activity-hurried':
      case 'activity-completed':
      case 'activity-failed':
      case 'pause':
      case 'resume':
      case 'unpark':
      case 'message':
      case 'child-done':
      case 'child-failed':
      case 'child-snapshot':
      case 'child-gone':
      case 'stop':
        return;
      case 'signal':
        // What comes from the mailbox was judged when it was put there.
        if (commit.journal.mail !== undefined && commit.mailPut.length === 0) return;
        this.#judgeSignal(commit.record.address, commit, envelope.messageId, (envelope.event as unknown as { call: number }).call);
        return;
      case 'timer': {
        const timer = actor.timers.get(envelope.generation);
        const invariant = 'I7 each timer fires or is cancelled once, never early';
        check(timer !== undefined, invariant, () => {
          const why = actor.spentTimers.has(envelope.generation) ? 'fired or was cancelled before' : 'was never armed';
          return `timer ${envelope.generation} of ${place} fired at ${commit.journal.sequence}, but it ${why}`;
        });
        // Journal times are exact as long as the clock was never set back.
        const readMs = this.#time.hasSteppedBack ? Math.max(this.#time.wallMs, timer.peakMs) : commit.journal.atMs;
        // Nothing of these charts ignores a delay but by having left the state, which cancels it.
        const isTaken = commit.journal.outcome !== 'unhandled' || !timer.id.startsWith('xstate.after.');
        check(
          isTaken,
          invariant,
          () => `timer ${timer.id} of ${place} fired in ${JSON.stringify(commit.journal.value)}, where it is cancelled`,
        );
        check(readMs >= timer.dueAtMs, invariant, () => `timer ${envelope.generation} of ${place} is ${timer.dueAtMs - readMs} ms early`);
        return;
      }
      case 'attempt-completed':
      case 'attempt-failed':
      case 'attempt-timed-out':
      case 'attempt-lost':
      case 'attempt-released':
        if (outcome !== 'late' && outcome !== 'parked') judgeAttempt(place, actor, commit, envelope);
    }
  }

  #judgeSignal({ workflowId, run }: Address, commit: Commit, messageId: string | undefined, call: number): void {
    const invariant = 'I8 each event is applied once, in order';
    const lastCall = this.#lastCall.get(workflowId) ?? 0;
    check(call > lastCall, invariant, () => `call ${call} of ${workflowId} is applied after call ${lastCall}`);
    this.#lastCall.set(workflowId, call);
    if (messageId === undefined) return;
    const key = messageKey(workflowId, messageId);
    const known = this.messages.get(key);
    check(
      known === undefined || known.run < run,
      invariant,
      () => `message ${messageId} of ${workflowId} is applied at ${known?.sequence} and again by call ${call}`,
    );
    this.messages.set(key, { run, sequence: commit.journal.sequence });
  }

  #applyActivities(place: string, actor: ModelActor, commit: Commit): void {
    const invariant = 'I4 key, attempts and calls of a step';
    for (const row of commit.activitiesPut) {
      const before = actor.activities.get(row.n);
      check(
        !actor.settled.has(row.n),
        'I3 an outcome is recorded once and ends its step',
        () => `${row.idempotencyKey} is kept after its outcome`,
      );
      if (before === undefined) {
        check(
          row.n > actor.highestStep && !this.keys.has(row.idempotencyKey),
          invariant,
          () => `key ${row.idempotencyKey} is given out again`,
        );
        actor.highestStep = row.n;
        this.keys.set(row.idempotencyKey, { place, n: row.n });
      } else {
        check(row.idempotencyKey === before.idempotencyKey, invariant, () => `${before.idempotencyKey} became ${row.idempotencyKey}`);
      }
      const grown = row.attempt - (before?.attempt ?? 0);
      check(grown === 0 || (grown === 1 && row.state === 'running'), invariant, () => {
        return `attempts of ${row.idempotencyKey} go from ${before?.attempt ?? 0} to ${row.attempt} (${row.state})`;
      });
      if (before?.state === 'backoff' && row.state === 'running' && !this.#time.hasSteppedBack) {
        check(commit.journal.atMs >= (before.nextAttemptAtMs ?? 0), invariant, () => {
          return `attempt ${row.attempt} of ${row.idempotencyKey} begins ${(before.nextAttemptAtMs ?? 0) - commit.journal.atMs} ms early`;
        });
      }
      actor.activities.set(row.n, row);
    }
    for (const n of commit.activitiesRemoved) actor.activities.delete(n);
    for (const child of commit.childrenPut) actor.children.set(child.n, child);
    for (const n of commit.childrenRemoved) actor.children.delete(n);
    for (const effect of commit.effects) {
      if (effect.kind !== 'run-attempt') continue;
      const attempts = this.begun.get(effect.idempotencyKey) ?? new Set();
      check(!attempts.has(effect.attempt), invariant, () => `attempt ${effect.attempt} of ${effect.idempotencyKey} begins twice`);
      this.begun.set(effect.idempotencyKey, attempts.add(effect.attempt));
    }
  }
}

export function messageKey(workflowId: string, messageId: string): string {
  return `${workflowId} ${messageId}`;
}

function checkFinal(place: string, before: ActorRecord, { record, journal }: Commit): void {
  if (!isClosed(before.status)) return;
  const isSame =
    journal.outcome === 'late' && record.status === before.status && JSON.stringify(record.chart) === JSON.stringify(before.chart);
  check(
    isSame,
    'I9 final states never change',
    () => `${place} was ${before.status}, then came ${journal.envelope.kind} (${journal.outcome})`,
  );
}

/** Of an attempt's end that is not late: it belongs to the attempt that runs, and the policy decides what follows. */
function judgeAttempt(place: string, actor: ModelActor, commit: Commit, envelope: AttemptEnvelope): void {
  const { n, attempt } = envelope;
  const what = (): string => `${envelope.kind} of ${place}:${n}, attempt ${attempt}, at ${commit.journal.sequence}`;
  check(!actor.settled.has(n), 'I3 an outcome is recorded once and ends its step', () => `${what()} comes after its outcome`);
  const row = actor.activities.get(n);
  const state = commit.journal.mail === undefined || commit.mailPut.length > 0 ? 'running' : 'settled';
  check(row?.state === state && row.attempt === attempt, 'I3 an outcome is recorded once and ends its step', () => {
    return `${what()} is taken, though ${row === undefined ? 'the step is not pending' : `attempt ${row.attempt} is ${row.state}`}`;
  });
  // What becomes of it is decided when the workflow hears of it.
  if (commit.journal.outcome === 'queued') return;
  if (envelope.kind === 'attempt-released' && envelope.hasBegun && maximumAttempts[row.src as ActivityName] === 1) {
    // At most once: it may have had its effect, so giving it back is its end.
    check(commit.journal.outcome !== 'noted', 'I4 key, attempts and calls of a step', what);
    actor.settled.add(n);
    return;
  }
  if (envelope.kind === 'attempt-released') {
    actor.released.set(n, (actor.released.get(n) ?? 0) + 1);
    return;
  }
  const isOver = commit.journal.outcome !== 'noted';
  if (isOver) actor.settled.add(n);
  if (envelope.kind === 'attempt-completed') return;
  const charged = attempt - (actor.released.get(n) ?? 0);
  const isFinal = envelope.kind === 'attempt-failed' && envelope.failure.class === finalErrorName;
  const mustEnd = isFinal || charged >= maximumAttempts[row.src as ActivityName];
  check(
    isOver === mustEnd,
    'I4 key, attempts and calls of a step',
    () => `${what()} with ${charged} charged ${isOver ? 'ended' : 'did not end'} it`,
  );
}

function applyTimers(place: string, actor: ModelActor, commit: Commit): void {
  const invariant = 'I7 each timer fires or is cancelled once, never early';
  for (const { id, generation, dueAtMs, armedAtMs } of commit.timersArmed) {
    check(
      !actor.timers.has(generation) && !actor.spentTimers.has(generation),
      invariant,
      () => `timer ${generation} of ${place} is armed again`,
    );
    actor.timers.set(generation, { id, dueAtMs, peakMs: armedAtMs });
  }
  for (const { generation } of commit.timersDisarmed) {
    check(actor.timers.delete(generation), invariant, () => `timer ${generation} of ${place} is disarmed, but was not armed`);
    actor.spentTimers.add(generation);
  }
}

function checkRows(place: string, { record, activities, children, timers }: ModelActor): void {
  const invariant = 'I14 everything becomes definite, rows equal records';
  const armed = record.timers.every(({ generation, dueAtMs }) => timers.get(generation)?.dueAtMs === dueAtMs);
  check(armed && record.timers.length === timers.size, invariant, () => `timer rows of ${place} differ from its record`);
  const named = record.activities.every(({ n, childId }) => activities.get(n)?.childId === childId);
  check(named && record.activities.length === activities.size, invariant, () => `activity rows of ${place} differ from its record`);
  check(record.children === children.size, invariant, () => `child rows of ${place} differ from its record`);
  if (isClosed(record.status)) check(timers.size + activities.size === 0, invariant, () => `${place} is closed with something pending`);
}
