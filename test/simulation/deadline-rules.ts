/** What holds of deadlines, by a second hand: each is heard of once and never early, and until then nothing begins after it. */
import type { Commit } from '../../src/kernel/commit.ts';
import type { ActivityRecord } from '../../src/kernel/record.ts';
import type { ModelActor } from './model.ts';
import { isUnwinding } from './undo-rules.ts';
import { check } from './violation.ts';
import type { VirtualTime } from './virtual-time.ts';

const invariant = 'a deadline passes once, and nothing begins after it';

/** No backoff of the simulated activities is longer. */
const backoffMaxMs = 10_000;

/** From when on nothing of the workflow begins: armed with the root's first step, it stands until the root has heard of it or has ended. */
export function deadlineAtMs(root: ModelActor | undefined, { record, journal }: Commit): number {
  // Undoing is shielded from it.
  if (isUnwinding(record)) return Infinity;
  const first = root?.journal[0] ?? journal;
  const timer = first.armed.find(({ isDeadline }) => isDeadline === true);
  if (timer === undefined) return Infinity;
  const { generation, dueAtMs } = timer;
  const isArmed = first === journal || root?.timers.has(generation) === true;
  const isHeard = record.address.path.length === 0 && journal.envelope.kind === 'deadline';
  return isArmed && !isHeard ? dueAtMs : Infinity;
}

/** Of the root's step on its deadline, as it was before. */
export function judgeDeadline(place: string, { timers }: ModelActor, { record, journal }: Commit, time: VirtualTime): void {
  const { outcome, atMs, sequence } = journal;
  // It waited in the mailbox of who has ended since.
  if (outcome === 'late') return;
  const timer = [...timers.values()].find(({ id }) => id === 'workflow.deadline');
  check(timer !== undefined, invariant, () => `${place} hears of a deadline at ${sequence}, and none is armed`);
  const readMs = time.hasSteppedBack ? Math.max(time.wallMs, timer.peakMs) : atMs;
  check(readMs >= timer.dueAtMs, invariant, () => `the deadline of ${place} is ${timer.dueAtMs - readMs} ms early`);
  const isEnd = (record.ending?.status ?? record.status) === 'failed' && record.failure?.class === 'DeadlineExceeded';
  const isWell = outcome === 'failed' ? isEnd : outcome === 'applied' || outcome === 'parked';
  check(isWell, invariant, () => `the deadline of ${place} is ${outcome}, and it ${record.status}`);
}

/** Times of decisions are known as long as the clock was never set back. */
export function judgeBeginnings({ record, journal, effects }: Commit, untilMs: number, { hasSteppedBack }: VirtualTime): void {
  if (hasSteppedBack || journal.atMs < untilMs) return;
  const begun = effects.find((effect) => effect.kind === 'run-attempt' && effect.src !== 'xstate.actions');
  const { workflowId } = record.address;
  check(begun === undefined, invariant, () => `an attempt of ${workflowId} begins ${journal.atMs - untilMs} ms after its deadline`);
}

/** Whether an activity may end although its policy has attempts left. */
export function isCutShort({ kind }: ActivityRecord, { journal }: Commit, untilMs: number): boolean {
  return kind !== 'actions' && journal.atMs + backoffMaxMs >= untilMs;
}

/** What is tried again is tried before the deadline. */
export function judgeRetry(row: ActivityRecord, { activitiesPut }: Commit, untilMs: number): void {
  const { nextAttemptAtMs = -Infinity } = activitiesPut.find(({ n }) => n === row.n) ?? {};
  const isInTime = row.kind === 'actions' || nextAttemptAtMs < untilMs;
  check(isInTime, invariant, () => `a retry of ${row.idempotencyKey} is due ${nextAttemptAtMs - untilMs} ms after the deadline`);
}
