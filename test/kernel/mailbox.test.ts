import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { StepEnvelope } from '../../src/kernel/envelope.ts';
import { limits } from '../../src/kernel/limits.ts';
import { holdSignal, isDraining, isHeld } from '../../src/kernel/mailbox.ts';
import { at, began, completed, controlled, decidedOn, failed, signal, took } from './workflows.ts';

const work = activity<unknown, unknown>({ run: () => 1, retry: { initialInterval: '10s', jitter: 'none' } });
const machine = setup({ actors: { work } }).createMachine({
  id: 'busy',
  version: '1',
  initial: 'a',
  states: {
    a: { invoke: { src: 'work', onDone: 'b' }, after: { 5_000: 'b' }, on: { GO: 'b', STAY: {} } },
    b: { on: { GO: 'a', END: 'c' } },
    c: { type: 'final' },
  },
});

const paused = controlled(began(machine).actor, 'pause');

describe('a workflow that is held', () => {
  test('numbers what it is told and counts it', () => {
    const one = took(paused.actor, signal('GO'));
    const two = took(one.actor, signal('STAY'));
    expect([one, two].map(({ commit }) => commit.mailPut.map(({ n, to }) => ({ n, to })))).toEqual([
      [{ n: 1, to: [] }],
      [{ n: 2, to: [] }],
    ]);
    expect(two.commit.record).toMatchObject({ counters: { mail: 2 }, queued: 2, status: 'paused' });
    expect(two.commit.record.chart).toBe(paused.commit.record.chart);
  });

  test('ignores wake-ups, which come again, and outcomes of attempts that do not run', () => {
    for (const envelope of [
      { kind: 'timer', generation: 1 } as const,
      { kind: 'attempt-due', n: 1 } as const,
      failed(1, new Error('x'), 2),
    ]) {
      expect(decidedOn(paused.actor, envelope, at(9_000))).toEqual({ kind: 'ignore' });
    }
    expect(took(paused.actor, completed(1, 'x', 2)).commit).toMatchObject({ journal: { outcome: 'late' }, mailPut: [] });
  });

  test('takes one outcome of an attempt, the first', () => {
    const settled = took(paused.actor, completed(1, 'first'));
    expect(settled.commit.activitiesPut).toMatchObject([{ n: 1, state: 'settled' }]);
    expect(decidedOn(settled.actor, { kind: 'attempt-timed-out', n: 1, attempt: 1 }, at(9_000))).toEqual({ kind: 'ignore' });
    expect(took(settled.actor, completed(1, 'second')).commit).toMatchObject({ journal: { outcome: 'late' }, mailPut: [] });
  });

  test('tells whoever completes an attempt from outside a second time that it is over', () => {
    const outside = { isFromOutside: true } as const;
    const settled = took(paused.actor, { ...completed(1, 'first'), ...outside });
    expect(settled.commit).toMatchObject({ journal: { outcome: 'queued' }, activitiesPut: [{ n: 1, state: 'settled' }] });
    for (const envelope of [
      { ...completed(1, 'second'), ...outside },
      { ...failed(1, new Error('x')), ...outside },
      { kind: 'attempt-heartbeat', n: 1, attempt: 1, ...outside },
      { kind: 'attempt-handed-over', n: 1, attempt: 1 },
      { ...completed(9), ...outside },
    ]) {
      expect(decidedOn(settled.actor, envelope as StepEnvelope, at(9_000))).toMatchObject({ error: { code: 'ATTEMPT_NOT_AWAITED' } });
    }
    expect(decidedOn(settled.actor, { kind: 'attempt-heartbeat', n: 1, attempt: 1 }, at(9_000))).toEqual({ kind: 'ignore' });
  });

  test('goes on with the bookkeeping of attempts that run, and stays as it is', () => {
    const beat = took(paused.actor, { kind: 'attempt-heartbeat', n: 1, attempt: 1, heartbeatDetails: 7 }).commit;
    expect(beat).toMatchObject({ journal: { outcome: 'noted' }, mailPut: [], record: { status: 'paused', paused: { atMs: 3_000 } } });
    const adjusted = took(paused.actor, { kind: 'activity-adjusted', n: 1, startToCloseTimeoutMs: 5 }).commit;
    expect(adjusted).toMatchObject({ activitiesPut: [{ adjusted: { startToCloseTimeoutMs: 5 } }], mailPut: [] });
    expect(took(paused.actor, { kind: 'attempt-handed-over', n: 1, attempt: 1 }).commit.activitiesPut).toMatchObject([
      { isHandedOver: true },
    ]);
  });

  test('hears of no time-out of an activity whose outcome waits, or that is not there', () => {
    const settled = took(paused.actor, completed(1, 'first'));
    for (const n of [1, 9]) {
      expect(decidedOn(settled.actor, { kind: 'activity-timed-out', n }, at(9_000))).toEqual({ kind: 'ignore' });
    }
  });

  test('refuses an update, machine or not', () => {
    const update = { ...signal('GO'), isUpdate: true } as const;
    expect(decidedOn(paused.actor, update, at(9_000))).toMatchObject({ kind: 'refuse', error: { code: 'EVENT_NOT_ACCEPTED' } });
    expect(holdSignal(paused.actor.record, update, at(9_000))).toMatchObject({ kind: 'refuse', error: { code: 'EVENT_NOT_ACCEPTED' } });
  });

  test('refuses a message beyond the limit, but no outcome', () => {
    const full = {
      ...paused.actor,
      record: { ...paused.actor.record, queued: limits.mailboxMax, counters: { child: 1, timer: 1, mail: limits.mailboxMax } },
    };
    expect(decidedOn(full, signal('GO'), at(9_000))).toMatchObject({
      kind: 'refuse',
      error: { code: 'MAILBOX_FULL', details: { id: 'w-1', max: limits.mailboxMax } },
    });
    expect(took(full, completed(1)).commit.record.queued).toBe(limits.mailboxMax + 1);
  });

  test('lets nothing overtake what waits, also once it runs again', () => {
    const resumed = controlled(took(paused.actor, signal('GO')).actor, 'resume');
    expect(isDraining(resumed.actor.record) && isHeld(resumed.actor.record)).toBe(true);
    expect(took(resumed.actor, signal('END')).commit).toMatchObject({ journal: { outcome: 'queued' }, mailPut: [{ n: 2 }] });
  });

  test('keeps no message for a closed one', () => {
    const { actor } = took(took(began(machine).actor, signal('GO')).actor, signal('END'));
    expect(holdSignal(actor.record, signal('GO'), at(9_000))).toMatchObject({ kind: 'refuse', error: { code: 'WORKFLOW_CLOSED' } });
  });
});

