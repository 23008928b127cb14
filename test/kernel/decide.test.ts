import { describe, expect, test, vi } from 'vitest';
import { assign, raise, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { decideTreeStart } from '../../src/kernel/decide-in-tree.ts';
import { limits } from '../../src/kernel/limits.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { at, began, completed, decidedOn, errorNamed, failed, pending, revive, signal, taken, took, valueOf, walked } from './workflows.ts';

const work = activity<{ item: string }, { price: number }>({ run: () => ({ price: 1 }), retry: { maximumAttempts: 1 } });

const order = setup({
  types: {
    context: {} as { item: string; price: number; notes: string[] },
    input: {} as { item: string },
    events: {} as { type: 'NOTE'; text: string } | { type: 'PAY' } | { type: 'FORBIDDEN' } | { type: 'RARELY' },
  },
  actors: { work },
  guards: { never: () => false },
}).createMachine({
  id: 'order',
  version: '3',
  context: ({ input }) => ({ item: input.item, price: 0, notes: [] }),
  initial: 'pricing',
  on: { NOTE: { actions: assign({ notes: ({ context, event }) => [...context.notes, event.text] }) } },
  states: {
    pricing: {
      invoke: {
        src: 'work',
        input: ({ context }) => ({ item: context.item }),
        onDone: { target: 'open', actions: assign({ price: ({ event }) => event.output.price }) },
      },
    },
    open: { on: { PAY: 'paid', FORBIDDEN: {}, RARELY: { guard: 'never', target: 'paid' } } },
    paid: { type: 'final' },
  },
  output: ({ context }) => ({ price: context.price }),
});

const open = () => took(began(order, { item: 'tea' }).actor, completed(1, { price: 125 }));

describe('the first step', () => {
  test('is one commit with input, state, context, the activity and its attempt', () => {
    const { commit } = began(order, { item: 'tea' }, at(5_000));
    expect(commit).toMatchObject({
      base: 0,
      record: {
        address: { workflowId: 'w-1', run: 1, path: [] },
        machine: { id: 'order', version: '3' },
        status: 'running',
        sequence: 1,
        startedAtMs: 5_000,
        updatedAtMs: 5_000,
        chart: { status: 'active', value: 'pricing', context: { item: 'tea', price: 0, notes: [] }, history: {} },
        activities: [{ n: 1, childId: '0.order.pricing' }],
      },
      journal: { sequence: 1, envelope: { kind: 'start', input: { item: 'tea' } }, outcome: 'applied', scheduled: [1] },
      activitiesPut: [{ n: 1, src: 'work', name: 'order.work', attempt: 1, state: 'running', idempotencyKey: 'w-1:1::1' }],
      effects: [{ kind: 'run-attempt', n: 1, src: 'work', attempt: 1, input: { item: 'tea' }, idempotencyKey: 'w-1:1::1' }],
    });
    expect(commit.journal.snapshot).toEqual(commit.record.chart);
    expect(commit.journal.context).toEqual({ set: commit.record.chart.context, removed: [] });
  });

  test('may be the last one', () => {
    const { commit } = began(setup({}).createMachine({ id: 'nothing', version: '1', initial: 'end', states: { end: { type: 'final' } } }));
    expect(commit.record).toMatchObject({ status: 'completed', sequence: 1, closedAtMs: 1_000 });
    expect(commit.effects).toEqual([]);
  });

  test.each<[string, object]>([
    ['context', { context: () => thrower('no context') }],
    ['entry', { context: {}, entry: assign(() => thrower('no context')) }],
    ['a raised loop', { entry: raise({ type: 'AGAIN' }), on: { AGAIN: { actions: raise({ type: 'AGAIN' }) } } }],
    ['an eternal transition', { initial: 'a', states: { a: { always: 'b' }, b: { always: 'a' } } }],
  ])('that throws is refused, and nothing is stored: %s', (_, config) => {
    const machine = registerMachine(setup({}).createMachine({ id: 'broken', version: '1', ...config }));
    const decision = decideTreeStart({ machine, address: rootAddress('w-9', 1), input: null }, at(0));
    expect(decision).toMatchObject({ kind: 'refuse', error: { code: 'STEP_FAILED', details: { id: 'w-9' } } });
    expect(decision).toHaveProperty('error.message', expect.stringMatching(/^Workflow "w-9" was not started: its first step failed with /));
  });

  test('whose input cannot be stored by an activity is refused with the path', () => {
    const machine = setup({ actors: { work: activity<unknown, unknown>({ run: () => 1 }) } }).createMachine({
      id: 'unkept',
      version: '1',
      invoke: { src: 'work', input: () => ({ callback: () => 1 }) },
    });
    const decision = decideTreeStart({ machine: registerMachine(machine), address: rootAddress('w-9', 1), input: null }, at(0));
    expect(decision).toMatchObject({ kind: 'refuse', error: { code: 'STEP_FAILED' } });
    expect(decision).toHaveProperty('error.message', expect.stringContaining('input of activity "unkept.work".callback is a function'));
  });
});

function thrower(message: string): never {
  throw new Error(message);
}

describe('an event', () => {
  test('the chart takes is applied', () => {
    const { commit } = took(open().actor, signal('PAY'), at(9_000));
    expect(commit).toMatchObject({
      base: 2,
      journal: { outcome: 'applied', envelope: { kind: 'signal', event: { type: 'PAY' } }, context: { set: {}, removed: [] } },
      record: { status: 'completed', sequence: 3, closedAtMs: 9_000, chart: { status: 'done', value: 'paid', output: { price: 125 } } },
    });
  });

  test('is told by whether a transition took it, not by whether something changed', () => {
    const before = open();
    expect(took(before.actor, signal('UNKNOWN')).commit.journal.outcome).toBe('unhandled');
    expect(took(before.actor, signal('RARELY')).commit.journal.outcome).toBe('unhandled');
    expect(took(before.actor, signal('FORBIDDEN')).commit.journal.outcome).toBe('applied');
  });

  test('nobody takes is recorded and changes nothing else', () => {
    const before = open();
    const { commit } = took(before.actor, signal('UNKNOWN'));
    expect(commit.record).toStrictEqual({ ...before.commit.record, sequence: 3 });
    expect(commit).toMatchObject({ effects: [], activitiesPut: [], activitiesRemoved: [], timersArmed: [], timersDisarmed: [] });
  });

  test('with a message id leaves a row with its outcome', () => {
    const before = open();
    const applied = took(before.actor, { ...signal('PAY'), messageId: 'web-1' });
    expect(applied.commit.message).toStrictEqual({
      workflowId: 'w-1',
      messageId: 'web-1',
      run: 1,
      sequence: 3,
      outcome: 'applied',
      atMs: 2_000,
    });
    expect(took(before.actor, { ...signal('NOPE'), messageId: 'web-2' }).commit.message).toMatchObject({ outcome: 'unhandled' });
    expect(took(before.actor, signal('PAY')).commit).not.toHaveProperty('message');
  });

  test('to a closed workflow is refused with how it ended', () => {
    const { actor } = walked(open().actor, signal('PAY'));
    expect(decidedOn(actor, signal('NOTE', { text: 'late' }), at(0))).toMatchObject({
      kind: 'refuse',
      error: { code: 'WORKFLOW_CLOSED', details: { id: 'w-1', status: 'completed' } },
    });
  });

  test('never makes journal times decrease', () => {
    const early = took(open().actor, signal('NOTE', { text: 'x' }), at(-5_000));
    expect(early.commit.journal.atMs).toBe(2_000);
    expect(early.commit.record.updatedAtMs).toBe(2_000);
  });

  test('sees what is in the journal: only keys of the context that changed', () => {
    const { commit } = took(open().actor, signal('NOTE', { text: 'x' }));
    expect(commit.journal.context).toEqual({ set: { notes: ['x'] }, removed: [] });
    expect(commit.record.chart.context).toEqual({ item: 'tea', price: 125, notes: ['x'] });
  });
});

describe('the status of an end', () => {
  const ending = (config: object) => {
    const machine = setup({ actors: { work } }).createMachine({
      id: 'ending',
      version: '1',
      initial: 'open',
      states: { open: { invoke: { src: 'work', input: { item: 'x' }, onDone: 'end' } }, end: { type: 'final', ...config } },
    });
    return took(began(machine).actor, completed(1, { price: 1 })).commit.record;
  };

  test('is what the tag of the final state says', () => {
    expect(ending({}).status).toBe('completed');
    expect(ending({ tags: ['failed'] }).status).toBe('failed');
    expect(ending({ tags: ['cancelled'] }).status).toBe('cancelled');
    expect(ending({ tags: ['cancelled', 'failed', 'vip'] }).status).toBe('failed');
    expect(ending({ tags: ['vip'] }).status).toBe('completed');
  });

  test('that is bad carries a failure with the state, a good one none', () => {
    expect(ending({ tags: ['failed'] }).failure).toEqual({
      class: 'Failed',
      message: 'The chart ended in "end", tagged "failed".',
      state: 'end',
    });
    expect(ending({ tags: ['cancelled'] }).failure).toMatchObject({ class: 'Cancelled', state: 'end' });
    expect(ending({}).failure).toBeUndefined();
  });

  test('a tag on a state that is not final says nothing', () => {
    const machine = setup({}).createMachine({ id: 'tagged', version: '1', initial: 'a', states: { a: { tags: ['failed'] } } });
    expect(began(machine).commit.record.status).toBe('running');
  });
});

describe('the class of a failure', () => {
  const failing = (output: unknown) =>
    setup({ actors: { work } }).createMachine({
      id: 'failing',
      version: '1',
      initial: 'first',
      output: () => output as never,
      states: {
        first: { invoke: { src: 'work', input: { item: 'x' }, onError: 'second', onDone: 'failed' } },
        second: { invoke: { src: 'work', input: { item: 'y' }, onError: 'failed', onDone: 'failed' } },
        failed: { type: 'final', tags: ['failed'] },
      },
    });

  test('is the name of the error in the output', () => {
    const { commit } = walked(
      began(failing({ error: { name: 'SanctionsHit', message: 'entry 7' } })).actor,
      failed(1, errorNamed('First')),
      failed(2, errorNamed('Second')),
    );
    expect(commit.record.failure).toMatchObject({ class: 'SanctionsHit', message: 'entry 7', state: 'failed' });
  });

  test.each([undefined, null, 'text', {}, { error: undefined }, { error: 'text' }, { error: { message: 'nameless' } }])(
    'without a named error in the output (%j) is that of the last activity error that moved the workflow',
    (output) => {
      const { commit } = walked(
        began(failing(output)).actor,
        failed(1, errorNamed('First')),
        failed(2, errorNamed('Second', 'it was busy')),
      );
      expect(commit.record.failure).toMatchObject({
        class: 'Second',
        message: 'it was busy',
        activity: 'failing.work',
        attempt: 1,
        retryable: false,
        state: 'failed',
      });
    },
  );

  test('is that of an earlier activity error if none came after it', () => {
    const { commit } = walked(began(failing(undefined)).actor, failed(1, errorNamed('First')), completed(2, { price: 1 }));
    expect(commit.record.failure).toMatchObject({ class: 'First', state: 'failed' });
  });

  test('is Failed if no error is known', () => {
    expect(took(began(failing(undefined)).actor, completed(1, { price: 1 })).commit.record.failure).toMatchObject({ class: 'Failed' });
  });

  test('is that of the activity if nobody handles its error, which ends the workflow', () => {
    const { commit } = took(began(order, { item: 'tea' }).actor, failed(1, errorNamed('OutOfStock', 'no tea')), at(7_000));
    expect(commit.record).toMatchObject({
      status: 'failed',
      closedAtMs: 7_000,
      chart: { status: 'error', value: 'pricing' },
      failure: { class: 'OutOfStock', message: 'no tea', activity: 'order.work', attempt: 1, retryable: false, state: 'pricing' },
    });
    expect(commit.record.activities).toEqual([]);
  });

  test('survives in the record of a workflow that goes on', () => {
    const { commit, actor } = took(began(failing(undefined)).actor, failed(1, errorNamed('First')));
    expect(commit.record).toMatchObject({ status: 'running', activityFailure: { class: 'First', activity: 'failing.work' } });
    expect(commit.record.failure).toBeUndefined();
    expect(revive(actor).record.activityFailure).toEqual(commit.record.activityFailure);
  });
});

describe('a step whose code throws', () => {
  const fragile = (check: () => boolean) =>
    setup({ actors: { work }, guards: { check } }).createMachine({
      id: 'fragile',
      version: '1',
      type: 'parallel',
      states: {
        job: {
          initial: 'a',
          states: { a: { invoke: { src: 'work', input: { item: 'x' }, onDone: 'b' }, on: { GO: { guard: 'check', target: 'b' } } }, b: {} },
        },
        other: { after: { 5_000: {} } },
      },
    });

  test('is tried again twice, since a guard may have read something outside', () => {
    const check = vi
      .fn<() => boolean>()
      .mockImplementationOnce(() => thrower('busy'))
      .mockImplementationOnce(() => thrower('busy'))
      .mockReturnValue(true);
    const { commit } = taken(decidedOn(began(fragile(check)).actor, signal('GO'), at(2_000)));
    expect(check).toHaveBeenCalledTimes(1 + limits.stepRetriesMax);
    expect(commit).toMatchObject({ journal: { outcome: 'applied' }, record: { status: 'running', chart: { value: { job: 'b' } } } });
  });

  test('parks the workflow after that, and keeps event and error', () => {
    const check = vi.fn<() => boolean>(() => thrower('no such column'));
    const before = began(fragile(check));
    const envelope = { ...signal('GO', { id: 7 }), messageId: 'web-1' };
    const { commit } = taken(decidedOn(before.actor, envelope, at(2_000)));
    expect(check).toHaveBeenCalledTimes(1 + limits.stepRetriesMax);
    expect(commit).toMatchObject({
      journal: { outcome: 'parked', status: 'parked', envelope: { kind: 'signal', event: { type: 'GO', id: 7 } } },
      record: {
        status: 'parked',
        parked: {
          reason: 'poison',
          failure: { class: 'Error', message: expect.stringContaining('no such column'), state: { job: 'a', other: {} } },
        },
      },
      effects: [],
    });
    const { parked } = commit.record;
    const counters = { ...before.commit.record.counters, mail: 1 };
    const after = { status: 'parked', parked, counters, queued: 1, sequence: 2, updatedAtMs: 2_000 };
    expect(commit.record).toStrictEqual({ ...before.commit.record, ...after });
    expect(commit.mailPut).toStrictEqual([{ n: 1, to: [], envelope }]);
    expect(commit.message).toMatchObject({ messageId: 'web-1', sequence: 2, outcome: 'queued' });
  });

  test('leaves a parked workflow that stores what it is told, fires no timers and begins no attempts', () => {
    const parked = took(began(fragile(() => thrower('x'))).actor, signal('GO')).actor;
    for (const envelope of [
      signal('GO'),
      { kind: 'attempt-lost', n: 1, attempt: 1 } as const,
      { kind: 'attempt-released', n: 1, attempt: 1, hasBegun: true } as const,
      completed(1, { price: 1 }),
      failed(1, new Error('x')),
    ]) {
      const { commit } = took(parked, envelope, at(9_000));
      expect(commit.journal).toMatchObject({ envelope, outcome: 'queued', mail: 2, status: 'parked' });
      expect(commit.mailPut).toStrictEqual([{ n: 2, to: [], envelope }]);
      expect(commit.activitiesPut).toMatchObject(envelope.kind === 'signal' ? [] : [{ n: 1, state: 'settled' }]);
    }
    for (const envelope of [{ kind: 'timer', generation: 1 } as const, { kind: 'attempt-due', n: 1 } as const]) {
      expect(decidedOn(parked, envelope, at(9_000))).toEqual({ kind: 'ignore' });
    }
  });

  test('leaves a parked workflow whose attempt still gives up its place when it takes too long', () => {
    const parked = took(began(fragile(() => thrower('x'))).actor, signal('GO'));
    const { commit } = took(parked.actor, { kind: 'attempt-timed-out', n: 1, attempt: 1 }, at(9_000));
    expect(commit).toMatchObject({
      effects: [{ kind: 'abort-attempt', n: 1, reason: 'start-to-close-timeout' }],
      journal: { outcome: 'queued', status: 'parked' },
    });
    const counters = { ...parked.commit.record.counters, mail: 2 };
    const activities = [{ ...parked.commit.record.activities[0], state: 'settled' }];
    expect(commit.record).toStrictEqual({ ...parked.commit.record, counters, queued: 2, sequence: 3, updatedAtMs: 9_000, activities });
    expect(decidedOn(parked.actor, { kind: 'attempt-timed-out', n: 1, attempt: 2 }, at(9_000))).toEqual({ kind: 'ignore' });
  });

  test.each<[string, object]>([
    ['raise', { on: { GO: { actions: raise({ type: 'AGAIN' }) }, AGAIN: { actions: raise({ type: 'AGAIN' }) } } }],
    ['always', { initial: 'rest', states: { rest: { on: { GO: 'a' } }, a: { always: 'b' }, b: { always: 'a' } } }],
  ])('without end (%s) is stopped at the limit of microsteps and parks the workflow', (_, config) => {
    const machine = setup({}).createMachine({ id: 'endless', version: '1', ...config });
    const { commit } = taken(decidedOn(began(machine).actor, signal('GO'), at(2_000)));
    expect(commit.record).toMatchObject({ status: 'parked', parked: { reason: 'poison', failure: { class: 'PerdureError' } } });
    expect(commit.record.parked?.failure.message).toContain(`stopped after ${limits.microstepsMax} microsteps`);
  });

  test('that takes many microsteps, but ends, is applied', () => {
    const machine = setup({ types: { context: {} as { count: number } } }).createMachine({
      id: 'long',
      version: '1',
      context: { count: 0 },
      initial: 'rest',
      states: {
        rest: { on: { GO: 'counting' } },
        counting: {
          always: [
            {
              guard: ({ context }) => context.count < limits.microstepsMax - 10,
              actions: assign({ count: ({ context }) => context.count + 1 }),
            },
            { target: 'rest' },
          ],
        },
      },
    });
    const { commit } = taken(decidedOn(began(machine).actor, signal('GO'), at(2_000)));
    expect(commit).toMatchObject({
      journal: { outcome: 'applied' },
      record: { chart: { value: 'rest', context: { count: limits.microstepsMax - 10 } } },
    });
  });
});

describe('terminating', () => {
  test('closes at once, aborts what runs, drops timers, runs no code', () => {
    const leave = vi.fn(() => ({}));
    const machine = setup({ actors: { work } }).createMachine({
      id: 'ended',
      version: '1',
      exit: assign(leave),
      invoke: { src: 'work', input: { item: 'x' } },
      after: { 1_000: {} },
    });
    const { commit } = took(began(machine).actor, { kind: 'terminate', reason: 'asked by ops' }, at(8_000));
    expect(commit).toMatchObject({
      journal: { outcome: 'terminated', status: 'terminated', cancelled: [1], stopped: [1] },
      record: {
        status: 'terminated',
        closedAtMs: 8_000,
        timers: [],
        activities: [],
        failure: { class: 'Terminated', message: 'asked by ops' },
      },
      effects: [{ kind: 'abort-attempt', n: 1, reason: 'closed' }],
    });
    expect(leave).not.toHaveBeenCalled();
  });

  test('a workflow that is closed already changes nothing', () => {
    const { actor } = walked(open().actor, signal('PAY'));
    expect(decidedOn(actor, { kind: 'terminate', reason: 'again' }, at(0))).toEqual({ kind: 'ignore' });
  });

  test('a parked workflow closes it', () => {
    const machine = setup({}).createMachine({ id: 'poison', version: '1', on: { GO: { guard: () => thrower('x') } } });
    const { commit } = walked(began(machine).actor, signal('GO'), { kind: 'terminate', reason: 'give up' });
    expect(commit.record.status).toBe('terminated');
  });
});

test('the end of a workflow leaves nothing that could still happen', () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: 'ending',
    version: '1',
    initial: 'busy',
    on: { STOP: '.end' },
    entry: raise({ type: 'REMIND' }, { delay: 60_000, id: 'reminder' }),
    invoke: { src: 'work', input: { item: 'root' } },
    states: { busy: { invoke: { src: 'work', input: { item: 'x' } }, after: { 1_000: 'busy' } }, end: { type: 'final' } },
  });
  const { commit, actor } = took(began(machine).actor, signal('STOP'));
  expect(commit.record).toMatchObject({ status: 'completed', timers: [], activities: [] });
  expect(actor.activities.size).toBe(0);
  expect(commit.timersDisarmed.map((timer) => timer.id).sort()).toEqual(['reminder', 'xstate.after.1000.ending.busy']);
  expect(commit.effects).toEqual([
    { kind: 'abort-attempt', n: 2, reason: 'state-left' },
    { kind: 'abort-attempt', n: 1, reason: 'state-left' },
  ]);
});

test('a result that nobody waits for any more is journaled as late, also after the end', () => {
  const moved = took(open().actor, completed(1, { price: 9 }));
  expect(moved.commit).toMatchObject({ journal: { outcome: 'late' }, record: { chart: { context: { price: 125 } } }, effects: [] });
  const closed = walked(open().actor, signal('PAY'), completed(1, { price: 9 }));
  expect(closed.commit).toMatchObject({ journal: { outcome: 'late', status: 'completed' }, record: { closedAtMs: 3_000, sequence: 4 } });
  expect(valueOf(closed)).toBe('paid');
});

test('one activity is pending in the first state', () => {
  expect(pending(began(order, { item: 'tea' }).actor)).toMatchObject({ n: 1, input: { item: 'tea' } });
});
