import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { assign, setup } from 'xstate';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import { activity } from '../../src/kernel/activity.ts';
import { describeWorkflow } from '../../src/kernel/describe.ts';
import type { StepEnvelope } from '../../src/kernel/envelope.ts';
import { failedOutcome } from '../../src/kernel/failure.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import type { Taken } from './workflows.ts';
import { at, began, completed, decidedOn, failed, pending, revive, signal, storedOf, took, treeOf, valueOf } from './workflows.ts';

function machineWith(options: ActivityOptions<unknown, unknown> = {}) {
  const work = activity<unknown, unknown>({
    name: 'work',
    run: () => 1,
    startToCloseTimeout: '30s',
    ...options,
    retry: { initialInterval: '10s', jitter: 'none', ...options.retry },
  });
  const context: { found?: unknown; error?: unknown } = {};
  return setup({
    types: { context },
    actors: { work },
    guards: { broken: () => poison() },
  }).createMachine({
    id: 'job',
    version: '1',
    context,
    initial: 'busy',
    states: {
      busy: {
        invoke: {
          src: 'work',
          onDone: { target: 'done', actions: assign({ found: ({ event }) => event.output }) },
          onError: { target: 'failed', actions: assign({ error: ({ event }) => event.error }) },
        },
        on: { POISON: { guard: 'broken' } },
      },
      done: {},
      failed: {},
    },
  });
}

function poison(): never {
  throw new Error('poison');
}

const wholeOver: StepEnvelope = { kind: 'activity-timed-out', n: 1 };
const silent = (attempt: number): StepEnvelope => ({ kind: 'attempt-timed-out', n: 1, attempt, timeout: 'heartbeat' });
const handedOver: StepEnvelope = { kind: 'attempt-handed-over', n: 1, attempt: 1 };
const dueNow: StepEnvelope = { kind: 'attempt-due', n: 1 };
const hand = { by: 'ada', note: 'why' };
const toRoot = (envelope: StepEnvelope) => ({ to: [], envelope });
const refusalOf = (taken: Taken, envelope: StepEnvelope) => decidedOn(taken.actor, envelope, at(9_000));

describe('the time of an activity as a whole', () => {
  const whole = machineWith({ scheduleToCloseTimeout: '60s' });

  test('is a moment from when it was scheduled, and what a host with one alarm waits for', () => {
    const { actor } = began(whole, undefined, at(1_000));
    expect(pending(actor).scheduleToCloseAtMs).toBe(61_000);
    expect(wakeAt(treeOf(actor))).toBe(61_000);
    expect(due(treeOf(actor), 60_999)).toEqual([]);
    expect(due(treeOf(actor), 61_000)).toEqual([toRoot(wholeOver)]);
  });

  test('is due before a retry of the same moment, and without a place, too', () => {
    const retry = { initialInterval: '59s', jitter: 'none' } as const;
    const backingOff = took(
      began(machineWith({ scheduleToCloseTimeout: '60s', retry }), undefined, at(1_000)).actor,
      failed(1, new Error('x')),
      at(1_500),
    );
    expect(due(treeOf(backingOff.actor), 61_000)).toEqual([dueNow, wholeOver].map(toRoot));
    const waiting = began(whole, undefined, at(1_000, { admit: () => false }));
    expect(due(treeOf(waiting.actor), 61_000)).toContainEqual(toRoot(wholeOver));
    expect(valueOf(took(waiting.actor, wholeOver, at(61_000)))).toBe('failed');
  });

  test('aborts the attempt that runs, and tells the chart', () => {
    const { commit, actor } = took(began(whole).actor, wholeOver, at(61_000));
    expect(commit.effects).toEqual([{ kind: 'abort-attempt', n: 1, reason: 'schedule-to-close-timeout' }]);
    expect(commit.record.activityFailure).toMatchObject({ class: 'ScheduleToCloseTimeout', retryable: false });
    expect(actor.chart.snapshot.context).toMatchObject({
      error: { name: 'ScheduleToCloseTimeout', message: expect.stringContaining('60000 ms') },
    });
  });

  test('names what the last attempt failed with, if none runs', () => {
    const backingOff = took(began(whole).actor, failed(1, new RangeError('too far')), at(2_000));
    const { commit } = took(backingOff.actor, wholeOver, at(61_000));
    expect(commit.effects).toEqual([]);
    expect(commit.record.activityFailure?.message).toContain('RangeError: too far');
  });

  test('is not waited out for a retry that would begin after it: the last error is the outcome', () => {
    const { commit } = took(began(whole, undefined, at(1_000)).actor, failed(1, new RangeError('late')), at(51_000));
    expect(commit.record).toMatchObject({ chart: { value: 'failed' }, activityFailure: { class: 'RangeError' } });
    const early = took(began(whole, undefined, at(1_000)).actor, failed(1, new RangeError('early')), at(50_999));
    expect(pending(early.actor)).toMatchObject({ state: 'backoff', nextAttemptAtMs: 60_999 });
  });

  test('that is over lets no attempt begin, neither a due one nor one after a crash', () => {
    const backingOff = took(began(whole).actor, failed(1, new Error('x')), at(2_000));
    expect(took(backingOff.actor, dueNow, at(61_000)).commit.record.activityFailure?.class).toBe('ScheduleToCloseTimeout');
    const lost: StepEnvelope = { kind: 'attempt-lost', n: 1, attempt: 1 };
    expect(took(began(whole).actor, lost, at(61_000)).commit.record.activityFailure?.class).toBe('ScheduleToCloseTimeout');
  });

  test('frees the place of an attempt whose workflow is parked', () => {
    const parked = took(began(whole).actor, signal('POISON'));
    const { commit } = took(parked.actor, wholeOver, at(61_000));
    expect(commit).toMatchObject({
      journal: { outcome: 'queued' },
      effects: [{ reason: 'schedule-to-close-timeout' }],
      record: { status: 'parked' },
    });
  });

  test('means nothing to an activity that has none, or is not there', () => {
    expect(refusalOf(began(machineWith()), wholeOver)).toEqual({ kind: 'ignore' });
    expect(refusalOf(took(began(whole).actor, completed(1)), wholeOver)).toEqual({ kind: 'ignore' });
  });
});

