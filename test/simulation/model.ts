/**
 * What the disk holds, reduced from the applied batches by a second, simpler hand. Every commit is judged by what was applied
 * before it: this is where the cheap invariants live.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Address } from '../../src/kernel/address.ts';
import { formatAddress, formatPlace, rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { LedgerRecord } from '../../src/kernel/ledger-record.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { StoreBatch, StoredJournalRecord } from '../../src/kernel/ports.ts';
import type { ActivityRecord, ActorRecord, ChildRecord } from '../../src/kernel/record.ts';
import { isClosed } from '../../src/kernel/record.ts';
import { deadlineAtMs, isCutShort, judgeBeginnings, judgeDeadline, judgeRetry } from './deadline-rules.ts';
import type { ActivityName } from './machine-parts.ts';
import { actionAttemptsMax, finalErrorName, maximumAttempts } from './machine-parts.ts';
import { actionsIn, actionsInvariant, judgeActions } from './action-rules.ts';
import { ModelTree } from './tree-model.ts';
import { UndoRules } from './undo-rules.ts';
import type { QueueRecord } from '../../src/kernel/queue-record.ts';
import { queueItemId } from '../../src/kernel/queue-record.ts';
import { decodeValue } from '../../src/kernel/value-decoding.ts';
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
  /** All of it, also what was forgotten. */
  readonly journal: StoredJournalRecord[];
  readonly activities: Map<number, ActivityRecord>;
  readonly children: Map<number, ChildRecord>;
  readonly ledger: Map<number, LedgerRecord>;
  readonly timers: Map<number, ModelTimer>;
  /** Timers that fired or were cancelled. */
  readonly spentTimers: Set<number>;
  /** Steps whose outcome is recorded. */
  readonly settled: Set<number>;
  /** Callbacks it ever had. */
  readonly volatile: Set<number>;
  /** Attempts given back, by step. */
  readonly released: Map<number, number>;
  /** Steps at which it was asked to cancel, and took that. */
  readonly asked: Set<number>;
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
  /** Workflows by the address of their root. */
  readonly trees = new Map<string, ModelTree>();
  /** The last run of every id that was deleted. */
  readonly tombstones = new Map<string, number>();
  /** As they were when they were deleted, by place. */
  readonly erased = new Map<string, ModelActor>();
  /** How many custom actions were run, by idempotency key and attempt. */
  readonly acted = new Map<string, number>();
  /** What waits for a person, by the id of the item. */
  readonly queue = new Map<string, QueueRecord>();
  readonly undos = new UndoRules();
  /** Attempts by idempotency key and number. */
  readonly #handedOver = new Set<string>();
  /** Attempts a person allowed, by idempotency key. */
  readonly #allowed = new Map<string, number>();
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
    const trees = new Set<ModelTree>();
    for (const commit of batch.commits) {
      this.commits += 1;
      trees.add(this.#applyCommit(commit));
    }
    for (const tree of trees) {
      tree.checkUnits();
      this.undos.checkUnit(tree);
    }
  }

  /** All runs of an id are gone; their numbers are never used again. */
  erase(workflowId: string, lastRun: number): void {
    this.tombstones.set(workflowId, lastRun);
    this.latest.delete(workflowId);
    for (let run = 1; run <= lastRun; run += 1) {
      const place = formatAddress(rootAddress(workflowId, run));
      for (const actor of this.trees.get(place)?.actors.values() ?? []) {
        const address = formatAddress(actor.record.address);
        this.actors.delete(address);
        this.erased.set(address, actor);
      }
      this.trees.delete(place);
    }
    for (const key of this.messages.keys()) if (key.startsWith(`${workflowId} `)) this.messages.delete(key);
    for (const [item, { address }] of this.queue) if (address.workflowId === workflowId) this.queue.delete(item);
  }

  treeOf({ workflowId, run }: Address): ModelTree {
    const place = formatAddress(rootAddress(workflowId, run));
    const tree = this.trees.get(place) ?? new ModelTree(place);
    this.trees.set(place, tree);
    return tree;
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
    return Math.max(maximumAttempts[name], this.#allowed.get(key) ?? 0) + released;
  }

  isSettled(key: string): boolean {
    const home = this.keys.get(key);
    return home !== undefined && this.actors.get(home.place)?.settled.has(home.n) === true;
  }

  /** Whether an attempt ever was: its code may hear late that nobody waits for it any more. */
  isHandedOver(key: string, attempt: number): boolean {
    return this.#handedOver.has(`${key} ${attempt}`);
  }

  #applyCommit(commit: Commit): ModelTree {
    const place = formatAddress(commit.record.address);
    const before = this.actors.get(place);
    const tree = this.treeOf(commit.record.address);
    const actor = before ?? this.#begin(commit, place, tree);
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
    const isFromMail = tree.isFromMail(commit);
    const isAbout = !tree.isForAnother(commit);
    if (isAbout) this.#judgeEnvelope(place, actor, commit, isFromMail);
    this.undos.apply(tree, place, actor, commit, this.commits, isAbout);
    tree.apply(commit, sequence === 0 ? undefined : actor.record);
    judgeActions(place, sequence === 0 ? undefined : actor, commit);
    this.#applyActivities(place, actor, commit);
    applyTimers(place, actor, commit);
    actor.journal.push({ commit: this.commits, ...journal });
    checkForgotten(place, actor, commit);
    actor.record = record;
    checkRows(place, actor);
    return tree;
  }

  #begin(commit: Commit, place: string, tree: ModelTree): ModelActor {
    const { workflowId, run, path } = commit.record.address;
    const previous = this.current(workflowId);
    const lastRun = this.tombstones.get(workflowId) ?? 0;
    const isNextRun =
      previous === undefined ? run === lastRun + 1 : run === previous.record.address.run + 1 && isClosed(previous.record.status);
    const isWanted = tree.actors.get(formatPlace(path.slice(0, -1)))?.children.get(path.at(-1) ?? 0)?.isActor === true;
    const isNext = path.length === 0 ? isNextRun : isWanted;
    check(isNext && commit.journal.envelope.kind === 'start', 'I1 an acknowledged start stays', () => {
      return `${place} begins with ${commit.journal.envelope.kind} while what is before it is ${previous?.record.status ?? `deleted up to ${lastRun}`}`;
    });
    const actor: ModelActor = {
      record: commit.record,
      journal: [],
      activities: new Map(),
      children: new Map(),
      ledger: new Map(),
      timers: new Map(),
      spentTimers: new Set(),
      settled: new Set(),
      volatile: new Set(),
      released: new Map(),
      asked: new Set(),
      highestStep: 0,
    };
    this.actors.set(place, actor);
    tree.actors.set(formatPlace(path), actor);
    if (path.length === 0) this.latest.set(workflowId, place);
    return actor;
  }

  #judgeEnvelope(place: string, actor: ModelActor, commit: Commit, isFromMail: boolean): void {
    const { envelope, outcome } = commit.journal;
    switch (envelope.kind) {
      case 'start':
      case 'attempt-due':
      case 'terminate':
      case 'attempt-handed-over':
      case 'attempt-heartbeat':
      case 'activity-adjusted':
      case 'activity-hurried':
      case 'activity-retried':
      case 'items':
      case 'event-discarded':
      case 'pause':
      case 'resume':
      case 'unpark':
      case 'park':
      case 'message':
      case 'child-done':
      case 'child-failed':
      case 'child-snapshot':
      case 'child-gone':
      case 'stop':
      case 'undo-next':
      case 'undo-ended':
      case 'undo-entry':
      case 'undo-over':
      case 'undo-retried':
      case 'undo-settled':
      case 'compensation-counted':
        return;
      case 'deadline':
        judgeDeadline(place, actor, commit, this.#time);
        return;
      case 'activity-timed-out':
      case 'activity-completed':
      case 'activity-failed':
        if (outcome === 'queued' || outcome === 'parked' || outcome === 'late') return;
        check(actor.activities.has(envelope.n), 'I3 an outcome is recorded once and ends its step', () => {
          return `${envelope.kind} of ${place}:${envelope.n} at ${commit.journal.sequence}, which is not pending`;
        });
        actor.settled.add(envelope.n);
        return;
      case 'cancel': {
        const isAgain = outcome !== 'queued' && outcome !== 'late' && actor.asked.size > 0;
        check(!isAgain, 'I8 each event is applied once, in order', () => `${place} is asked to cancel again at ${commit.journal.sequence}`);
        if (outcome === 'applied') actor.asked.add(commit.journal.sequence);
        return;
      }
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
        if (outcome !== 'late' && outcome !== 'parked') this.#judgeAttempt(place, actor, commit, envelope, isFromMail);
    }
  }

  /** Of an attempt's end that is not late: it belongs to the attempt that runs, and the policy decides what follows. */
  #judgeAttempt(place: string, actor: ModelActor, commit: Commit, envelope: AttemptEnvelope, isFromMail: boolean): void {
    const invariant = 'I4 key, attempts and calls of a step';
    const single = 'I3 an outcome is recorded once and ends its step';
    const { n, attempt } = envelope;
    // Of what was left, it may say what there is to undo.
    if (!actor.activities.has(n) && actor.ledger.has(n) && commit.journal.outcome === 'queued') return;
    const what = (): string => `${envelope.kind} of ${place}:${n}, attempt ${attempt}, at ${commit.journal.sequence}`;
    check(!actor.settled.has(n), single, () => `${what()} comes after its outcome`);
    const row = actor.activities.get(n);
    const state = isFromMail ? 'settled' : 'running';
    check(row?.state === state && row.attempt === attempt, single, () => {
      return `${what()} is taken, though ${row === undefined ? 'the step is not pending' : `attempt ${row.attempt} is ${row.state}`}`;
    });
    // What becomes of it is decided when the workflow hears of it.
    if (commit.journal.outcome === 'queued') return;
    const isLostRightly = envelope.kind !== 'attempt-lost' || row.isHandedOver !== true || isFromMail;
    check(isLostRightly, invariant, () => `${what()} is lost, though it was handed over`);
    const isOver = commit.activitiesRemoved.includes(n);
    const maximum = attemptsMax(row);
    if (envelope.kind === 'attempt-released') {
      // At most once: it may have had its effect, so giving it back is its end.
      const isEnd = envelope.hasBegun && maximum === 1;
      check(isOver === isEnd, invariant, what);
      if (isEnd) actor.settled.add(n);
      else actor.released.set(n, (actor.released.get(n) ?? 0) + 1);
      return;
    }
    if (isOver) actor.settled.add(n);
    if (envelope.kind === 'attempt-completed') {
      check(isOver, single, () => `${what()} does not end it`);
      if (row.kind === 'actions') this.#judgeActed(row, what);
      return;
    }
    const untilMs = deadlineAtMs(this.treeOf(commit.record.address).root, commit);
    if (!isOver) judgeRetry(row, commit, untilMs);
    const charged = attempt - (actor.released.get(n) ?? 0);
    const isFinal =
      envelope.kind === 'attempt-failed' && row.kind !== 'actions' && row.src !== 'once' && envelope.failure.class === finalErrorName;
    const mustEnd = isFinal || charged >= maximum;
    // Nothing of whom is being unwound is tried again.
    const isCut = isCutShort(row, commit, untilMs) || (actor.record.askers !== undefined && actor.ledger.has(n));
    check(isOver === mustEnd || (isOver && isCut), invariant, () => {
      return `${what()} with ${charged} charged ${isOver ? 'ended' : 'did not end'} it`;
    });
  }

  #judgeActed(row: ActivityRecord, what: () => string): void {
    const acted = this.acted.get(`${row.idempotencyKey} ${row.attempt}`) ?? 0;
    const wanted = actionsIn(row).length;
    check(acted === wanted, actionsInvariant, () => `${what()}: ${acted} of ${wanted} custom actions were run`);
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
        const isNew = row.n > actor.highestStep && (row.kind === 'volatile' || !this.keys.has(row.idempotencyKey));
        check(isNew, invariant, () => `key ${row.idempotencyKey} is given out again`);
        actor.highestStep = row.n;
        if (row.kind !== 'volatile') this.keys.set(row.idempotencyKey, { place, n: row.n });
      } else {
        check(row.idempotencyKey === before.idempotencyKey, invariant, () => `${before.idempotencyKey} became ${row.idempotencyKey}`);
      }
      const grown = row.attempt - (before?.attempt ?? 0);
      check(grown === 0 || (grown === 1 && row.state === 'running'), invariant, () => {
        return `attempts of ${row.idempotencyKey} go from ${before?.attempt ?? 0} to ${row.attempt} (${row.state})`;
      });
      const isHurried = commit.journal.envelope.kind === 'activity-hurried';
      if (before?.state === 'backoff' && row.state === 'running' && !isHurried && !this.#time.hasSteppedBack) {
        check(commit.journal.atMs >= (before.nextAttemptAtMs ?? 0), invariant, () => {
          return `attempt ${row.attempt} of ${row.idempotencyKey} begins ${(before.nextAttemptAtMs ?? 0) - commit.journal.atMs} ms early`;
        });
      }
      actor.activities.set(row.n, row);
      if (row.isHandedOver === true) this.#handedOver.add(`${row.idempotencyKey} ${row.attempt}`);
      if (row.kind === 'volatile') actor.volatile.add(row.n);
      const allowed = Math.max(this.#allowed.get(row.idempotencyKey) ?? 0, attemptsMax(row));
      if (row.adjusted !== undefined) this.#allowed.set(row.idempotencyKey, allowed);
    }
    for (const n of commit.activitiesRemoved) actor.activities.delete(n);
    for (const child of commit.childrenPut) actor.children.set(child.n, child);
    for (const n of commit.childrenRemoved) actor.children.delete(n);
    for (const entry of commit.ledgerPut ?? []) actor.ledger.set(entry.n, entry);
    for (const n of commit.ledgerRemoved ?? []) actor.ledger.delete(n);
    for (const item of commit.queuePut ?? []) this.queue.set(queueItemId(item), item);
    for (const item of commit.queueRemoved ?? []) this.queue.delete(queueItemId(item));
    const root = this.treeOf(commit.record.address).root;
    judgeBeginnings(commit, deadlineAtMs(root, commit), this.#time);
    for (const effect of commit.effects) {
      if (effect.kind !== 'run-attempt') continue;
      const attempts = this.begun.get(effect.idempotencyKey) ?? new Set();
      check(!attempts.has(effect.attempt), invariant, () => `attempt ${effect.attempt} of ${effect.idempotencyKey} begins twice`);
      this.begun.set(effect.idempotencyKey, attempts.add(effect.attempt));
    }
  }
}

