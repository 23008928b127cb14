/** The expensive invariants: everything a store answers, against the model; journals folded; snapshots revived. */
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../../src/kernel/actor.ts';
import { encodeChart } from '../../src/kernel/actor.ts';
import { formatAddress } from '../../src/kernel/address.ts';
import type { WorkflowDescription } from '../../src/kernel/describe.ts';
import { limits } from '../../src/kernel/limits.ts';
import { owedPlaces } from '../../src/kernel/ledger-record.ts';
import { queueItemId } from '../../src/kernel/queue-record.ts';
import { revive } from '../../src/kernel/machine-registry.ts';
import type { Store, StoredActor, StoredJournalRecord, StoredTree } from '../../src/kernel/ports.ts';
import type { ActorRecord, ChartRecord } from '../../src/kernel/record.ts';
import { findDifference } from '../support/listing-reference.ts';
import type { Disk } from './disk.ts';
import { registry } from './machines.ts';
import type { Model, ModelActor } from './model.ts';
import { keptOf } from './model.ts';
import type { ModelTree } from './tree-model.ts';
import { check, Violation } from './violation.ts';

const reopened = 'I6 a reopened store is what the applied batches made';
const sameRows = 'I14 everything becomes definite, rows equal records';
const journals = 'I5 journals are gapless and give the stored snapshot';

/** How closely a store is looked at. */
export interface Look {
  /** Places of acknowledged starts. */
  readonly started: ReadonlySet<string>;
  /** Whether all is looked at, and not only what moved since the last look. */
  readonly isThorough: boolean;
  /** Draws the sample of lists and counts that a thorough look asks for: over many seeds it is all of them. */
  readonly isAsked: () => boolean;
}

export async function checkStore(disk: Disk, look: Look): Promise<void> {
  // The same disk says the same: what was right at the last look is right.
  if (disk.isEmpty || (!look.isThorough && !disk.hasChanged)) return;
  disk.hasChanged = false;
  const { model } = disk;
  const store = await disk.inspect();
  check(store.lastCommit === model.commits, reopened, () => `the store ends at commit ${store.lastCommit}, ${model.commits} are applied`);
  for (const tree of model.trees.values()) await checkTree(disk, store, tree, look);
  await checkRows(store, model);
  await checkQueue(store, model);
  await checkListing(store, model, look);
  await store.close();
}

async function checkTree(disk: Disk, store: Store, tree: ModelTree, { started, isThorough }: Look): Promise<void> {
  const { root, place } = tree;
  if (root === undefined) return;
  const sequences = [...tree.actors.values()].reduce((sum, { record }) => sum + record.sequence, 0);
  // What did not move since the last look is looked at again at the end.
  if (!isThorough && disk.looked.get(place) === sequences) return;
  disk.looked.set(place, sequences);
  const stored = await readStored(store, root, place, started);
  const byPlace = storedByPlace(stored);
  for (const actor of tree.actors.values()) checkActor(actor, byPlace);
  const mail = await store.readMailbox(root.record.address, limits.historyPageMax).catch((error: unknown) => {
    throw new Violation(reopened, `the mailbox of ${place} cannot be read: ${String(error)}`);
  });
  check(isEqual(mail, [...tree.mail.values()]), reopened, () => `the mailbox of ${place} differs`);
  if (!isThorough) return;
  const revival = revive(registry, stored);
  check(revival.kind === 'tree', reopened, () => `${place} cannot be revived`);
  for (const actor of tree.actors.values()) await checkJournal(store, actor, revival.tree.get(actor.record.address.path));
}

async function readStored(store: Store, actor: ModelActor, place: string, started: ReadonlySet<string>): Promise<StoredTree> {
  const stored = await store.readTree(actor.record.address, limits.closedChildrenShownMax).catch((error: unknown) => {
    throw new Violation(reopened, `${place} cannot be read: ${String(error)}`);
  });
  check(stored !== undefined, started.has(place) ? 'I1 an acknowledged start stays' : reopened, () => `${place} is not in the store`);
  return stored;
}

interface StoredParts extends Partial<Omit<StoredActor, 'record'>> {
  readonly record: ActorRecord;
}

/** Of one that is over and referred to by nobody only its record is read. */
function storedByPlace({ root, others, closed }: StoredTree): ReadonlyMap<string, StoredParts> {
  const parts: StoredParts[] = [...closed.map((record) => ({ record })), root, ...others];
  return new Map(parts.map((stored) => [formatAddress(stored.record.address), stored]));
}

