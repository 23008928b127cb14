import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AnyActorLogic, AnyActorRef, AnyStateMachine } from 'xstate';
import { createActor, createMachine, waitFor } from 'xstate';
import type { ActivityScope, UndoScope } from '../../src/kernel/activity-descriptor.ts';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import { compensation, isCompensation } from '../../src/kernel/xstate-compensation.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

type Options = Partial<ActivityOptions<unknown, unknown>>;
type Run = (scope: ActivityScope<unknown>) => unknown;
type Note = (given: { readonly event: { readonly output?: unknown } }) => void;
type UndoRun = (scope: UndoScope<unknown, unknown>) => unknown;

/** Activities that write down how they are done and undone. */
function world() {
  const log: string[] = [];
  const [keys, undos] = [new Map<string, string>(), new Map<string, UndoScope<unknown, unknown>>()];
  const work = (name: string, run: Run = () => `${name} made`, undo: UndoRun = () => undefined, options: Options = {}) =>
    activity<unknown, unknown>({
      name,
      retry: { maximumAttempts: 1 },
      ...options,
      run: (scope) => {
        log.push(`do ${name}`);
        keys.set(name, scope.idempotencyKey);
        return run(scope);
      },
      compensate: {
        retry: { maximumAttempts: 2, initialInterval: '1s', jitter: 'none' },
        run: (scope) => {
          log.push(`undo ${name}`);
          undos.set(name, scope);
          return undo(scope);
        },
        ...options.compensate,
      },
    });
  return { log, keys, undos, work };
}

const never = async (): Promise<never> => new Promise(() => undefined);
const fail = async (): Promise<never> => Promise.reject(new RangeError('refused'));

const noteOutput = { actions: 'note' };
const unwinding = {
  initial: 'compensating',
  states: { compensating: { invoke: { src: 'compensation', onDone: { target: 'over', ...noteOutput } } }, over: {} },
};

/** Invokes each in turn, whatever it comes to, then unwinds. */
function inTurn(...sources: readonly string[]): object {
  const steps = sources.map((src, index) => {
    const next = index + 1 < sources.length ? `step${index + 1}` : 'unwinding';
    return [`step${index}`, { invoke: { src, input: { of: src }, onDone: next, onError: next }, on: { GIVE_UP: 'unwinding' } }];
  });
  return { initial: 'step0', states: { ...Object.fromEntries(steps), unwinding } };
}

function machineOf(config: object, actors: Record<string, AnyActorLogic>, note: Note = () => undefined): AnyStateMachine {
  return createMachine({ id: 'm', ...config } as never, { actors: { compensation, ...actors }, actions: { note } }) as AnyStateMachine;
}

function play(config: object, actors: Record<string, AnyActorLogic>) {
  const outputs: unknown[] = [];
  const note: Note = ({ event }) => outputs.push(event.output);
  const actor = createActor(machineOf(config, actors, note)).start();
  const isOver = new Promise<void>((resolve) => {
    actor.subscribe(({ value }) => (JSON.stringify(value).includes('over') ? resolve() : undefined));
  });
  return { actor, outputs, isOver };
}

