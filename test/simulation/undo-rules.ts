/**
 * What holds of undoing, by a second hand: what took effect, or may have, is taken from attempts and their outcomes, not from the
 * engine's ledger; the ledger is held against it. Each model has one of these.
 */
import { formatAddress, formatPlace } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { LedgerRecord } from '../../src/kernel/ledger-record.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { ActivityRecord, ActorRecord } from '../../src/kernel/record.ts';
import { isClosed } from '../../src/kernel/record.ts';
import { decodeValue } from '../../src/kernel/value-decoding.ts';
import { undoableNames } from './machine-parts.ts';
import type { ModelActor } from './model.ts';
import type { ModelTree } from './tree-model.ts';
import { check } from './violation.ts';

const accounted = 'I10 what took effect is undone or deferred, each once';
const ordered = 'I10 undos run one at a time, the newest completion first';
const caused = 'I10 an undo follows from a commit, and never again after its record';
const told = 'I14 everything becomes definite, rows equal records';

/** Something done that can be undone: of an activity, or of a child all that it did. */
interface Deed {
  readonly key: string;
  readonly tree: string;
  readonly place: string;
  readonly n: number;
  readonly isOfChild: boolean;
  readonly input: string;
  /** Attempts that began and of whose end nothing is told. */
  readonly inFlight: Set<number>;
  hasBegun: boolean;
  isLeft: boolean;
  hasCompleted: boolean;
  /** Number of the commit that told its outcome. */
  settledAt: number | undefined;
  undo: 'given' | 'undone' | 'deferred' | 'abandoned' | undefined;
  /** The activity of an unwinding that undoes it. */
  row: { readonly place: string; readonly n: number; readonly key: string } | undefined;
  isEnded: boolean;
}

/** What an undo is told of what it undoes. */
interface UndoInput {
  readonly input: unknown;
  readonly output?: unknown;
  readonly outcome: 'completed' | 'unknown';
  readonly idempotencyKey: string;
}

const endsOfAttempts = [
  'attempt-completed',
  'attempt-failed',
  'attempt-timed-out',
  'attempt-lost',
  'attempt-released',
  'attempt-handed-over',
];
const endsByHand = ['activity-completed', 'activity-failed', 'activity-timed-out'];

export class UndoRules {
  /** By idempotency key; those of children by place and number. */
  readonly #deeds = new Map<string, Deed>();
  readonly #byTree = new Map<string, Deed[]>();
  /** Deeds by the activity that undoes them. */
  readonly #byRow = new Map<string, Deed>();
  /** With which status a root will close that undoes first. */
  readonly #endings = new Map<string, string>();
  /** How many undos were given to unwindings. */
  undos = 0;