describe('a sign of life', () => {
  test('is kept with its details, which the next attempt is given', () => {
    const told = took(
      began(machineWith()).actor,
      { kind: 'attempt-heartbeat', n: 1, attempt: 1, heartbeatDetails: { page: 3 } },
      at(5_000),
    );
    expect(told.commit.journal.outcome).toBe('noted');
    expect(pending(told.actor)).toMatchObject({ heartbeatAtMs: 5_000, heartbeatDetails: { page: 3 } });
    const backingOff = took(told.actor, failed(1, new Error('x')));
    expect(pending(backingOff.actor)).not.toHaveProperty('heartbeatAtMs');
    expect(took(backingOff.actor, dueNow).commit.effects).toMatchObject([{ attempt: 2, heartbeatDetails: { page: 3 } }]);
  });

  test.each<[string, StepEnvelope]>([
    ['fails', { ...failed(1, new Error('x')), heartbeatDetails: 'last' } as StepEnvelope],
    ['times out', { kind: 'attempt-timed-out', n: 1, attempt: 1, heartbeatDetails: 'last' }],
    ['is given back', { kind: 'attempt-released', n: 1, attempt: 1, hasBegun: true, heartbeatDetails: 'last' }],
  ])('that was not kept yet is when the attempt %s', (_, envelope) => {
    expect(pending(took(began(machineWith()).actor, envelope).actor).heartbeatDetails).toBe('last');
  });

  test('that did not come aborts the attempt, which is tried again', () => {
    const { commit, actor } = took(began(machineWith({ heartbeatTimeout: '5s' })).actor, silent(1));
    expect(commit.effects).toEqual([{ kind: 'abort-attempt', n: 1, reason: 'heartbeat-timeout' }]);
    expect(pending(actor)).toMatchObject({
      state: 'backoff',
      lastFailure: { class: 'HeartbeatTimeout', message: expect.stringContaining('5000 ms') },
    });
  });

  test('of an attempt that is over is ignored', () => {
    expect(refusalOf(began(machineWith()), { kind: 'attempt-heartbeat', n: 1, attempt: 2 })).toEqual({ kind: 'ignore' });
  });
});

describe('an error that says when to try again', () => {
  test('is waited for as long as it says, whatever the backoff', () => {
    const asked = { ...failed(1, new Error('busy')), nextRetryDelayMs: 90_000 } as StepEnvelope;
    expect(pending(took(began(machineWith()).actor, asked, at(2_000)).actor).nextAttemptAtMs).toBe(92_000);
    const whole = machineWith({ scheduleToCloseTimeout: '60s' });
    expect(valueOf(took(began(whole).actor, asked, at(2_000)))).toBe('failed');
  });

  test('is not tried more often than the policy allows', () => {
    const asked = { ...failed(1, new Error('busy')), nextRetryDelayMs: 0 } as StepEnvelope;
    expect(valueOf(took(began(machineWith({ retry: { maximumAttempts: 1 } })).actor, asked))).toBe('failed');
  });
});