function checkActor(actor: ModelActor, byPlace: ReadonlyMap<string, StoredParts>): void {
  const place = formatAddress(actor.record.address);
  const { record, activities = [], children, ledger } = byPlace.get(place) ?? {};
  check(record !== undefined, reopened, () => `${place} is not in the store`);
  check(
    isEqual(record, actor.record),
    reopened,
    () => `the record of ${place} is at ${record.sequence}: ${differing(record, plain(actor.record))}`,
  );
  const rows = [...actor.activities.values()].sort((a, b) => a.n - b.n);
  check(isEqual(activities, rows), reopened, () => `the activities of ${place} differ`);
  const kept = [...actor.children.values()].sort((a, b) => a.n - b.n);
  check(children === undefined || isEqual(children, kept), reopened, () => `the children of ${place} differ`);
  const entries = [...actor.ledger.values()].sort((a, b) => a.n - b.n);
  check(activities.length + entries.length === 0 || isEqual(ledger ?? [], entries), reopened, () => `the ledger of ${place} differs`);
}

async function checkJournal(store: Store, actor: ModelActor, revived: Actor | undefined): Promise<void> {
  const { chart, address } = actor.record;
  const place = formatAddress(address);
  const records = await store.readJournal(address, 1, limits.historyPageMax).catch((error: unknown) => {
    throw new Violation(journals, `the journal of ${place} cannot be read: ${String(error)}`);
  });
  check(isEqual(records, keptOf(actor)), journals, () => `the journal of ${place} is not what was applied`);
  const { value, context } = chart;
  check(isEqual(fold(place, records), { value, context }), journals, () => `folding the journal of ${place} gives another snapshot`);
  if (address.path.length === 0) checkOutcomes(place, chart, actor.journal);
  // Who is over and referred to by nobody is not brought back.
  if (revived === undefined) return;
  const again = encodeChart(revived.chart.snapshot, undefined, 1).chart;
  check(isEqual(again, chart), reopened, () => `${place} revived is another: ${differing(plain(again), plain(chart))}`);
}

/** What the chart was told, told by the chart itself. */
function checkOutcomes(place: string, { context }: ChartRecord, records: readonly StoredJournalRecord[]): void {
  const outcomes = (context['outcomes'] ?? []) as readonly string[];
  check(
    new Set(outcomes).size === outcomes.length,
    'I3 an outcome is recorded once and ends its step',
    () => `${place} was told ${outcomes.join(', ')}`,
  );
  const heard = (context['heard'] ?? []) as readonly number[];
  const applied = records.flatMap(({ envelope, outcome }) => {
    return envelope.kind === 'signal' && outcome === 'applied' ? [(envelope.event as unknown as { call: number }).call] : [];
  });
  check(
    isDeepStrictEqual(heard, applied),
    'I8 each event is applied once, in order',
    () => `${place} heard ${heard.join()}, journaled are ${applied.join()}`,
  );
}

function fold(place: string, records: readonly StoredJournalRecord[]): Pick<ChartRecord, 'value' | 'context'> {
  let context: Record<string, unknown> = {};
  let last = 0;
  for (const { context: delta, snapshot, sequence } of records) {
    // Behind what was forgotten it is folded anew.
    if (sequence > last + 1) context = { ...snapshot?.context };
    last = sequence;
    for (const key of delta.removed) delete context[key];
    Object.assign(context, delta.set);
    const isFolded = snapshot === undefined || isDeepStrictEqual(snapshot.context, context);
    check(isFolded, journals, () => `the full snapshot of ${place} at ${sequence} is not what its journal folds to`);
  }
  return { value: records.at(-1)?.value ?? null, context: context as ChartRecord['context'] };
}

async function checkRows(store: Store, model: Model): Promise<void> {
  const many = 100_000;
  const { rows: timers } = await store.scanTimers(Number.MAX_SAFE_INTEGER, many);
  const armed = [...model.actors.values()]
    .flatMap(({ timers: own }) => [...own.values()].map(({ dueAtMs }) => dueAtMs))
    .sort((a, b) => a - b);
  check(
    isDeepStrictEqual(
      timers.map(({ dueAtMs }) => dueAtMs),
      armed,
    ),
    reopened,
    () => `${timers.length} timer rows, ${armed.length} armed`,
  );
  const { rows: active } = await store.scanActive(many);
  const pending = [...model.actors.values()].filter(({ activities }) => activities.size > 0).length;
  check(active.length === pending, reopened, () => `${active.length} actors with activity rows, ${pending} have pending ones`);
  const { rows: mailed } = await store.scanMail(many);
  const kept = [...model.trees.values()].filter(({ mail }) => mail.size > 0).length;
  check(mailed.length === kept, reopened, () => `${mailed.length} workflows with mail, ${kept} have some`);
  for (const [key, { run, sequence }] of model.messages) {
    const [workflowId = '', messageId = ''] = key.split(' ');
    const row = await store.readMessage(workflowId, messageId);
    const isKept = row !== undefined && row.run === run && row.sequence === sequence;
    check(isKept, 'I8 each event is applied once, in order', () => `message ${messageId} of ${workflowId} is not kept`);
  }
}