describe('a row of the mailbox', () => {
  const resumed = controlled(took(took(paused.actor, completed(1, 'x')).actor, signal('GO')).actor, 'resume').actor;

  test('goes with the commit that applies it, the oldest first', () => {
    const first = took(resumed, completed(1, 'x'), at(4_000), 1);
    expect(first.commit).toMatchObject({ journal: { outcome: 'applied', mail: 1 }, mailRemoved: [1], mailPut: [], record: { queued: 1 } });
    const second = took(first.actor, signal('GO'), at(5_000), 2);
    expect(second.commit).toMatchObject({ mailRemoved: [2], record: { chart: { value: 'a' }, counters: { mail: 2 } } });
    expect(second.commit.record).not.toHaveProperty('queued');
    expect(isDraining(second.actor.record)).toBe(false);
  });

  test('goes, too, if nobody waits for it any more', () => {
    const left = took(took(resumed, completed(1, 'x'), at(4_000), 1).actor, failed(9, new Error('x')), at(5_000), 2);
    expect(left.commit).toMatchObject({ journal: { outcome: 'late', mail: 2 }, mailRemoved: [2] });
  });

  test('leaves no row of its message id: its sender was told already', () => {
    const held = took(paused.actor, { ...signal('GO'), messageId: 'm' });
    expect(held.commit.message).toEqual({ workflowId: 'w-1', messageId: 'm', run: 1, sequence: 3, outcome: 'queued', atMs: 3_000 });
    const { actor } = controlled(held.actor, 'resume');
    expect(took(actor, { ...signal('GO'), messageId: 'm' }, at(4_000), 1).commit).not.toHaveProperty('message');
  });

  test('goes with all others when the workflow is terminated, and stays where it is at any other end: it may be for others', () => {
    const messages = ['GO', 'END', 'GO', 'GO'].reduce((actor, type) => took(actor, signal(type)).actor, paused.actor);
    const { actor } = took(controlled(messages, 'resume').actor, signal('GO'), at(4_000), 1);
    const ended = took(actor, signal('END'), at(5_000), 2);
    expect(ended.commit).toMatchObject({ record: { status: 'completed', queued: 2 }, mailRemoved: [2] });
    const late = took(ended.actor, signal('GO'), at(6_000), 3).commit;
    expect(late).toMatchObject({ record: { status: 'completed', queued: 1 }, journal: { outcome: 'late' }, mailRemoved: [3] });
    const terminated = took(actor, { kind: 'terminate', reason: 'test' }, at(5_000)).commit;
    expect(terminated).toMatchObject({ record: { status: 'terminated' }, mailRemoved: [2, 3, 4] });
  });

  test('of an update is applied as any message: its sender has gone', () => {
    const { actor } = controlled(took(paused.actor, signal('NOPE')).actor, 'resume');
    expect(took(actor, { ...signal('NOPE'), isUpdate: true }, at(4_000), 1).commit.journal.outcome).toBe('unhandled');
  });
});