describe('an attempt that was handed over', () => {
  const machine = machineWith({ heartbeatTimeout: '20s' });
  const over = took(began(machine, undefined, at(1_000)).actor, handedOver, at(3_000));

  test('is not lost with its process, and its time-outs are moments', () => {
    expect(pending(over.actor)).toMatchObject({ state: 'running', isHandedOver: true, attemptStartedAtMs: 1_000, heartbeatAtMs: 3_000 });
    expect(lostAttempts(treeOf(over.actor))).toEqual([]);
    expect(wakeAt(treeOf(over.actor))).toBe(23_000);
    expect(due(treeOf(over.actor), 31_000)).toEqual([silent(1), { kind: 'attempt-timed-out', n: 1, attempt: 1 } as const].map(toRoot));
    const alive = took(over.actor, { kind: 'attempt-heartbeat', n: 1, attempt: 1, isFromOutside: true }, at(20_000));
    expect(wakeAt(treeOf(alive.actor))).toBe(31_000);
  });

  test('is said to be when it is described', () => {
    const description = describeWorkflow({ root: storedOf(over.actor), others: [], closed: [] }, treeOf(over.actor));
    expect(description.activities).toMatchObject([{ isCompletedLater: true, attemptStartedAtMs: 1_000 }]);
    expect(description.waitsFor[0]).toBe('activity "work", attempt 1 of 10, to be completed from outside');
  });

  test('is completed from outside once, and its code is told', () => {
    const outside = { ...completed(1, 'found'), isFromOutside: true } as StepEnvelope;
    const done = took(over.actor, outside);
    expect(done.commit).toMatchObject({
      effects: [{ kind: 'abort-attempt', n: 1, reason: 'settled' }],
      record: { chart: { value: 'done', context: { found: 'found' } } },
    });
    expect(refusalOf(done, outside)).toMatchObject({ kind: 'refuse', error: { code: 'ATTEMPT_NOT_AWAITED' } });
  });

  test('fails from outside by its policy', () => {
    const outside = { ...failed(1, new Error('x')), isFromOutside: true } as StepEnvelope;
    const { commit, actor } = took(over.actor, outside);
    expect(commit.effects).toEqual([{ kind: 'abort-attempt', n: 1, reason: 'settled' }]);
    expect(pending(actor)).toMatchObject({ state: 'backoff' });
    expect(pending(actor)).not.toHaveProperty('isHandedOver');
    expect(refusalOf({ commit, actor }, outside)).toMatchObject({ error: { code: 'ATTEMPT_NOT_AWAITED' } });
  });

  test('is not given back at a shutdown', () => {
    expect(refusalOf(over, { kind: 'attempt-released', n: 1, attempt: 1, hasBegun: true })).toEqual({ kind: 'ignore' });
  });

  test('has to be awaited still', () => {
    const backingOff = took(began(machine).actor, failed(1, new Error('x')));
    expect(refusalOf(backingOff, handedOver)).toMatchObject({ kind: 'refuse', error: { code: 'ATTEMPT_NOT_AWAITED' } });
    const closed = took(over.actor, { kind: 'terminate', reason: 'x' });
    expect(refusalOf(closed, handedOver)).toMatchObject({ error: { code: 'WORKFLOW_CLOSED' } });
    const parked = took(over.actor, signal('POISON'));
    const outside = { ...completed(1), isFromOutside: true } as StepEnvelope;
    const kept = took(parked.actor, outside);
    expect(kept.commit).toMatchObject({ journal: { outcome: 'queued' }, activitiesPut: [{ state: 'settled' }] });
    expect(refusalOf(kept, outside)).toMatchObject({ error: { code: 'WORKFLOW_PARKED' } });
  });
});

describe('an attempt that was lost', () => {
  const lost = (attempt: number): StepEnvelope => ({ kind: 'attempt-lost', n: 1, attempt });
  const released = (attempt: number): StepEnvelope => ({ kind: 'attempt-released', n: 1, attempt, hasBegun: true });

  test('counts, those that were given back before do not', () => {
    const givenBack = took(began(machineWith({ retry: { maximumAttempts: 2 } })).actor, released(1));
    const second = took(givenBack.actor, dueNow);
    expect(pending(second.actor)).toMatchObject({ state: 'running', attempt: 2, uncharged: 1 });
    const third = took(second.actor, lost(2));
    const lastFailure = { class: 'AttemptLost', attempt: 2, retryable: true };
    expect(pending(third.actor)).toMatchObject({ state: 'running', attempt: 3, lastFailure });
    expect(valueOf(took(third.actor, lost(3)))).toBe('failed');
  });
});

