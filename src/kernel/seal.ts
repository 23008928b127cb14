/** A step folded into the one value that is written, with the actor that follows from it. */
import type { Actor, EncodedChart } from './actor.ts';
import { markChange, pendingIn, rowsAmong } from './activities-in-record.ts';
import { newsForParent } from './child-protocol.ts';
import { childAddress } from './address.ts';
import type { Commit } from './commit.ts';
import type { Draft } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import { journalForgotten, journalFromAfter } from './kept-journal.ts';
import type { FanOutRows } from './item-record.ts';
import { answerAskers, mayHaveUndos } from './ledger.ts';
import { mayLeaveUndos } from './compensated-end.ts';
import { limits } from './limits.ts';
import { listingChange } from './listing.ts';
import { messageGiven } from './mailbox.ts';
import type { Json } from './json.ts';
import { decisionsAfter } from './queue-decisions.ts';
import { poisonPlace } from './queue-poison.ts';
import { removeQueueItem } from './queue-record.ts';
import type { ActorRecord, JournalOutcome, JournalRecord, WorkflowStatus } from './record.ts';
import { isClosed } from './record.ts';
import { rest, restingSize } from './resting-undos.ts';
import type { Step } from './step.ts';
import type { LiveChart } from './xstate-seam.ts';

export interface Ending {
  readonly outcome: JournalOutcome;
  /** Absent: as before. */
  readonly status?: WorkflowStatus;
  readonly failure?: FailureRecord | undefined;
  /** The row of the mailbox it was taken from. */
  readonly mail?: number | undefined;
  readonly stepped?: { readonly chart: LiveChart; readonly encoded: EncodedChart };
}

/** Folds a draft into one commit and the actor that follows from it. */
export function seal(draft: Draft, before: Actor | undefined, envelope: Envelope, ending: Ending): Step & { readonly kind: 'commit' } {
  const { sequence } = draft;
  if (draft.askers.length > 0) answerAskers(draft);
  if (draft.fanOut !== undefined) rest(draft);
  const chart = ending.stepped?.chart ?? before?.chart;
  const chartRecord = ending.stepped?.encoded.chart ?? before?.record.chart;
  if (chart === undefined || chartRecord === undefined) throw new TypeError('A first step comes with a chart.');
  const record = recordAfter(draft, before, sequence, ending, chartRecord);
  // Bookkeeping is no snapshot to a parent that watches, and an end is told once; where all end together nobody is left to hear of it.
  const isEnd = ending.status !== undefined && isClosed(ending.status) && !isEndOfAll(envelope);
  const isNews = ending.stepped !== undefined || isEnd;
  const news = isNews ? newsOf(draft, before, record, envelope) : [];
  const forgotten = journalForgotten(before?.record.journalFrom, record.journalFrom);
  const message = messageOf(record, envelope, ending);
  const journal = journalOf(draft, before, record, envelope, ending);
  const commit: Writable<Commit> = {
    base: sequence - 1,
    record,
    journal,
    activitiesPut: draft.activities.put,
    activitiesRemoved: draft.removed,
    activityRowsRemoved: rowsAmong(draft.removed, before?.activities),
    childrenPut: draft.children.put,
    childrenRemoved: draft.childrenRemoved,
    timersArmed: journal.armed,
    timersDisarmed: draft.disarmed,
    mailPut: [],
    mailRemoved: draft.mailRemoved,
    messages: news.length === 0 ? draft.messages : [...draft.messages, ...news],
    effects: draft.effects,
  };
  addRows(commit, draft);
  const mark = markChange(before?.record, record);
  if (mark !== undefined) commit.activityMark = mark;
  const listed = listingChange(before?.record, record);
  if (listed !== undefined) commit.listed = listed;
  if (forgotten !== undefined) commit.journalForgotten = forgotten;
  if (message !== undefined) commit.message = message;
  const { machine, activities, children, ledger, resting, fanOut } = draft;
  return {
    kind: 'commit',
    commit,
    actor: { machine, record, activities: activities.now, children: children.now, ledger: ledger.now, resting, fanOut, chart },
  };
}

/** What is seldom there is set, not spread: every step of every workflow passes here. */
type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