/** What waits for a person is in the queue, and what is owed to an undo says so in its ledger. */
async function checkQueue(store: Store, { queue, actors }: Model): Promise<void> {
  const { items } = await store.listQueue({ filter: {}, limit: 100_000 });
  // What consumers could not take is no part of any commit: who looks for it are they.
  const shown = items.flatMap((item) => (item.cause === 'outbox-message' ? [] : [queueItemId(item)])).sort();
  check(
    isEqual(shown, [...queue.keys()].sort()),
    reopened,
    () => `the queue holds ${shown.join(', ')}, applied are ${[...queue.keys()].join(', ')}`,
  );
  const owed = [...actors.values()].flatMap(({ record: { address }, ledger }) =>
    [...ledger.values()].flatMap((entry) => owedPlaces(address, entry)),
  );
  const ofUndos = [...queue.values()].filter(({ cause }) => cause === 'undo' || cause === 'orphan-effect');
  check(isEqual(owed.map(queueItemId).sort(), ofUndos.map(queueItemId).sort()), sameRows, () => {
    return `ledgers owe ${owed.map(queueItemId).join(', ')}, in the queue are ${ofUndos.map(queueItemId).join(', ')}`;
  });
}

/** What lists and counts say is what the records say. */
async function checkListing(store: Store, model: Model, { isThorough, isAsked }: Look): Promise<void> {
  const roots = [...model.latest.values()].flatMap((place) => model.actors.get(place)?.record ?? []);
  const difference = await findDifference(store, roots, isThorough, isAsked).catch((error: unknown) => String(error));
  check(difference === undefined, 'I14 everything becomes definite, rows equal records', () => difference ?? '');
}

export function checkDescription(found: WorkflowDescription, tree: ModelTree | undefined): void {
  const actors = [...(tree?.actors.values() ?? [])];
  const lines = actors.map(({ record, activities }) => describeLine(record.address.path, record, [...activities.values()]));
  const told = [{ path: [], ...found }, ...found.children].map((actor) => describeLine(actor.path, actor, actor.activities));
  const expected = [`${found.queued} queued`, ...lines.sort()].join('; ');
  const shown = [`${tree?.mail.size ?? 0} queued`, ...told.sort()].join('; ');
  check(shown === expected, reopened, () => `${found.id} is described as ${shown}, applied is ${expected}`);
}

interface Told {
  readonly status: string;
  readonly updatedAtMs: number;
}

function describeLine(path: readonly number[], { status, updatedAtMs }: Told, activities: readonly { n: number; state: string }[]): string {
  const pending = activities.map(({ n, state }) => `${n} ${state}`).sort();
  return `${path.join('.')} ${status} ${updatedAtMs} ${pending.join(', ')}`;
}

/** Whether nothing but a message from outside can still move it. */
export function isDefinite(model: Model, { record, activities, timers }: ModelActor): boolean {
  const tree = model.treeOf(record.address);
  const isPending = [...activities.values()].some(({ kind }) => kind !== 'volatile');
  return tree.isHeld || (!isPending && timers.size === 0 && tree.mail.size === 0);
}

/** As on disk, where undefined is left out. */
function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) return Array.isArray(one) && Array.isArray(other) && areEqual(one, other);
  return holdsSame(one as Fields, other as Fields);
}

function areEqual(some: readonly unknown[], others: readonly unknown[]): boolean {
  if (some.length !== others.length) return false;
  for (let index = 0; index < some.length; index += 1) if (!isEqual(some[index], others[index])) return false;
  return true;
}

type Fields = Readonly<Record<string, unknown>>;

function holdsSame(one: Fields, other: Fields): boolean {
  let rest = 0;
  for (const key in one) {
    const value = one[key];
    if (value === undefined) continue;
    if (!isEqual(value, other[key])) return false;
    rest += 1;
  }
  // Nothing else may be there.
  for (const key in other) if (other[key] !== undefined) rest -= 1;
  return rest === 0;
}

/** As it comes back from disk. */
function plain<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

function differing(found: object, expected: object): string {
  const keys = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
  const differs = (key: string): boolean =>
    !isDeepStrictEqual((found as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key]);
  return `${keys.filter(differs).join(', ')} differ`;
}