describe('what a new version does not know', () => {
  const registered = (machine: AnyStateMachine) => registerMachine(machine);

  test('a heartbeat time-out that was told before and is none any more is a failed attempt all the same', () => {
    const { actor } = began(machineWith({ heartbeatTimeout: '5s' }));
    const later = took({ ...actor, machine: registered(machineWith()) }, silent(1));
    expect(pending(later.actor)).toMatchObject({ state: 'backoff', lastFailure: { class: 'HeartbeatTimeout' } });
  });

  test.each<[string, StepEnvelope, string]>([
    ['took too long', { kind: 'attempt-timed-out', n: 1, attempt: 1 }, 'StartToCloseTimeout'],
    ['gave no sign of life', silent(1), 'HeartbeatTimeout'],
    ['was lost', { kind: 'attempt-lost', n: 1, attempt: 1 }, 'AttemptLost'],
  ])('an activity that is gone is not tried again when its attempt %s', (_, envelope, failure) => {
    const { actor } = began(machineWith());
    const without = setup({}).createMachine({
      id: 'job',
      version: '1',
      initial: 'busy',
      states: { busy: { on: { '*': 'failed' } }, done: {}, failed: {} },
    });
    const gone = revive({ ...actor, machine: registered(without) });
    const { commit } = took(gone, envelope);
    expect(commit.record).toMatchObject({ chart: { value: 'failed' }, activityFailure: { class: failure } });
  });
});

describe('by hand', () => {
  const machine = machineWith();
  const failedOnce = took(began(machine).actor, failed(1, new Error('x')), at(2_000));

  test('a backoff is cut short, if there is a place', () => {
    const hurried: StepEnvelope = { kind: 'activity-hurried', n: 1, ...hand };
    expect(took(failedOnce.actor, hurried).commit.effects).toMatchObject([{ kind: 'run-attempt', attempt: 2 }]);
    const waiting = took(failedOnce.actor, hurried, at(3_000, { admit: () => false }));
    expect(pending(waiting.actor)).toMatchObject({ state: 'waiting' });
    expect(pending(waiting.actor)).not.toHaveProperty('nextAttemptAtMs');
    expect(refusalOf(began(machine), hurried)).toEqual({ kind: 'ignore' });
  });

  test('the policy of what is pending is changed, option by option, and told apart from the declaration', () => {
    const first = took(failedOnce.actor, {
      kind: 'activity-adjusted',
      n: 1,
      retry: { initialInterval: '1h' },
      startToCloseTimeoutMs: 5,
      ...hand,
    });
    const { actor } = took(first.actor, { kind: 'activity-adjusted', n: 1, retry: { maximumAttempts: 2 } });
    const second = took(actor, dueNow, at(20_000));
    expect(second.commit.effects).toMatchObject([{ attempt: 2, startToCloseTimeoutMs: 5 }]);
    expect(valueOf(took(second.actor, failed(1, new Error('x'), 2)))).toBe('failed');
    const longer = took(took(first.actor, dueNow, at(20_000)).actor, failed(1, new Error('x'), 2), at(30_000));
    expect(pending(longer.actor).nextAttemptAtMs).toBe(30_000 + 60_000);
    expect(first.commit.journal.envelope).toMatchObject(hand);
  });

  test.each([
    ['running', began(machine), [{ kind: 'abort-attempt', n: 1, reason: 'settled' }]],
    ['in its backoff', failedOnce, []],
    ['waiting', began(machine, undefined, at(1_000, { admit: () => false })), []],
  ])('what is %s is settled', (_, { actor }, effects) => {
    const done = took(actor, { kind: 'activity-completed', n: 1, output: 'by hand', ...hand }).commit;
    expect(done).toMatchObject({ effects, activitiesRemoved: [1], record: { chart: { value: 'done', context: { found: 'by hand' } } } });
    const undone = took(actor, { kind: 'activity-failed', n: 1, ...failedOutcome(new RangeError('no')), ...hand }).commit;
    expect(undone).toMatchObject({ effects, record: { chart: { value: 'failed' }, activityFailure: { class: 'RangeError' } } });
    expect(undone.journal.envelope).toMatchObject(hand);
  });

  test('nothing is done to what is not there', () => {
    const done = took(began(machine).actor, completed(1));
    const act: StepEnvelope = { kind: 'activity-completed', n: 1, output: null, ...hand };
    expect(refusalOf(done, act)).toMatchObject({ kind: 'refuse', error: { code: 'ACTIVITY_NOT_FOUND', details: { n: 1 } } });
    expect(refusalOf(took(done.actor, { kind: 'terminate', reason: 'x' }), act)).toMatchObject({ error: { code: 'WORKFLOW_CLOSED' } });
    const kept = took(took(began(machine).actor, signal('POISON')).actor, act);
    expect(kept.commit).toMatchObject({ journal: { outcome: 'queued' }, effects: [{ kind: 'abort-attempt', reason: 'settled' }] });
    expect(refusalOf(kept, act)).toMatchObject({ error: { code: 'WORKFLOW_PARKED' } });
  });
});