/** Attempts that the policy allows, as a person may have changed it. */
function attemptsMax({ src, name, kind, adjusted }: ActivityRecord): number {
  const given = adjusted?.retry === undefined ? undefined : (decodeValue(adjusted.retry) as { readonly maximumAttempts?: number });
  const own = (name.endsWith(':undo') ? name : src) as ActivityName;
  return given?.maximumAttempts ?? (kind === 'actions' ? actionAttemptsMax : maximumAttempts[own]);
}

export function messageKey(workflowId: string, messageId: string): string {
  return `${workflowId} ${messageId}`;
}

function checkFinal(place: string, before: ActorRecord, { record, journal }: Commit): void {
  if (!isClosed(before.status)) return;
  // What is left to be done after an end is noted: last custom actions, the ends of children that were let go, mail for them.
  const isNoted = (['late', 'noted', 'queued', 'parked'] as unknown[]).includes(journal.outcome);
  const isSame = isNoted && record.status === before.status && JSON.stringify(record.chart) === JSON.stringify(before.chart);
  check(
    isSame,
    'I9 final states never change',
    () => `${place} was ${before.status}, then came ${journal.envelope.kind} (${journal.outcome})`,
  );
}

/** What is on disk of a journal. */
export function keptOf({ record, journal }: ModelActor): readonly StoredJournalRecord[] {
  return journal.filter(({ sequence }) => sequence === 1 || sequence >= (record.journalFrom ?? 1));
}

