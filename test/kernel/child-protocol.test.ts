import { describe, expect, test } from 'vitest';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import { assign, fromTransition, sendParent, sendTo, setup, spawnChild, stopChild } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ParentClosePolicy } from '../../src/kernel/birth.ts';
import { child } from '../../src/kernel/child.ts';
import { childOf, Family } from './families.ts';
import { completed, failed, signal } from './workflows.ts';

const work = activity<unknown, unknown>({ run: () => 1, retry: { maximumAttempts: 1 } });

/** Goes on from event to event; ends well, badly, or not at all. */
const part = setup({
  types: { context: {} as { input: unknown }, events: {} as { type: 'END' | 'BREAK' | 'GO' } },
  actors: { work },
}).createMachine({
  id: 'part',
  context: ({ input }) => ({ input }),
  initial: 'one',
  states: {
    one: { on: { END: 'end', GO: 'two', BREAK: 'broken' } },
    two: { on: { END: 'end' } },
    broken: { entry: assign(() => fail('part is broken')) },
    end: { type: 'final', output: { well: true }, tags: ['failed'] } as never,
  },
  output: ({ context }) => ({ of: context.input }),
});

function isDone(actor: AnyActorRef | undefined): boolean {
  return actor !== undefined && (actor.getSnapshot() as { status: string }).status === 'done';
}

function fail(message: string): never {
  throw new RangeError(message);
}

const parentOf = (logic: AnyStateMachine, invoke: object = {}, others: object = {}): AnyStateMachine =>
  setup({ actors: { part: logic } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'busy',
    context: { heard: undefined },
    states: {
      busy: {
        invoke: {
          src: 'part',
          id: 'part',
          input: 7 as never,
          onDone: { target: 'done', actions: assign({ heard: ({ event }) => (event as { output?: unknown }).output }) },
          onError: { target: 'failed', actions: assign({ heard: ({ event }) => (event as { error?: unknown }).error }) },
          ...invoke,
        },
        on: { LEAVE: 'idle', CLOSE: 'closed', AGAIN: { target: 'busy', reenter: true } },
      },
      done: {},
      failed: {},
      idle: { on: { CLOSE: 'closed' } },
      closed: { type: 'final' },
    },
    ...others,
  } as never) as unknown as AnyStateMachine;