/** Rows that most steps have none of. */
function addRows(commit: Writable<Commit>, draft: Draft): void {
  if (draft.ledger.hasChanged) {
    commit.ledgerPut = draft.ledgerRested.length === 0 ? draft.ledger.put : [...draft.ledger.put, ...draft.ledgerRested];
    commit.ledgerRemoved = draft.ledgerRemoved;
  }
  if (draft.queuePut.length > 0) commit.queuePut = draft.queuePut;
  if (draft.queueRemoved.length > 0) commit.queueRemoved = draft.queueRemoved;
  if (draft.machine.fanOut === undefined) return;
  commit.itemsPut = draft.itemsPut;
  commit.pagesPut = draft.pagesPut;
  commit.pagesRemoved = draft.pagesRemoved;
}

function journalOf(draft: Draft, before: Actor | undefined, record: ActorRecord, envelope: Envelope, ending: Ending): JournalRecord {
  const { sequence, chart } = record;
  const journal: Writable<JournalRecord> = {
    address: draft.address,
    sequence,
    atMs: record.updatedAtMs,
    envelope: journaled(draft, envelope),
    outcome: ending.outcome,
    status: record.status,
    value: chart.value,
    context: ending.stepped?.encoded.delta ?? { set: {}, removed: [] },
    armed: draft.timers.put,
    cancelled: draft.disarmed.map((timer) => timer.generation),
    scheduled: draft.scheduled,
    stopped: draft.removed,
  };
  const dueAtMs = dueTimeOf(before, envelope);
  const sent = sentBy(draft);
  if (dueAtMs !== undefined) journal.dueAtMs = dueAtMs;
  if (ending.mail !== undefined) journal.mail = ending.mail;
  if (draft.born.length > 0) journal.born = draft.born;
  if (sent.length > 0) journal.sent = sent;
  if (draft.emitted.length > 0) journal.emitted = draft.emitted;
  if (sequence === 1 || sequence % limits.journalSnapshotInterval === 0) journal.snapshot = chart;
  return journal;
}

/** What items are given and come to stands in rows of its own. */
function journaled({ machine }: Draft, envelope: Envelope): Envelope {
  if (machine.fanOut === undefined) return envelope;
  if (envelope.kind === 'items') return { kind: 'items', outcomes: [], count: envelope.outcomes.length };
  if (envelope.kind === 'attempt-completed' || envelope.kind === 'activity-completed' || envelope.kind === 'child-done') {
    return { ...envelope, output: null };
  }
  return envelope.kind === 'start' ? { ...envelope, input: null } : envelope;
}

function toldBy(envelope: Envelope): number | undefined {
  return envelope.kind === 'child-done' || envelope.kind === 'child-failed' ? envelope.n : undefined;
}

/** Most steps are of roots, or end nothing. */
function newsOf(draft: Draft, before: Actor | undefined, record: ActorRecord, envelope: Envelope): Commit['messages'] {
  if (draft.birth === undefined) return [];
  const isEnd = isClosed(record.status);
  const hasUndos = isEnd && mayLeaveUndos(draft, before, toldBy(envelope));
  return newsForParent(record, draft.birth, hasUndos, isEnd && (hasUndos || mayHaveUndos(draft.machine)));
}

function isEndOfAll(envelope: Envelope): boolean {
  return envelope.kind === 'terminate' && envelope.isForAll === true;
}

/** A timer may be heard of late. */
function dueTimeOf(before: Actor | undefined, envelope: Envelope): number | undefined {
  if (envelope.kind === 'deadline') return before?.record.deadline?.atMs;
  if (envelope.kind !== 'timer') return undefined;
  return before?.record.timers.find(({ generation }) => generation === envelope.generation)?.dueAtMs;
}

/** Events that one actor sends another; starts and stops are said elsewhere. Own callbacks and observables hear theirs from the host. */
function sentBy({ address, messages, effects }: Draft): readonly Sent[] {
  const sent: Sent[] = [];
  for (const { to, envelope } of messages) if (envelope.kind === 'message') sent.push(sentTo(to, envelope.event));
  for (const effect of effects) {
    if (effect.kind === 'tell-volatile') sent.push(sentTo(childAddress(address, effect.n).path, effect.event));
  }
  return sent;
}

type Sent = NonNullable<JournalRecord['sent']>[number];