/** The oldest leave and the first stays; the others begin with a whole chart, and are neither too many nor too few. */
function checkForgotten(place: string, { record: before, journal }: ModelActor, { record, journalForgotten }: Commit): void {
  const invariant = 'I5 journals are gapless and give the stored snapshot';
  const [from, to] = [before.journalFrom ?? 2, (record.journalFrom ?? 2) - 1];
  const isTold = to < from ? journalForgotten === undefined && to === from - 1 : isDeepStrictEqual(journalForgotten, { from, to });
  check(isTold, invariant, () => `${place} forgets ${JSON.stringify(journalForgotten)}, its record goes from ${from} to ${to + 1}`);
  const isFolded = to < 2 || journal[to]?.snapshot !== undefined;
  check(isFolded, invariant, () => `what ${place} keeps begins at ${to + 1}, without a whole chart`);
  const [kept, { journalRecordsMax, journalSnapshotInterval }] = [record.sequence - to + 1, limits];
  check(kept <= journalRecordsMax + journalSnapshotInterval, invariant, () => `${place} keeps ${kept} records of its journal`);
  const isTooFew = journalForgotten !== undefined && kept <= Math.min(record.sequence, journalRecordsMax - journalSnapshotInterval);
  check(!isTooFew, invariant, () => `${place} keeps no more than ${kept} records of its journal`);
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

/** What stands in the record says as much as a row would. */
function isSameActivity(pending: ActorRecord['activities'][number], row: ActivityRecord | undefined): boolean {
  if (row?.isInRecord !== true) return row?.childId === pending.childId;
  const { childId, state, attempt, isHandedOver } = pending as ActivityRecord;
  return childId === row.childId && state === row.state && attempt === row.attempt && isHandedOver === row.isHandedOver;
}

function checkRows(place: string, { record, activities, children, ledger, timers }: ModelActor): void {
  const invariant = 'I14 everything becomes definite, rows equal records';
  const isArmed = record.timers.every(({ generation, dueAtMs }) => timers.get(generation)?.dueAtMs === dueAtMs);
  check(isArmed && record.timers.length === timers.size, invariant, () => `timer rows of ${place} differ from its record`);
  const named = record.activities.every((pending) => isSameActivity(pending, activities.get(pending.n)));
  check(named && record.activities.length === activities.size, invariant, () => `activity rows of ${place} differ from its record`);
  check((record.ledger ?? 0) === ledger.size, invariant, () => `ledger rows of ${place} differ from its record`);
  check(record.children === children.size, invariant, () => `child rows of ${place} differ from its record`);
  const pending = [...activities.values()].filter(({ kind }) => kind !== 'actions');
  if (isClosed(record.status)) check(timers.size + pending.length === 0, invariant, () => `${place} is closed with something pending`);
}