describe('a child', () => {
  test('begins in the unit of its parent’s step, with its input, at an address of its own', () => {
    const family = new Family(parentOf(part));
    expect(family.order).toEqual(['root: start', '1: start']);
    expect(family.last[0]?.commit).toMatchObject({
      childrenPut: [{ n: 1, childId: 'part', src: 'part', isActor: true }],
      record: { children: 1, activities: [] },
      journal: { born: [1] },
    });
    expect(family.stored(1).record).toMatchObject({
      address: { workflowId: 'w-1', run: 1, path: [1] },
      birth: { childId: 'part', lineage: ['part'] },
      machine: { id: 'part', version: '1' },
      chart: { value: 'one', context: { input: 7 } },
      sequence: 1,
    });
  });

  test('tells its parent of its end in the same unit, whatever its tags, and is not needed any more', () => {
    const family = new Family(parentOf(part)).reopen();
    family.tell([1], signal('END'));
    expect(family.order).toEqual(['1: signal END', 'root: child-done']);
    expect(family.context).toEqual({ heard: { of: 7 } });
    expect(family.values).toEqual({ '': 'done' });
    expect(family.root.record).toMatchObject({ status: 'running', children: 0 });
    expect(family.stored(1).record.status).toBe('failed');
  });

  test('of a workflow that is parked hears of nothing before that is unparked; what it is told waits', () => {
    let isBroken = true;
    const family = new Family(parentOf(part, {}, { on: { POISON: { guard: () => isBroken && fail('poison') } } }));
    family.send('POISON');
    const { status, chart } = family.root.record;
    expect(status).toBe('parked');
    family.tell([1], signal('END'));
    expect(family.order).toEqual(['root: signal END']);
    expect(family.root.record).toMatchObject({ status, chart, queued: 2 });
    expect(family.values).toEqual({ '': 'busy', '1': 'one' });
    isBroken = false;
    family.control('unpark');
    expect(family.reopen().drain()).toEqual(['root: signal POISON', 'root: signal END', '1: signal END', 'root: child-done']);
    expect(family.values).toEqual({ '': 'done' });
  });

  test('whose first step throws at a parent that cannot bear it leaves a workflow that can be read', () => {
    const broken = setup({}).createMachine({ id: 'broken', context: () => fail('never born') });
    const family = new Family(parentOf(broken, { onError: { guard: () => fail('unbearable') } }));
    expect(family.order).toEqual(['root: start', 'root: child-failed']);
    expect(family.reopen().root.record).toMatchObject({
      status: 'parked',
      parked: { failure: { message: expect.stringContaining('unbearable') } },
    });
    expect(family.stored().mail).toMatchObject([
      { to: [], envelope: { kind: 'child-failed', isStillborn: true, error: { name: 'RangeError' } } },
    ]);
  });

  test('that throws has the workflow parked, and its parent hears nothing', () => {
    const family = new Family(parentOf(part));
    family.tell([1], signal('BREAK'));
    expect(family.order).toEqual(['root: signal BREAK']);
    expect(family.root.record).toMatchObject({ status: 'parked', parked: { reason: 'poison', failure: { state: 'one' } } });
    expect(family.stored().mail).toMatchObject([{ n: 1, to: [1], envelope: { kind: 'signal', event: { type: 'BREAK' } } }]);
    expect(family.stored(1).record.status).toBe('running');
    expect(family.values).toEqual({ '': 'busy', '1': 'one' });
  });

  test('whose first step throws is an error of its parent, not of the step that made it', () => {
    const broken = setup({}).createMachine({ id: 'broken', context: () => fail('never born') });
    const family = new Family(parentOf(broken));
    expect(family.order).toEqual(['root: start', 'root: child-failed']);
    expect(family.values).toEqual({ '': 'failed' });
    expect(family.context).toMatchObject({ heard: { name: 'RangeError', message: 'never born' } });
    expect(family.root.record).toMatchObject({ children: 0, activityFailure: { class: 'RangeError' } });
  });

  test('in error ends its parent if that does not handle it, and with it the other children', () => {
    const failing = setup({ actors: { work } }).createMachine({ id: 'failing', invoke: { src: 'work' } });
    const machine = setup({ actors: { failing, part } }).createMachine({
      id: 'parent',
      version: '1',
      invoke: [
        { src: 'failing', id: 'failing' },
        { src: 'part', id: 'part', input: 1 as never },
      ],
    });
    const family = new Family(machine);
    family.tell([1], failed(1, new RangeError('no')));
    expect(family.order).toEqual(['1: attempt-failed', 'root: child-failed', '2: stop']);
    expect(family.root.record).toMatchObject({ status: 'failed', failure: { class: 'RangeError', message: 'no' }, children: 0 });
    expect(family.stored(2).record.status).toBe('cancelled');
  });

  test('may have children itself, to any depth, and an error goes up step by step', () => {
    const inner = setup({ actors: { work } }).createMachine({ id: 'inner', invoke: { src: 'work', id: 'w' } });
    const middle = setup({ actors: { inner } }).createMachine({ id: 'middle', invoke: { src: 'inner', id: 'i' } });
    const family = new Family(parentOf(middle)).reopen();
    expect(family.stored(1, 1).record.birth).toMatchObject({ lineage: ['part', 'inner'] });
    expect(family.stored(1, 1).activities).toMatchObject([{ idempotencyKey: 'w-1:1:1.1:1', name: 'inner.work' }]);
    family.tell([1, 1], failed(1, new RangeError('deep')));
    expect(family.order).toEqual(['1.1: attempt-failed', '1: child-failed', 'root: child-failed']);
    expect(family.context).toMatchObject({ heard: { name: 'RangeError', message: 'deep' } });
  });

  test('an outcome of an activity reaches the child whose it is', () => {
    const worker = setup({ actors: { work } }).createMachine({
      id: 'worker',
      initial: 'a',
      states: { a: { invoke: { src: 'work', onDone: 'b' } }, b: { type: 'final' } },
    });
    const family = new Family(parentOf(worker));
    family.tell([1], completed(1, 'fine'));
    expect(family.order).toEqual(['1: attempt-completed', 'root: child-done']);
    expect(family.values).toEqual({ '': 'done' });
  });

  test('of a machine among its own actors goes down as far as the chart does', () => {
    const nest = setup({
      types: { input: {} as number, context: {} as { depth: number } },
      actors: { nest: {} as AnyStateMachine },
    }).createMachine({
      id: 'nest',
      version: '1',
      context: ({ input }) => ({ depth: input }),
      initial: 'look',
      states: {
        look: { always: [{ guard: ({ context }) => context.depth === 0, target: 'bottom' }, 'down'] },
        down: {
          invoke: { src: 'nest', input: (({ context }: { context: { depth: number } }) => context.depth - 1) as never, onDone: 'bottom' },
        },
        bottom: { type: 'final' },
      },
    });
    Object.assign(nest.implementations.actors, { nest });
    const family = new Family(nest, 3);
    expect(family.stored(1, 1, 1).record.birth?.lineage).toEqual(['nest', 'nest', 'nest']);
    expect(family.root.record.status).toBe('completed');
  });
});