function sentTo(to: readonly number[], event: Json): Sent {
  return { to, type: String((event as { readonly type?: unknown }).type) };
}

function recordAfter(draft: Draft, before: Actor | undefined, sequence: number, ending: Ending, chart: ActorRecord['chart']): ActorRecord {
  const old = before?.record;
  const atMs = Math.max(draft.context.nowMs, old?.updatedAtMs ?? 0);
  const status = ending.status ?? old?.status ?? 'running';
  const closedAtMs = old?.closedAtMs ?? (isClosed(status) ? atMs : undefined);
  const failure = ending.failure ?? old?.failure;
  const { activityFailure, counters } = draft;
  const record: Writable<ActorRecord> = {
    address: draft.address,
    machine: draft.machine.reference,
    status,
    chart,
    sequence,
    counters: counters.mail > 0 ? counters : { child: counters.child, timer: counters.timer },
    timers: old !== undefined && !draft.timers.hasChanged ? old.timers : [...draft.timers.now.values()],
    activities: old !== undefined && !draft.activities.hasChanged ? old.activities : pendingIn(draft.activities.now),
    children: draft.children.now.size,
    startedAtMs: old?.startedAtMs ?? atMs,
    updatedAtMs: atMs,
  };
  const journalFrom = journalFromAfter(old?.journalFrom, sequence, draft.context.journalRecordsMax);
  if (journalFrom !== undefined) record.journalFrom = journalFrom;
  if (draft.birth !== undefined) record.birth = draft.birth;
  if (draft.isDetached) record.isDetached = true;
  if (draft.cancelRequested !== undefined) record.cancelRequested = draft.cancelRequested;
  const ledger = draft.ledger.now.size + restingSize(draft.resting);
  if (ledger > 0) record.ledger = ledger;
  if (draft.fanOut !== undefined) record.fanOut = fanOutAfter(draft, draft.fanOut, old);
  if (draft.askers.length > 0) record.askers = draft.askers;
  if (draft.ending !== undefined && !isClosed(status)) record.ending = draft.ending;
  if (draft.compensation !== undefined) record.compensation = draft.compensation;
  if (draft.deadline !== undefined) record.deadline = draft.deadline;
  if (draft.queued > 0) record.queued = draft.queued;
  if (closedAtMs !== undefined) record.closedAtMs = closedAtMs;
  if (failure !== undefined) record.failure = failure;
  if (activityFailure !== undefined) record.activityFailure = activityFailure;
  if (old?.paused !== undefined && !isClosed(status)) record.paused = old.paused;
  // Whoever ends while it is parked leaves nothing that would go on.
  if (old?.parked !== undefined && isClosed(status) === isClosed(old.status)) record.parked = old.parked;
  if (old?.parked !== undefined) settlePoison(draft, old, record);
  if (draft.machine.needsDecisions || old?.decisions !== undefined) {
    const decisions = decisionsAfter(draft, old?.decisions, { status, atMs, snapshot: ending.stepped?.chart.snapshot });
    if (decisions !== undefined) record.decisions = decisions;
  }
  return record;
}

function fanOutAfter(
  { itemsPut }: Draft,
  { pages, untold, isInline }: FanOutRows,
  old: ActorRecord | undefined,
): NonNullable<ActorRecord['fanOut']> {
  const ended = (old?.fanOut?.ended ?? 0) + itemsPut.length;
  return { pages: pages.length, ended, ...(isInline === true ? { isInline } : {}), ...(untold === undefined ? {} : { untold }) };
}

/** What made the workflow throw waits for nobody any more when it ends, or its row is taken away. */
function settlePoison(draft: Draft, before: ActorRecord, after: ActorRecord): void {
  const poison = poisonPlace(before);
  if (poison !== undefined && (after.parked === undefined || draft.mailRemoved.includes(poison.n))) removeQueueItem(draft, poison);
}

/** Of what comes from the mailbox the sender was told already. */
function messageOf(record: ActorRecord, envelope: Envelope, { outcome, mail }: Ending): Commit['message'] {
  if (mail !== undefined || (outcome !== 'applied' && outcome !== 'unhandled')) return undefined;
  const message = messageGiven(record, envelope, outcome);
  return message && { ...message, sequence: record.sequence, atMs: record.updatedAtMs };
}