  /** Whether anything is being undone. */
  isAnyRunning(): boolean {
    for (const deed of this.#deeds.values()) if (deed.undo === 'given' && !deed.isOfChild) return true;
    return false;
  }

  /** Under which name its attempts were let begin; undefined if nobody wants it undone. */
  rowOf(undoKey: string): string | undefined {
    return this.#deeds.get(undoKey.slice(0, -':undo'.length))?.row?.key;
  }

  isRecorded(undoKey: string): boolean {
    return this.#deeds.get(undoKey.slice(0, -':undo'.length))?.isEnded === true;
  }

  /**
   * A commit, before its rows are applied.
   *
   * @param isAbout whether its envelope is the actor's own
   */
  apply(tree: ModelTree, place: string, before: ModelActor, commit: Commit, number: number, isAbout: boolean): void {
    const isHeard = isAbout && commit.journal.outcome !== 'queued' && commit.journal.outcome !== 'parked';
    if (isUnwinding(commit.record)) this.#applyUnwinding(tree, place, commit, isHeard);
    else {
      this.#register(tree, place, commit, before);
      this.#begin(commit);
      if (isHeard) this.#hear(tree, place, commit, number, before);
      this.#leave(tree, place, commit, number, before);
      this.#judgeLedger(place, before, commit);
    }
    if (commit.record.address.path.length === 0) this.#judgeEnd(tree, before, commit);
  }

  /** At the end of a unit: what was written of undos is what became of them. */
  checkUnit(tree: ModelTree): void {
    const { root, place } = tree;
    if (root === undefined || !this.#byTree.has(place)) return;
    const { status, compensation } = root.record;
    if (status === 'failed' || status === 'cancelled') this.#judgeAccounts(tree);
    const open =
      status === 'terminated' ? this.#of(place).find(({ hasBegun, undo }) => hasBegun && (undo ?? 'given') === 'given') : undefined;
    check(open === undefined, accounted, () => `${place} was terminated, and the undo of ${open?.key} is not abandoned`);
    // What is still to be said may be counts.
    if (tree.mail.size > 0) return;
    const entries = [...tree.actors.values()].flatMap(({ ledger }) => [...ledger.values()]).filter(({ kind }) => kind !== 'child');
    const owed = entries.filter(({ undo }) => undo === 'deferred').length + entries.filter(({ isOrphan }) => isOrphan === true).length;
    const undone = this.#of(place).filter((deed) => deed.undo === 'undone' && !deed.isOfChild).length;
    const counted = compensation ?? { running: 0, undone: 0, owed: 0 };
    check(counted.owed === owed && counted.undone === undone, told, () => {
      return `${place} counts ${counted.undone} undone and ${counted.owed} owed, applied are ${undone} and ${owed}`;
    });
  }

  /** When all is at rest. */
  checkRest(tree: ModelTree): void {
    const { root, place } = tree;
    if (root === undefined || !this.#byTree.has(place) || tree.isHeld) return;
    const { status, compensation } = root.record;
    check(status !== 'compensating', told, () => `${place} is compensating for ever`);
    check((compensation?.running ?? 0) === 0, told, () => `${place} counts unwindings, and none is there`);
    const given = this.#of(place).find((deed) => deed.undo === 'given');
    check(given === undefined || status === 'terminated', accounted, () => `the undo of ${given?.key} comes to nothing`);
  }

  #of(tree: string): Deed[] {
    return this.#byTree.get(tree) ?? [];
  }

  #add(deed: Deed): void {
    this.#deeds.set(deed.key, deed);
    const known = this.#byTree.get(deed.tree);
    if (known === undefined) this.#byTree.set(deed.tree, [deed]);
    else known.push(deed);
  }

  #register(tree: ModelTree, place: string, commit: Commit, before: ModelActor): void {
    for (const row of commit.activitiesPut) {
      if (!undoableNames.includes(row.src) || row.kind !== undefined || this.#deeds.has(row.idempotencyKey)) continue;
      this.#add({ ...newDeed(tree, place, row), key: row.idempotencyKey, isOfChild: false, input: JSON.stringify(decodeValue(row.input)) });
      const isKept = commit.ledgerPut?.some(({ n }) => n === row.n) === true || before.ledger.has(row.n);
      check(isKept, accounted, () => `${row.idempotencyKey} is scheduled, and its undo is not registered`);
    }
  }

  #begin({ effects }: Commit): void {
    for (const effect of effects) {
      const deed = effect.kind === 'run-attempt' ? this.#deeds.get(effect.idempotencyKey) : undefined;
      if (effect.kind !== 'run-attempt' || deed === undefined) continue;
      deed.inFlight.add(effect.attempt);
      deed.hasBegun = true;
    }
  }

