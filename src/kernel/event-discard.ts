/**
 * What made a chart throw leaves the mailbox unapplied, and the workflow goes on with what comes after it. Only what somebody said, or
 * a timer, can be left out: an outcome is a fact that the chart would wait for without end.
 */
import { withoutFirst } from './conversation.ts';
import type { Act, DiscardEnvelope, StepEnvelope } from './envelope.ts';
import type { Json } from './json.ts';
import { recordStep } from './held-tree.ts';
import type { CommitContext } from './kept-journal.ts';
import type { QueuePlace } from './queue-record.ts';
import type { RecordChange } from './record-commit.ts';
import { commitRecord } from './record-commit.ts';
import type { ActorRecord, TimerRecord } from './record.ts';
import type { Mail, MailRecord } from './mail-record.ts';
import { isClosed, statusGoingOn } from './record.ts';
import type { Step } from './step.ts';
import type { Tree } from './tree.ts';

type Discardable = Extract<StepEnvelope, { readonly kind: 'signal' | 'message' | 'timer' }>;

export function isDiscardable(kind: string): kind is DiscardEnvelope['from'] {
  return kind === 'signal' || kind === 'message' || kind === 'timer';
}

/**
 * @param mail the row that holds it, of a workflow that is parked on it
 * @param item what waits of it in the queue
 * @returns undefined for what cannot be left out
 */
export function discardEvent(
  tree: Tree,
  mail: MailRecord,
  item: QueuePlace,
  act: Act,
  context: CommitContext,
): readonly [Step, ...Step[]] | undefined {
  const { to, envelope } = mail;
  if (!isDiscardable(envelope.kind)) return undefined;
  const said = envelope as Discardable;
  const actor = tree.get(to);
  const timer = said.kind === 'timer' ? actor?.record.timers.find(({ generation }) => generation === said.generation) : undefined;
  const event: Json = said.kind === 'timer' ? (timer?.event ?? null) : said.event;
  const journaled: DiscardEnvelope = { kind: 'event-discarded', event, from: said.kind, to, ...act };
  const { root } = tree;
  const left = withoutFirst(mail, (path) => tree.get(path) !== undefined);
  const change = without(root.record, mail, item, left);
  const own = to.length === 0 ? disarming(change.record, timer) : {};
  const first = recordStep(tree, root, commitRecord(root.record, journaled, 'noted', context, { ...change, ...own, mail: mail.n }));
  if (actor === undefined || to.length === 0 || timer === undefined) return [first];
  return [first, recordStep(tree, actor, commitRecord(actor.record, journaled, 'noted', context, disarming(actor.record, timer)))];
}

/** The workflow goes on: its row goes, or holds what came after it in its unit. */
function without(
  before: ActorRecord,
  { n }: MailRecord,
  item: QueuePlace,
  left: Mail | undefined,
): RecordChange & { readonly record: ActorRecord } {
  const { parked: _parked, queued = 0, ...rest } = before;
  const rows = left === undefined ? queued - 1 : queued;
  return {
    record: { ...rest, status: isClosed(before.status) ? before.status : statusGoingOn(before), ...(rows > 0 ? { queued: rows } : {}) },
    ...(left === undefined ? { mailRemoved: [n] } : { mailPut: [{ ...left, n }] }),
    queueRemoved: [item],
  };
}

function disarming(record: ActorRecord, timer: TimerRecord | undefined): RecordChange {
  if (timer === undefined) return {};
  return { record: { ...record, timers: record.timers.filter((armed) => armed !== timer) }, timersDisarmed: [timer] };
}