describe('in a plain createActor, compensation', () => {
  test('undoes the newest completion first, with what was given and what it came to', async () => {
    const { log, keys, undos, work } = world();
    const { outputs, isOver } = play(inTurn('book', 'pay'), { book: work('book'), pay: work('pay') });
    await isOver;
    expect(log).toEqual(['do book', 'do pay', 'undo pay', 'undo book']);
    expect(outputs).toEqual([{ undone: ['pay', 'book'], deferred: [] }]);
    expect(undos.get('book')).toEqual({
      input: { of: 'book' },
      output: 'book made',
      outcome: 'completed',
      error: undefined,
      idempotencyKey: `${keys.get('book')}:undo`,
      attempt: 1,
      signal: expect.any(AbortSignal),
    });
  });

  test('undoes nothing where nothing was done, and what has no undo is not in its way', async () => {
    const { outputs, isOver } = play(inTurn('read'), { read: activity({ run: () => 1 }) });
    await isOver;
    expect(outputs).toEqual([{ undone: [], deferred: [] }]);
    expect(isCompensation(compensation)).toBe(true);
    expect(isCompensation(undefined)).toBe(false);
    const alone = createActor(compensation).start();
    expect((await waitFor(alone, ({ status }) => status === 'done')).output).toEqual({ undone: [], deferred: [] });
  });

  test('undoes what failed, whose outcome nobody knows, with its error', async () => {
    const { undos, work } = world();
    const { outputs, isOver } = play(inTurn('book'), { book: work('book', fail) });
    await isOver;
    expect(undos.get('book')).toMatchObject({ outcome: 'unknown', output: undefined, error: { name: 'RangeError' } });
    expect(outputs).toEqual([{ undone: ['book'], deferred: [] }]);
  });

  test('undoes what timed out, and goes by the time-out whatever its code says later', async () => {
    const { undos, work } = world();
    const stubborn: Run = async ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => setTimeout(() => reject(new Error('late')), 500)));
    const { isOver } = play(inTurn('book'), { book: work('book', stubborn, undefined, { startToCloseTimeout: '2s' }) });
    await vi.advanceTimersByTimeAsync(2_400);
    expect(undos.has('book')).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    await isOver;
    expect(undos.get('book')).toMatchObject({ outcome: 'unknown', error: { name: 'StartToCloseTimeout' } });
  });

  test('waits for the code of what was left, then undoes it as unknown', async () => {
    const { log, undos, work } = world();
    const slow: Run = async () => new Promise((resolve) => setTimeout(() => resolve('late'), 3_000));
    const { actor, isOver } = play(inTurn('book'), { book: work('book', slow) });
    actor.send({ type: 'GIVE_UP' });
    await vi.advanceTimersByTimeAsync(2_900);
    expect(log).toEqual(['do book']);
    await vi.advanceTimersByTimeAsync(100);
    await isOver;
    expect(undos.get('book')).toMatchObject({ outcome: 'unknown', output: undefined, error: undefined });
  });

  test('tells the undo what was heard of an attempt that was left', async () => {
    const { undos, work } = world();
    const polite: Run = async ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('ok'))));
    const { actor, isOver } = play(inTurn('book'), { book: work('book', polite) });
    actor.send({ type: 'GIVE_UP' });
    await isOver;
    expect(undos.get('book')).toMatchObject({ outcome: 'unknown', error: { message: 'ok' } });
  });

  test('waits no longer than its limit for code that does not end', async () => {
    const { log, work } = world();
    const { actor, isOver } = play(inTurn('book', 'pay'), { book: work('book'), pay: work('pay', never) });
    await vi.advanceTimersByTimeAsync(0);
    actor.send({ type: 'GIVE_UP' });
    await vi.advanceTimersByTimeAsync(limits.settleMs - 1);
    expect(log).toEqual(['do book', 'do pay']);
    await vi.advanceTimersByTimeAsync(1);
    await isOver;
    expect(log).toEqual(['do book', 'do pay', 'undo pay', 'undo book']);
  });

  test('knows nothing of an activity whose code never began', async () => {
    const { log, work } = world();
    const config = { initial: 'a', states: { a: { invoke: { src: 'book' }, always: 'unwinding' }, unwinding } };
    const declared = activity({ name: 'pay', compensate: { run: () => log.push('undo pay') } });
    const { isOver } = play(config, { book: work('book') });
    const other = play(inTurn('pay'), { pay: declared });
    await Promise.all([isOver, other.isOver]);
    expect(log).toEqual([]);
    expect(other.outputs).toEqual([{ undone: [], deferred: [] }]);
  });

  test('aborts a parallel sibling and waits for it before the order is fixed', async () => {
    const { log, undos, work } = world();
    const reasons: unknown[] = [];
    const finishing: Run = async ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          setTimeout(() => resolve('made it'), 1_000);
        }),
      );
    const region = { initial: 'busy', states: { busy: { invoke: { src: 'ship', onDone: 'idle' } }, idle: {} } };
    const { actor, isOver } = play(
      { type: 'parallel', states: { one: inTurn('book'), two: region } },
      { book: work('book'), ship: work('ship', finishing) },
    );
    await vi.runAllTimersAsync();
    await isOver;
    expect(log.slice(2)).toEqual(['undo ship', 'undo book']);
    expect(reasons).toEqual(['closed']);
    expect(undos.get('ship')).toMatchObject({ outcome: 'completed', output: 'made it' });
    expect(actor.getSnapshot().value).toMatchObject({ two: 'idle' });
  });

  test('does not wait for the retry of a sibling, which fails with its last error', async () => {
    const { log, undos, work } = world();
    const region = { initial: 'busy', states: { busy: { invoke: { src: 'ship', onError: 'idle' } }, idle: {} } };
    const retry = { initialInterval: '1d', jitter: 'none' } as const;
    const { isOver, actor } = play(
      { type: 'parallel', states: { two: region, one: inTurn('book') } },
      { book: work('book', async () => new Promise((resolve) => setTimeout(resolve, 10))), ship: work('ship', fail, undefined, { retry }) },
    );
    await vi.advanceTimersByTimeAsync(10);
    await isOver;
    expect(log).toEqual(['do ship', 'do book', 'undo ship', 'undo book']);
    expect(undos.get('ship')).toMatchObject({ outcome: 'unknown', error: { name: 'RangeError' } });
    expect(actor.getSnapshot().value).toMatchObject({ two: 'idle' });
  });

  test('tries an undo again by the undo’s own policy, defers what fails for good and goes on with older ones', async () => {
    const { log, undos, work } = world();
    const { outputs, isOver } = play(inTurn('book', 'pay', 'ship'), {
      book: work('book'),
      pay: work('pay', undefined, fail),
      ship: work('ship', undefined, async ({ attempt }) => (attempt === 1 ? fail() : undefined)),
    });
    await vi.runAllTimersAsync();
    await isOver;
    expect(log.slice(3)).toEqual(['undo ship', 'undo ship', 'undo pay', 'undo pay', 'undo book']);
    expect(undos.get('ship')).toMatchObject({ attempt: 2 });
    expect(outputs).toEqual([{ undone: ['ship', 'book'], deferred: ['pay'] }]);
  });

  test('gives each attempt of an undo the undo’s own time', async () => {
    const { outputs, undos, isOver } = (() => {
      const made = world();
      const pay = made.work('pay', undefined, never, {
        compensate: { run: never, startToCloseTimeout: '3s', retry: { maximumAttempts: 1 } },
      });
      const hung = made.work('hung', undefined, never);
      return { ...made, ...play(inTurn('pay', 'hung'), { pay, hung }) };
    })();
    await vi.advanceTimersByTimeAsync(60_000 + 1_000 + 60_000);
    expect(outputs).toEqual([]);
    expect(undos.get('hung')).toMatchObject({ attempt: 2, signal: { reason: 'start-to-close-timeout' } });
    await vi.advanceTimersByTimeAsync(3_000);
    await isOver;
    expect(outputs).toEqual([{ undone: [], deferred: ['hung', 'pay'] }]);
  });

  test('defers an undo that is declared without code', async () => {
    const { outputs, isOver } = play(inTurn('pay'), { pay: activity({ run: () => 1, compensate: {} }) });
    await isOver;
    expect(outputs).toEqual([{ undone: [], deferred: ['pay'] }]);
  });

  test('undoes each thing once, and tries nothing again that was deferred', async () => {
    const { log, work } = world();
    const states = {
      booking: { invoke: { src: 'book', onDone: 'paying' } },
      paying: { invoke: { src: 'pay', onDone: 'first' } },
      first: { invoke: { src: 'compensation', onDone: { target: 'again', ...noteOutput } } },
      again: { invoke: { src: 'ship', onDone: 'second' } },
      second: { invoke: { src: 'compensation', onDone: { target: 'over', ...noteOutput } } },
      over: {},
    };
    const actors = { book: work('book'), pay: work('pay', undefined, fail), ship: work('ship') };
    const { outputs, isOver } = play({ initial: 'booking', states }, actors);
    await vi.runAllTimersAsync();
    await isOver;
    expect(outputs).toEqual([
      { undone: ['book'], deferred: ['pay'] },
      { undone: ['ship'], deferred: [] },
    ]);
    expect(log.filter((line) => line === 'undo book')).toHaveLength(1);
  });

  test('is one at a time: a second one beside it finds nothing left', async () => {
    const { log, work } = world();
    const slowly: UndoRun = async () => new Promise((resolve) => setTimeout(resolve, 500));
    const states = {
      booking: { invoke: { src: 'book', onDone: 'both' } },
      both: { type: 'parallel', states: { a: unwinding, b: unwinding } },
    };
    const { outputs, isOver } = play({ initial: 'booking', states }, { book: work('book', undefined, slowly) });
    await vi.runAllTimersAsync();
    await isOver;
    expect(log).toEqual(['do book', 'undo book']);
    expect(outputs).toEqual([
      { undone: ['book'], deferred: [] },
      { undone: [], deferred: [] },
    ]);
  });

  test('stops when its state is left, and the next one goes on where it was', async () => {
    const { log, keys, undos, work } = world();
    const hanging: UndoRun = async () => (log.filter((line) => line === 'undo pay').length === 1 ? never() : undefined);
    const states = {
      doing: inTurn('book', 'pay'),
      again: { invoke: { src: 'compensation', onDone: { target: 'over', ...noteOutput } } },
      over: {},
    };
    const actors = { book: work('book'), pay: work('pay', undefined, hanging) };
    const { actor, outputs, isOver } = play({ initial: 'doing', states, on: { AGAIN: '.again' } }, actors);
    await vi.advanceTimersByTimeAsync(0);
    const first = undos.get('pay');
    actor.send({ type: 'AGAIN' });
    await isOver;
    expect(first?.signal.reason).toBe('state-left');
    expect(log).toEqual(['do book', 'do pay', 'undo pay', 'undo pay', 'undo book']);
    expect(undos.get('pay')?.idempotencyKey).toBe(`${keys.get('pay')}:undo`);
    expect(outputs).toEqual([{ undone: ['pay', 'book'], deferred: [] }]);
  });

  test('that is left in the middle of a child leaves the rest of the child to the next, too', async () => {
    const { log, work } = world();
    const polite: UndoRun = async ({ signal }) =>
      log.filter((line) => line === 'undo pay').length === 1
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
        : undefined;
    const steps = { a: { invoke: { src: 'pay', onDone: 'end' } }, end: { type: 'final' } };
    const child = machineOf({ initial: 'a', states: steps }, { pay: work('pay', undefined, polite) });
    const states = {
      doing: inTurn('book', 'child'),
      again: { invoke: { src: 'compensation', onDone: { target: 'over', ...noteOutput } } },
      over: {},
    };
    const { actor, outputs, isOver } = play({ initial: 'doing', states, on: { AGAIN: '.again' } }, { book: work('book'), child });
    await vi.advanceTimersByTimeAsync(0);
    actor.send({ type: 'AGAIN' });
    await isOver;
    expect(log).toEqual(['do book', 'do pay', 'undo pay', 'undo pay', 'undo book']);
    expect(outputs).toEqual([{ undone: ['child', 'book'], deferred: [] }]);
  });

  test('that is left while it waits undoes nothing', async () => {
    const { log, work } = world();
    const { actor } = play(inTurn('book'), { book: work('book', never) });
    actor.send({ type: 'GIVE_UP' });
    await vi.advanceTimersByTimeAsync(10);
    actor.stop();
    await vi.runAllTimersAsync();
    expect(log).toEqual(['do book']);
  });

  test('is about the actor that invokes it: a child’s own is not that of its parent', async () => {
    const { log, work } = world();
    const child = machineOf(inTurn('pay'), { pay: work('pay') });
    const config = {
      initial: 'booking',
      states: { booking: { invoke: { src: 'book', onDone: 'childsTurn' } }, childsTurn: { invoke: { src: 'child', id: 'c' } } },
    };
    const { actor } = play(config, { book: work('book'), child });
    await vi.runAllTimersAsync();
    expect(log).toEqual(['do book', 'do pay', 'undo pay']);
    actor.stop();
  });

  test('undoes a child as one, at the place of its end, with all that is left of it', async () => {
    const { log, work } = world();
    const steps = {
      a: { invoke: { src: 'pay', onDone: 'b' } },
      b: { invoke: { src: 'ship', onDone: 'c' } },
      c: { type: 'final' },
    };
    const child = (undo?: UndoRun): AnyStateMachine =>
      createMachine(
        { initial: 'a', states: steps } as never,
        { actors: { pay: work('pay', undefined, undo), ship: work('ship') } } as never,
      );
    const undone = {
      pay: { invoke: { src: 'pay', onDone: 'unwinding' } },
      unwinding: { invoke: { src: 'compensation', onDone: 'end' } },
      end: { type: 'final' },
    };
    const { outputs, isOver } = play(inTurn('book', 'order', 'refused', 'unwound', 'tell'), {
      book: work('book'),
      order: child(),
      refused: child(fail),
      unwound: machineOf({ initial: 'pay', states: undone }, { pay: work('pay') }),
      tell: work('tell'),
    });
    await vi.runAllTimersAsync();
    await isOver;
    expect(outputs).toEqual([{ undone: ['tell', 'order', 'book'], deferred: ['refused'] }]);
    expect(log.slice(log.indexOf('undo tell'))).toEqual([
      'undo tell',
      'undo ship',
      'undo pay',
      'undo pay',
      'undo ship',
      'undo pay',
      'undo book',
    ]);
  });

  test('undoes what a child has done that still runs, and later what it has done since', async () => {
    const { log, work } = world();
    const config = {
      initial: 'a',
      states: {
        a: { invoke: { src: 'pay', onDone: 'wait' } },
        wait: { on: { NEXT: 'b' } },
        b: { invoke: { src: 'ship', onDone: 'end' } },
        end: { type: 'final' },
      },
    };
    const child = machineOf(config, { pay: work('pay'), ship: work('ship') });
    const states = {
      idle: { on: { UNWIND: 'first' } },
      first: { invoke: { src: 'compensation', onDone: { target: 'rest', ...noteOutput } } },
      rest: { on: { UNWIND: 'second' } },
      second: { invoke: { src: 'compensation', onDone: { target: 'over', ...noteOutput } } },
      over: {},
    };
    const { actor, outputs, isOver } = play({ initial: 'idle', states, invoke: { src: 'child', systemId: 'child' } }, { child });
    await vi.advanceTimersByTimeAsync(0);
    actor.send({ type: 'UNWIND' });
    await vi.advanceTimersByTimeAsync(0);
    (actor.system.get('child') as AnyActorRef).send({ type: 'NEXT' });
    await vi.advanceTimersByTimeAsync(0);
    actor.send({ type: 'UNWIND' });
    await isOver;
    expect(log).toEqual(['do pay', 'undo pay', 'do ship', 'undo ship']);
    expect(outputs).toEqual([
      { undone: ['child'], deferred: [] },
      { undone: ['child'], deferred: [] },
    ]);
  });

  test('names what has no name as its chart does', async () => {
    const plain = activity<unknown, unknown>({ run: () => 1, compensate: { run: () => undefined } });
    const config = {
      initial: 'a',
      states: {
        a: { invoke: { src: 'book', onDone: 'b' } },
        b: { invoke: { src: plain, id: 'written-here', onDone: 'unwinding' } },
        unwinding,
      },
    };
    const { outputs, isOver } = play(config, { book: plain });
    await isOver;
    expect(outputs).toEqual([{ undone: ['written-here', 'book'], deferred: [] }]);
  });

  test('of an activity that is an actor by itself is nobody’s business', async () => {
    const { log, work } = world();
    const alone = createActor(work('book')).start();
    expect((await waitFor(alone, ({ status }) => status === 'done')).output).toBe('book made');
    expect(log).toEqual(['do book']);
  });
});