  #hear(tree: ModelTree, place: string, commit: Commit, number: number, before: ModelActor): void {
    const { envelope, outcome } = commit.journal;
    if (envelope.kind === 'undo-next' && envelope.isImpatient === true) this.#waitNoLonger(tree, place, number);
    const isChild = envelope.kind === 'child-done' || envelope.kind === 'child-failed' || envelope.kind === 'child-gone';
    if (isChild) {
      const isLeft = envelope.kind === 'child-gone' ? envelope.undos !== undefined : envelope.hasUndos === true;
      const key = `${place}/${envelope.n}`;
      const isTaken = isLeft && commit.ledgerPut?.some(({ n }) => n === envelope.n) === true;
      if (isTaken && !this.#deeds.has(key)) {
        this.#add({ ...newDeed(tree, place, envelope), key, isOfChild: true, input: '', hasBegun: true, settledAt: number });
      }
      return;
    }
    if (!('n' in envelope)) return;
    const deed = this.#of(tree.place).find((known) => known.place === place && known.n === envelope.n && !known.isOfChild);
    if (deed === undefined) return;
    const isPending = before.activities.has(envelope.n);
    if ('attempt' in envelope && endsOfAttempts.includes(envelope.kind)) deed.inFlight.delete(envelope.attempt);
    if (isPending && endsByHand.includes(envelope.kind)) deed.inFlight.clear();
    const isOutput = envelope.kind === 'attempt-completed' || envelope.kind === 'activity-completed';
    const isTaken = isPending ? outcome !== 'late' : envelope.kind === 'attempt-completed';
    if (isOutput && isTaken && !deed.hasCompleted) {
      deed.hasCompleted = true;
      if (deed.undo === undefined && (isPending || deed.inFlight.size === 0)) deed.settledAt = number;
    }
    // Its code was never entered.
    if (envelope.kind === 'attempt-released' && !envelope.hasBegun && envelope.attempt === 1 && !isPending) deed.hasBegun = false;
    else if (deed.isLeft && deed.settledAt === undefined && deed.inFlight.size === 0) deed.settledAt = number;
  }

  #leave(tree: ModelTree, place: string, commit: Commit, number: number, before: ModelActor): void {
    for (const n of commit.activitiesRemoved) {
      const deed = this.#of(tree.place).find((known) => known.place === place && known.n === n && !known.isOfChild);
      if (deed === undefined) continue;
      deed.isLeft = true;
      const row = before.activities.get(n);
      // Its outcome waits in the mailbox.
      const isKept = row?.state === 'settled' && !isHeardNow(commit, n);
      if (isKept && deed.hasBegun && deed.settledAt === undefined) deed.inFlight.add(row.attempt);
      if (deed.settledAt === undefined && deed.hasBegun && deed.inFlight.size === 0) deed.settledAt = number;
    }
  }

  #waitNoLonger(tree: ModelTree, place: string, number: number): void {
    for (const deed of this.#of(tree.place)) {
      if (deed.place !== place || deed.isOfChild) continue;
      deed.inFlight.clear();
      if (deed.isLeft && deed.hasBegun) deed.settledAt ??= number;
    }
  }

  /** What the engine's ledger says is held against what happened. */
  #judgeLedger(place: string, before: ModelActor, commit: Commit): void {
    // In one step what was undone ends, and the next begins.
    const puts = [...(commit.ledgerPut ?? [])].sort((a, b) => Number(a.undo === 'running') - Number(b.undo === 'running'));
    for (const entry of puts) {
      const deed = this.#deeds.get(entry.kind === 'child' ? `${place}/${entry.n}` : (entry.idempotencyKey ?? ''));
      check(deed !== undefined, accounted, () => `entry ${entry.n} of ${place} is of nothing that was done`);
      if (before.ledger.get(entry.n)?.undo === entry.undo) continue;
      if (entry.undo === 'running') this.#judgeGiven(place, commit, deed);
      else if (entry.undo === 'undone') this.#judgeUndone(deed);
      else if (entry.undo === 'deferred') deed.undo = 'deferred';
      else if (entry.undo === 'abandoned') deed.undo = 'abandoned';
    }
    for (const n of commit.ledgerRemoved ?? []) {
      const deed = this.#of(formatTree(commit)).find((known) => known.place === place && known.n === n);
      check(deed?.hasBegun !== true, accounted, () => `${deed?.key} was begun, and what it did is forgotten`);
    }
  }

  #judgeGiven(place: string, commit: Commit, deed: Deed): void {
    const own = this.#of(formatTree(commit)).filter((known) => known.place === place);
    const what = (): string => `${deed.key} is to be undone at ${commit.journal.sequence} of ${place}`;
    check(deed.undo === undefined, caused, () => `${what()}, though that was ${deed.undo}`);
    const other = own.find(({ undo }) => undo === 'given');
    check(other === undefined, ordered, () => `${what()} while ${other?.key} is`);
    const late = own.find(({ inFlight, hasBegun, settledAt }) => inFlight.size > 0 || (hasBegun && settledAt === undefined));
    check(late === undefined, ordered, () => `${what()} while ${late?.key} is in flight`);
    const { settledAt } = deed;
    check(settledAt !== undefined, ordered, () => `${what()}, though it has not come to anything`);
    const newer = own.find((known) => known.undo === undefined && (known.settledAt ?? 0) > settledAt);
    check(newer === undefined, ordered, () => `${what()} before ${newer?.key}, which completed after it`);
    deed.undo = 'given';
    this.undos += 1;
  }

  #judgeUndone(deed: Deed): void {
    check(deed.isOfChild || deed.undo === 'undone', accounted, () => `${deed.key} is said to be undone, and no undo of it completed`);
    deed.undo = 'undone';
  }

  #applyUnwinding(tree: ModelTree, place: string, commit: Commit, isHeard: boolean): void {
    const { envelope, outcome, sequence } = commit.journal;
    const isTerminated = tree.root?.record.status === 'terminated';
    const begins = commit.effects.some(({ kind }) => kind === 'run-attempt');
    check(!isTerminated || !begins, accounted, () => `an undo of ${tree.place} begins, though it was terminated`);
    if (sequence === 1) judgeBirth(tree, commit);
    for (const row of commit.activitiesPut) this.#judgeRow(place, row);
    for (const n of commit.activitiesRemoved) {
      const deed = this.#byRow.get(`${place}:${n}`);
      if (deed === undefined) continue;
      const isOutput = isHeard && (envelope.kind === 'attempt-completed' || envelope.kind === 'activity-completed') && envelope.n === n;
      if (isOutput && outcome !== 'late') deed.undo = 'undone';
      deed.isEnded = true;
    }
    for (const { id, armedAtMs, dueAtMs } of commit.timersArmed) {
      const isPatient = id !== 'unwinding.impatient' || dueAtMs - armedAtMs === limits.settleMs;
      check(isPatient, ordered, () => `${place} waits ${dueAtMs - armedAtMs} ms for what is in flight`);
    }
  }

  #judgeRow(place: string, row: ActivityRecord): void {
    const name = `${place}:${row.n}`;
    if (this.#byRow.has(name)) return;
    const given = decodeValue(row.input) as UndoInput;
    const key = given.idempotencyKey.slice(0, -':undo'.length);
    const deed = this.#deeds.get(key);
    check(deed !== undefined && given.idempotencyKey === `${key}:undo`, caused, () => `${name} undoes ${key}, which nobody did`);
    check(deed.row === undefined && deed.undo === 'given', caused, () => `${key} is undone again, or nobody wants it: ${deed.undo}`);
    const isKnown = JSON.stringify(given.input) === deed.input && given.outcome === (deed.hasCompleted ? 'completed' : 'unknown');
    // What it came to is said by people and tokens, too.
    const isSame = isKnown && (given.output !== undefined) === deed.hasCompleted;
    check(
      isSame,
      accounted,
      () => `the undo of ${key} is given ${JSON.stringify(given)}, it ${deed.hasCompleted ? 'completed' : 'did not'}`,
    );
    deed.row = { place, n: row.n, key: row.idempotencyKey };
    this.#byRow.set(name, deed);
  }

  /** A root that undoes first closes as it ended, unless it is terminated. */
  #judgeEnd(tree: ModelTree, before: ModelActor, { record, journal }: Commit): void {
    const { place } = tree;
    const known = this.#endings.get(place);
    const ended = known ?? record.ending?.status;
    if (record.ending !== undefined && known === undefined) this.#endings.set(place, record.ending.status);
    if (known !== undefined && !isClosed(record.status)) {
      const isSame = record.ending?.status === known && JSON.stringify(record.chart) === JSON.stringify(before.record.chart);
      check(isSame, 'I9 final states never change', () => `${place} ended ${known}, then came ${journal.envelope.kind}`);
      return;
    }
    if (known === undefined || !isClosed(record.status)) return;
    const isEnd = record.status === ended || record.status === 'terminated';
    check(isEnd, 'I9 final states never change', () => `${place} ended ${ended}, and closes ${record.status}`);
  }

  /** Everything that took effect, or may have, is undone or waits for a person. */
  #judgeAccounts(tree: ModelTree): void {
    for (const deed of this.#of(tree.place)) {
      if (!deed.hasBegun) continue;
      const entry = this.#entryOf(tree, deed);
      const isWell = (deed.undo === 'undone' || deed.undo === 'deferred') && entry?.undo === deed.undo;
      check(isWell, accounted, () => `${tree.place} closed, and what ${deed.key} did is ${deed.undo ?? 'forgotten'} (${entry?.undo})`);
    }
  }

  #entryOf(tree: ModelTree, { place, n }: Deed): LedgerRecord | undefined {
    return [...tree.actors.values()].find(({ record }) => formatAddress(record.address) === place)?.ledger.get(n);
  }
}