describe('a transition function', () => {
  const adding = fromTransition((sum: number, event: { type: 'ADD'; amount: number }) => sum + event.amount, 0);

  test('is an actor with a record of its own', () => {
    const machine = setup({ actors: { adding } }).createMachine({
      id: 'm',
      version: '1',
      invoke: { src: 'adding', id: 'sum' },
      on: { ADD: { actions: sendTo('sum', ({ event }) => event as never) } },
    });
    const family = new Family(machine).reopen();
    family.send('ADD', { amount: 2 });
    family.reopen().send('ADD', { amount: 3 });
    expect(family.order).toEqual(['root: signal ADD', '1: message ADD']);
    expect(family.stored(1).record.chart).toMatchObject({ value: null, context: { state: 5 } });
    expect(childOf(family.root, 'sum').getSnapshot()).toMatchObject({ status: 'active', context: 5 });
  });
});

describe('a child that is watched', () => {
  test('shows its parent each of its snapshots as plain data', () => {
    const seen = { onSnapshot: { actions: assign({ heard: ({ event }: { event: { snapshot: unknown } }) => event.snapshot }) } };
    const family = new Family(parentOf(part, seen));
    expect(family.order).toEqual(['root: start', '1: start', 'root: child-snapshot']);
    family.reopen().tell([1], signal('GO'));
    expect(family.order).toEqual(['1: signal GO', 'root: child-snapshot']);
    expect(family.context).toEqual({
      heard: { status: 'active', value: 'two', context: { input: 7 }, output: undefined, error: undefined },
    });
  });

  test('says nothing of what its chart does not hear of', () => {
    const worker = setup({ actors: { work: activity<unknown, unknown>({ run: () => 1 }) } }).createMachine({
      id: 'worker',
      invoke: { src: 'work' },
    });
    const family = new Family(parentOf(worker, { onSnapshot: {} }));
    family.tell([1], failed(1, new Error('try again')));
    expect(family.order).toEqual(['1: attempt-failed']);
    family.tell([1], { kind: 'attempt-due', n: 1 });
    expect(family.order).toEqual(['1: attempt-due']);
  });

  test('shows what would be read as something else as what it is, and a state that is nothing', () => {
    const seen = { onSnapshot: { actions: assign({ heard: ({ event }: { event: { snapshot: unknown } }) => event.snapshot }) } };
    const odd = setup({}).createMachine({ id: 'odd', context: { $type: 'Date', value: 5 }, on: { GO: {} } });
    const nothing = fromTransition(() => undefined, undefined);
    expect(new Family(parentOf(odd, seen)).context).toMatchObject({ heard: { context: { $type: 'Date', value: 5 } } });
    expect(new Family(parentOf(nothing as never, seen)).context).toEqual({
      heard: { status: 'active', context: undefined, output: undefined, error: undefined },
    });
  });

  test('is not heard any more once it was let go, though it said it before', () => {
    const machine = setup({ actors: { part: child(part, { parentClosePolicy: 'abandon' }) } }).createMachine({
      id: 'm',
      version: '1',
      context: { heard: 0 },
      invoke: {
        src: 'part',
        id: 'part',
        input: 1 as never,
        onSnapshot: { actions: assign({ heard: ({ context }: { context: { heard?: number } }) => Number(context.heard) + 1 }) },
      },
      on: { BYE: { actions: [sendTo('part', { type: 'GO' }), stopChild('part')] } },
    });
    const family = new Family(machine);
    expect(family.context).toEqual({ heard: 1 });
    family.send('BYE');
    expect(family.order).toEqual(['root: signal BYE', '1: message GO', '1: stop']);
    expect(family.context).toEqual({ heard: 1 });
  });

  test('says nothing to a parent that does not watch', () => {
    const family = new Family(parentOf(part));
    family.tell([1], signal('GO'));
    expect(family.order).toEqual(['1: signal GO']);
  });
});

