/** Timers that a step arms. */
import { pathOf } from './address.ts';
import type { Draft } from './draft.ts';
import { tooMany } from './draft.ts';
import { PerdureError } from './errors.ts';
import { limits } from './limits.ts';
import type { TimerRecord } from './record.ts';
import { encodePayload } from './value-encoding.ts';
import type { ChartAction } from './xstate-chart-action.ts';
import { stateOfAfter } from './xstate-structure.ts';

export function armTimer(draft: Draft, { id, delay, event, to }: Extract<ChartAction, { kind: 'schedule' }>): void {
  const { nowMs } = draft.context;
  const dueAtMs = nowMs + checkDelay(draft, delay, id, event);
  const ownTimers = draft.timers.now.size - (draft.deadline !== undefined && draft.deadline.passedAtMs === undefined ? 1 : 0);
  if (ownTimers >= limits.timersMax) throw tooMany('timers', limits.timersMax);
  draft.counters.timer += 1;
  const generation = draft.counters.timer;
  const timer: TimerRecord = {
    id: id ?? `timer.${generation}`,
    generation,
    dueAtMs,
    armedAtMs: nowMs,
    event: encodePayload(event, 'event'),
    ...(to === undefined ? {} : { to: pathOf(to, draft.address) }),
  };
  draft.timers.set(generation, timer);
}

/** Zero and negative delays mean now; fractions are rounded up, so that no timer is early. */
function checkDelay(draft: Draft, delay: unknown, id: string | undefined, event: unknown): number {
  if (typeof delay === 'number' && delay <= limits.delayMsMax) return Math.max(0, Math.ceil(delay));
  const type = String((Object(event) as { type?: unknown }).type);
  const after = draft.machine.machine === undefined ? undefined : stateOfAfter(draft.machine.machine, id);
  const state = after ?? JSON.stringify(draft.stateValue);
  const where = after === undefined ? `the delayed event "${type}" in state ${state}` : `state "${state}"`;
  throw new PerdureError(
    'DELAY_INVALID',
    `The delay of ${where} is ${String(delay)}; give milliseconds up to 100 years (${limits.delayMsMax}).`,
    { state, delay: String(delay) },
  );
}