/** Whether a step is about the outcome of this activity. */
function isHeardNow({ journal: { envelope } }: Commit, n: number): boolean {
  return 'n' in envelope && envelope.n === n && (endsOfAttempts.includes(envelope.kind) || endsByHand.includes(envelope.kind));
}

/** Whether an actor is there to undo what another did. */
export function isUnwinding({ machine }: Pick<ActorRecord, 'machine'>): boolean {
  return machine.id.endsWith('.compensation');
}

function newDeed({ place: tree }: ModelTree, place: string, { n }: { readonly n: number }): Omit<Deed, 'key' | 'isOfChild' | 'input'> {
  const nothing = { settledAt: undefined, undo: undefined, row: undefined };
  return { tree, place, n, inFlight: new Set(), hasBegun: false, isLeft: false, hasCompleted: false, isEnded: false, ...nothing };
}

/** The engine begins to undo where the workflow ended badly; everything else is asked for by a chart. */
function judgeBirth({ place, root }: ModelTree, { record }: Commit): void {
  const isOfEngine = record.birth?.lineage.length === 1 && record.birth.lineage[0] === 'perdure.compensation';
  const isRight = !isOfEngine || root?.record.ending !== undefined;
  check(
    isRight,
    accounted,
    () => `the engine undoes what ${place} did, which is ${root?.record.status}${formatPlace(record.address.path)}`,
  );
}

function formatTree({ record: { address } }: Commit): string {
  return formatAddress({ ...address, path: [] });
}