describe('what becomes of a child that its parent stops', () => {
  const patient = setup({}).createMachine({
    id: 'patient',
    initial: 'on',
    states: {
      on: { on: { 'workflow.cancel': 'leaving', END: 'end', LATER: { actions: sendParent({ type: 'CLOSE' }) } } },
      leaving: { after: { 50: 'end' }, on: { END: 'end' } },
      end: { type: 'final' },
    },
  });
  const under = (machine: AnyStateMachine, parentClosePolicy?: ParentClosePolicy): AnyStateMachine =>
    parentOf(parentClosePolicy === undefined ? machine : child(machine, { parentClosePolicy }));

  test.each(['LEAVE', 'CLOSE'])('by default it is asked to cancel, and ends at once if it has nothing to say to that (%s)', (event) => {
    const family = new Family(under(part));
    family.send(event);
    expect(family.order).toEqual([`root: signal ${event}`, '1: stop']);
    expect(family.stored(1).record).toMatchObject({ status: 'cancelled', failure: { class: 'Cancelled' } });
    expect(family.stored(1).journal.at(-1)).toMatchObject({ outcome: 'cancelled' });
    expect(family.root.record.children).toBe(0);
    expect(Object.keys(family.values)).toEqual(['']);
  });

  test.each(['LEAVE', 'CLOSE'])('if it has, it goes on to an end of its own, which its parent does not hear of as such (%s)', (event) => {
    const family = new Family(under(patient));
    family.send(event);
    expect(family.order).toEqual([`root: signal ${event}`, '1: stop']);
    expect(family.stored(1).record).toMatchObject({ status: 'running', isDetached: true, chart: { value: 'leaving' } });
    expect(family.stored().children).toMatchObject([{ n: 1, isDetached: true }]);
    const before = family.root.record.chart;
    family.reopen().tell([1], { kind: 'timer', generation: 1 });
    expect(family.order).toEqual(['1: timer', 'root: child-gone']);
    expect(family.root.record).toMatchObject({ chart: before, children: 0 });
    expect(family.stored(1).record.status).toBe('completed');
    expect(Object.keys(family.values)).toEqual(['']);
  });

  test('a transition for any event at all is no answer to the request', () => {
    const whatever = setup({}).createMachine({ id: 'whatever', on: { '*': { actions: assign({}) } } });
    const family = new Family(under(whatever));
    family.send('LEAVE');
    expect(family.stored(1).record.status).toBe('cancelled');
  });

  test('one that has to say something in another state only is not left behind as if it went on', () => {
    const elsewhere = setup({}).createMachine({
      id: 'elsewhere',
      initial: 'a',
      states: { a: { on: { GO: 'b' } }, b: { on: { 'workflow.cancel': 'a' } } },
    });
    const family = new Family(under(elsewhere));
    family.send('LEAVE');
    expect(family.stored(1).record.status).toBe('cancelled');
    expect(family.root.record.children).toBe(0);
    expect(Object.keys(family.values)).toEqual(['']);
  });

  test('`terminate`: it ends at once whatever its chart says', () => {
    const family = new Family(under(patient, 'terminate'));
    family.send('LEAVE');
    expect(family.stored(1).record).toMatchObject({ status: 'terminated', failure: { class: 'Terminated' } });
    expect(family.root.record.children).toBe(0);
  });

  test.each(['LEAVE', 'CLOSE'])('`abandon`: it goes on as if nothing had happened (%s)', (event) => {
    const family = new Family(under(part, 'abandon'));
    family.send(event);
    expect(family.stored(1).record).toMatchObject({ status: 'running', isDetached: true, birth: { parentClosePolicy: 'abandon' } });
    family.reopen().tell([1], signal('GO'));
    expect(family.order).toEqual(['1: signal GO']);
    family.tell([1], signal('END'));
    expect(family.order).toEqual(['1: signal END', 'root: child-gone']);
    expect(family.root.record).toMatchObject({ children: 0, status: event === 'CLOSE' ? 'completed' : 'running' });
  });

  test('goes for its children in turn', () => {
    const middle = setup({ actors: { part } }).createMachine({ id: 'middle', invoke: { src: 'part', id: 'p', input: 1 as never } });
    const family = new Family(under(middle));
    family.send('CLOSE');
    expect(family.order).toEqual(['root: signal CLOSE', '1: stop', '1.1: stop']);
    expect(family.stored(1, 1).record.status).toBe('cancelled');
  });

  test('holds for a workflow that is terminated, too', () => {
    const family = new Family(under(part));
    family.tell([], { kind: 'terminate', reason: 'enough' });
    expect(family.order).toEqual(['root: terminate', '1: stop']);
    expect(family.root.record).toMatchObject({ status: 'terminated', children: 0 });
  });

  test('a state that is entered again has a new child, at an address never used before', () => {
    const family = new Family(under(part));
    family.send('AGAIN');
    expect(family.order).toEqual(['root: signal AGAIN', '1: stop', '2: start']);
    expect(family.values).toEqual({ '': 'busy', '2': 'one' });
  });
});

