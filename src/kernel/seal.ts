/** A step folded into the one value that is written, with the actor that follows from it. */
import type { Actor, EncodedChart } from './actor.ts';
import { newsForParent } from './child-protocol.ts';
import { childAddress } from './address.ts';
import type { Commit } from './commit.ts';
import type { Draft } from './draft.ts';
import type { Envelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import { limits } from './limits.ts';
import { messageGiven } from './mailbox.ts';
import type { Json } from './json.ts';
import type { ActorRecord, JournalOutcome, JournalRecord, WorkflowStatus } from './record.ts';
import { isClosed } from './record.ts';
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
  const sequence = (before?.record.sequence ?? 0) + 1;
  const chart = ending.stepped?.chart ?? before?.chart;
  const chartRecord = ending.stepped?.encoded.chart ?? before?.record.chart;
  if (chart === undefined || chartRecord === undefined) throw new TypeError('A first step comes with a chart.');
  const record = recordAfter(draft, before, sequence, ending, chartRecord);
  const armed = [...draft.armed.values()];
  // Bookkeeping is no snapshot to a parent that watches, and an end is told once; where all end together nobody is left to hear of it.
  const isEnd = ending.status !== undefined && isClosed(ending.status) && !isEndOfAll(envelope);
  const isNews = ending.stepped !== undefined || isEnd;
  const commit: Commit = {
    base: sequence - 1,
    record,
    journal: {
      address: draft.address,
      sequence,
      atMs: record.updatedAtMs,
      envelope,
      outcome: ending.outcome,
      ...dueTimeOf(before, envelope),
      ...(ending.mail === undefined ? {} : { mail: ending.mail }),
      status: record.status,
      value: chartRecord.value,
      context: ending.stepped?.encoded.delta ?? { set: {}, removed: [] },
      armed,
      cancelled: draft.disarmed.map((timer) => timer.generation),
      scheduled: [...draft.scheduled],
      stopped: draft.removed,
      ...(draft.born.length === 0 ? {} : { born: draft.born }),
      ...sentBy(draft),
      ...(draft.emitted.length === 0 ? {} : { emitted: draft.emitted }),
      ...(sequence === 1 || sequence % limits.journalSnapshotInterval === 0 ? { snapshot: chartRecord } : {}),
    },
    activitiesPut: [...draft.put.values()],
    activitiesRemoved: draft.removed,
    childrenPut: [...draft.childrenPut.values()],
    childrenRemoved: draft.childrenRemoved,
    timersArmed: armed,
    timersDisarmed: draft.disarmed,
    ...messageOf(record, envelope, ending),
    mailPut: [],
    mailRemoved: draft.mailRemoved,
    messages: [...draft.messages, ...(isNews ? newsForParent(record) : [])],
    effects: draft.effects,
  };
  const { machine, activities, children } = draft;
  return { kind: 'commit', commit, actor: { machine, record, activities, children, chart } };
}

function isEndOfAll(envelope: Envelope): boolean {
  return envelope.kind === 'terminate' && envelope.isForAll === true;
}

/** A timer may be heard of late. */
function dueTimeOf(before: Actor | undefined, envelope: Envelope): Pick<JournalRecord, 'dueAtMs'> {
  const timer = envelope.kind === 'timer' ? before?.record.timers.find(({ generation }) => generation === envelope.generation) : undefined;
  return timer === undefined ? {} : { dueAtMs: timer.dueAtMs };
}

/** Events that one actor sends another; starts and stops are said elsewhere. Own callbacks and observables hear theirs from the host. */
function sentBy({ address, messages, effects }: Draft): Pick<JournalRecord, 'sent'> {
  const toActors = messages.flatMap(({ to, envelope }) => (envelope.kind === 'message' ? [sentTo(to, envelope.event)] : []));
  const toLive = effects.flatMap((effect) =>
    effect.kind === 'tell-volatile' ? [sentTo(childAddress(address, effect.n).path, effect.event)] : [],
  );
  return messages.length + toLive.length === 0 ? {} : { sent: [...toActors, ...toLive] };
}

function sentTo(to: readonly number[], event: Json): { readonly to: readonly number[]; readonly type: string } {
  return { to, type: String((event as { readonly type?: unknown }).type) };
}

function recordAfter(draft: Draft, before: Actor | undefined, sequence: number, ending: Ending, chart: ActorRecord['chart']): ActorRecord {
  const old = before?.record;
  const atMs = Math.max(draft.context.nowMs, old?.updatedAtMs ?? 0);
  const status = ending.status ?? old?.status ?? 'running';
  const closedAtMs = old?.closedAtMs ?? (isClosed(status) ? atMs : undefined);
  const failure = ending.failure ?? old?.failure;
  const { activityFailure } = draft;
  return {
    address: draft.address,
    machine: draft.machine.reference,
    ...(draft.birth === undefined ? {} : { birth: draft.birth }),
    ...(draft.isDetached ? { isDetached: true } : {}),
    status,
    chart,
    sequence,
    counters: {
      child: draft.counters.child,
      timer: draft.counters.timer,
      ...(draft.counters.mail > 0 ? { mail: draft.counters.mail } : {}),
    },
    ...(draft.queued > 0 ? { queued: draft.queued } : {}),
    timers: [...draft.timers.values()],
    activities: [...draft.activities.values()].map(({ n, childId }) => ({ n, childId })),
    children: draft.children.size,
    startedAtMs: old?.startedAtMs ?? atMs,
    updatedAtMs: atMs,
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    ...(failure === undefined ? {} : { failure }),
    ...(activityFailure === undefined ? {} : { activityFailure }),
    ...(old?.paused === undefined || isClosed(status) ? {} : { paused: old.paused }),
    // Whoever ends while it is parked leaves nothing that would go on.
    ...(old?.parked === undefined || isClosed(status) !== isClosed(old.status) ? {} : { parked: old.parked }),
  };
}

/** Of what comes from the mailbox the sender was told already. */
function messageOf(record: ActorRecord, envelope: Envelope, { outcome, mail }: Ending): Pick<Commit, 'message'> {
  if (mail !== undefined || (outcome !== 'applied' && outcome !== 'unhandled')) return {};
  const message = messageGiven(record, envelope, outcome);
  return message === undefined ? {} : { message: { ...message, sequence: record.sequence, atMs: record.updatedAtMs } };
}