describe('a child spawned and stopped in one step', () => {
  test('never starts: no row, no step, no message', () => {
    const machine = setup({ actors: { part, work } }).createMachine({
      id: 'm',
      version: '1',
      initial: 'rest',
      states: {
        rest: { on: { GO: 'brief' } },
        brief: { invoke: { src: 'part', id: 'p', input: 1 as never }, entry: sendTo('p', { type: 'GO' }), always: 'rest' },
      },
      on: { BOTH: { actions: [spawnChild('part', { id: 'q', input: 1 as never }), stopChild('q')] } },
    });
    const family = new Family(machine);
    for (const event of ['GO', 'BOTH']) {
      family.send(event);
      expect(family.last).toHaveLength(1);
      expect(family.last[0]?.commit).toMatchObject({ messages: [], childrenPut: [], childrenRemoved: [], record: { children: 0 } });
      expect(family.last[0]?.commit.journal).not.toHaveProperty('born');
    }
    expect(family.root.record.counters.child).toBe(2);
  });
});

describe('the end of a child', () => {
  test('that failed with nothing at all is an error of its parent', () => {
    const worker = setup({ actors: { work } }).createMachine({ id: 'worker', invoke: { src: 'work' } });
    const family = new Family(parentOf(worker));
    family.tell([1], failed(1, null));
    expect(family.order).toEqual(['1: attempt-failed', 'root: child-failed']);
    expect(family.root.record.chart).toMatchObject({ value: 'failed', context: { heard: null } });
  });

  test('is heard once', () => {
    const machine = setup({ types: { context: {} as { ref: AnyActorRef; done: number } }, actors: { part } }).createMachine({
      id: 'm',
      version: '1',
      context: ({ spawn }) => ({ ref: spawn('part', { id: 'p', input: 1 }), done: 0 }),
      on: { 'xstate.done.actor.p': { actions: assign({ done: ({ context }) => context.done + 1 }) } },
    });
    const family = new Family(machine);
    family.tell([1], signal('END'));
    expect(family.tell([], { kind: 'child-done', n: 1, output: null })).toEqual([]);
    expect(family.context).toMatchObject({ done: 1 });
  });

  test('of an activity that the engine gave up is an error to whoever refers to it, over a restart', () => {
    const slow = activity<unknown, unknown>({ run: () => 1, retry: { maximumAttempts: 1 } });
    const machine = setup({ types: { context: {} as { ref: AnyActorRef; seen: unknown } }, actors: { slow } }).createMachine({
      id: 'm',
      version: '1',
      context: ({ spawn }) => ({ ref: spawn('slow', { id: 's', systemId: 'slow' }), seen: undefined }),
      on: {
        'xstate.error.actor.s': {},
        LOOK: { actions: assign({ seen: ({ context }) => context.ref.getSnapshot() as unknown }) },
      },
    });
    const over = { status: 'error', error: { name: expect.stringMatching(/Timeout|Lost/) as string } };
    for (const envelope of [
      { kind: 'attempt-timed-out', n: 1, attempt: 1 },
      { kind: 'attempt-lost', n: 1, attempt: 1 },
    ] as const) {
      const family = new Family(machine);
      family.tell([], envelope);
      expect(family.stored().children).toMatchObject([{ n: 1, childId: 's', systemId: 'slow', isEnded: true }]);
      family.send('LOOK');
      expect(family.context).toMatchObject({ seen: over });
      family.reopen().send('LOOK');
      expect(family.context).toMatchObject({ seen: over });
    }
  });

  test('is kept with a reference that the chart goes on holding, over a restart', () => {
    const machine = setup({
      types: { context: {} as { ref?: AnyActorRef; done: number } },
      actors: { part, work },
    }).createMachine({
      id: 'm',
      version: '1',
      context: { done: 0 },
      on: {
        SPAWN: { actions: assign({ ref: ({ spawn }) => spawn('part', { id: 'p', input: 1 }) }) },
        WORK: { actions: assign({ ref: ({ spawn }) => spawn('work', { id: 'p' }) }) },
        'xstate.done.actor.p': { actions: assign({ done: ({ context }) => context.done + 1 }) },
        LOOK: {
          guard: ({ context }) => isDone(context.ref),
          actions: assign({ done: 100 }),
        },
      },
    });
    for (const [spawn, end] of [
      ['SPAWN', signal('END')],
      ['WORK', completed(1, { price: 5 })],
    ] as const) {
      const family = new Family(machine);
      family.send(spawn);
      family.reopen().tell(spawn === 'SPAWN' ? [1] : [], end);
      expect(family.context).toMatchObject({ done: 1 });
      family.reopen().send('LOOK');
      expect(family.context).toMatchObject({ done: 100, ref: { id: 'p', sessionId: 'w-1:1:1' } });
    }
  });

  test('that was never born is kept as an error, over a restart', () => {
    const broken = setup({}).createMachine({ id: 'broken', context: () => fail('never born') });
    const machine = setup({ types: { context: {} }, actors: { broken } }).createMachine({
      id: 'm',
      version: '1',
      context: ({ spawn }) => ({ ref: spawn('broken', { id: 'b' }) }),
      on: { 'xstate.error.actor.b': { actions: assign({ error: ({ event }) => (event as { error?: unknown }).error }) }, LOOK: {} },
    });
    const family = new Family(machine).reopen();
    expect(family.context).toMatchObject({ error: { message: 'never born' } });
    family.send('LOOK');
    expect(family.root.record.status).toBe('running');
  });
});
