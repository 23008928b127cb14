import { describe, expect, test, vi } from 'vitest';
import type { AnyActorRef } from 'xstate';
import {
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  forwardTo,
  fromTransition,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { acceptedEvents, startChart, stepChart } from '../../src/kernel/xstate-seam.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import type { Place } from '../../src/kernel/xstate-scope.ts';
import type { ChartLogic } from '../../src/kernel/xstate-chart-action.ts';
import type { ChartStep } from '../../src/kernel/xstate-seam.ts';
import { thrownBy } from './thrown.ts';

const work = activity<unknown, unknown>({ run: () => 1 });
const make = (config: object, implementations: object = {}): ChartLogic =>
  registerMachine(createMachine({ id: 'm', version: '1', ...config } as never, { actors: { work }, ...implementations } as never)).logic;

interface Spawning {
  readonly spawn: (src: string, options?: object) => unknown;
}

const place = (sessionId: string): Place => ({
  sessionId,
  id: 'w',
  surroundings: { snapshotOf: () => undefined, shownOf: () => undefined, find: () => undefined, named: () => new Map() },
});
const start = (logic: ChartLogic): ChartStep => startChart(logic, place('w:1:'), null);

describe('a step', () => {
  test('executes nothing: neither activities nor actions run', () => {
    const run = vi.fn();
    const logic = make(
      { initial: 'a', states: { a: { invoke: { src: 'job', id: 'job' }, on: { GO: 'b' } }, b: {} } },
      { actors: { job: activity({ run }) } },
    );
    const first = startChart(logic, place('w:1:'), null);
    expect(first.actions).toEqual([
      { kind: 'spawn', n: 1, childId: 'job', src: 'job', input: undefined, systemId: undefined, isWatched: false },
    ]);
    expect(stepChart(logic, first.chart, { type: 'GO' }, first.childCounter).actions).toEqual([{ kind: 'stop', n: 1 }]);
    expect(run).not.toHaveBeenCalled();
  });

  test('says what is wanted in the order of the chart, children first', () => {
    const logic = make({
      initial: 'a',
      states: {
        a: {
          entry: [raise({ type: 'X' }, { id: 'x', delay: 5 }), cancel('x'), raise({ type: 'Y' }, { delay: 6 })],
          invoke: { src: 'work', id: 'job', input: 7 },
        },
      },
    });
    expect(startChart(logic, place('w:1:'), null).actions.map(({ kind }) => kind)).toEqual(['spawn', 'schedule', 'cancel', 'schedule']);
  });

  test('numbers children below their parent, from the counter it is given', () => {
    const logic = make({
      on: { GO: '.b' },
      initial: 'a',
      states: {
        a: {},
        b: {
          invoke: [
            { src: 'work', id: 'x' },
            { src: 'work', id: 'y' },
          ],
        },
      },
    });
    const first = startChart(logic, place('shop:colon:3:1.2'), null);
    const { actions, childCounter } = stepChart(logic, first.chart, { type: 'GO' }, 40);
    expect(actions).toMatchObject([
      { n: 41, childId: 'x' },
      { n: 42, childId: 'y' },
    ]);
    expect(childCounter).toBe(42);
  });

  test('that throws leaves the chart as it was', () => {
    let isBroken = true;
    const logic = make({
      context: { count: 0 },
      initial: 'a',
      states: {
        a: { on: { GO: { target: 'b', actions: assign({ count: ({ context }: { context: { count: number } }) => context.count + 1 }) } } },
        b: { invoke: { src: 'work' }, entry: assign(() => (isBroken ? raiseError() : {})) },
      },
    });
    const { chart } = startChart(logic, place('w:1:'), null);
    const before = JSON.stringify(chart.snapshot);
    expect(thrownBy(() => stepChart(logic, chart, { type: 'GO' }, 0))).toMatchObject({ message: 'broken' });
    expect(JSON.stringify(chart.snapshot)).toBe(before);
    isBroken = false;
    const again = stepChart(logic, chart, { type: 'GO' }, 0);
    expect(again.actions).toMatchObject([{ kind: 'spawn', n: 1 }]);
    expect(again.chart.snapshot.context).toEqual({ count: 1 });
  });

  test('of one actor does not disturb that of another on the same machine', () => {
    const logic = make({
      context: ({ input }: { input: number }) => ({ n: input }),
      on: { ADD: { actions: assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 }) } },
    });
    const [one, two] = [startChart(logic, place('one:1:'), 1), startChart(logic, place('two:1:'), 10)];
    expect(stepChart(logic, one.chart, { type: 'ADD' }, 0).chart.snapshot.context).toEqual({ n: 2 });
    expect(stepChart(logic, two.chart, { type: 'ADD' }, 0).chart.snapshot.context).toEqual({ n: 11 });
    expect(one.chart.snapshot.context).toEqual({ n: 1 });
  });

  test('with enqueueActions is as if its actions were written out', () => {
    const logic = make({
      context: { n: 0 },
      entry: enqueueActions(({ enqueue }) => {
        enqueue.assign({ n: 5 });
        enqueue.raise({ type: 'LATER' }, { id: 'x', delay: 9 });
        enqueue.cancel('x');
      }),
    });
    const { actions, chart } = startChart(logic, place('w:1:'), null);
    expect(actions).toMatchObject([
      { kind: 'schedule', delay: 9 },
      { kind: 'cancel', id: 'x' },
    ]);
    expect(chart.snapshot.context).toEqual({ n: 5 });
  });
});

function raiseError(): never {
  throw new Error('broken');
}

describe('what cannot be kept is refused with its place and a remedy', () => {
  const counting = fromTransition((count: number) => count + 1, 0);

  test.each<[string, object, object, string, string]>([
    [
      'an action made in enqueueActions',
      { entry: enqueueActions(({ enqueue }) => enqueue(() => undefined)) },
      {},
      'made the action "(anonymous)" while it handled "xstate.init", inside enqueueActions()',
      'name it in setup({ actions }) and enqueue it by that name',
    ],
    [
      'a child without a name',
      { entry: enqueueActions(({ enqueue }) => enqueue.spawnChild(counting, { id: 'odd' })) },
      {},
      'spawned "odd" from actor logic without a name',
      'name it in setup({ actors }) and spawn it by that name',
    ],
  ])('%s', (_, config, implementations, what, remedy) => {
    const error = thrownBy(() => start(make(config, implementations))) as Error;
    expect(error).toMatchObject({ code: 'MACHINE_INVALID', message: expect.stringContaining(`The chart ${what}; `) });
    expect(error.message).toContain(remedy);
  });

  test.each<[string, object, string]>([
    ['an action that has no code', { on: { GO: { actions: enqueueActions(({ enqueue }) => enqueue('nobody')) } } }, 'the action "nobody"'],
    [
      'a child that has no code',
      { on: { GO: { actions: enqueueActions(({ enqueue }) => enqueue.spawnChild('nobody' as never)) } } },
      'spawned "nobody"',
    ],
  ])('%s is missing', (_, config, what) => {
    // XState has a word of its own to say.
    vi.spyOn(console, 'warn').mockReturnValue(undefined);
    const logic = make(config);
    const { chart } = startChart(logic, place('w:1:'), null);
    expect(thrownBy(() => stepChart(logic, chart, { type: 'GO' }, 0))).toMatchObject({
      code: 'IMPLEMENTATION_MISSING',
      message: expect.stringContaining(what),
    });
  });

  test('a message to nobody', () => {
    expect(thrownBy(() => start(make({ entry: sendParent({ type: 'X' }) })))).toBeInstanceOf(Error);
    expect(thrownBy(() => start(make({ entry: sendTo('nobody', { type: 'X' }) })))).toMatchObject({
      message: expect.stringContaining("'nobody'"),
    });
  });
});

describe('what a step wants of others comes out as data', () => {
  const counting = fromTransition((count: number) => count + 1, 0);
  const spawnOne = { kind: 'spawn', n: 1, src: 'counting' };

  test.each<[string, object, object[]]>([
    ['spawn in an assign', { entry: assign(({ spawn }: Spawning) => ({ ref: spawn('counting', { id: 'c' }) })) }, [spawnOne]],
    ['spawn in a context factory', { context: ({ spawn }: Spawning) => ({ ref: spawn('counting', { id: 'c' }) }) }, [spawnOne]],
    ['spawnChild', { entry: spawnChild('counting', { id: 'c', systemId: 's', input: 5 }) }, [{ ...spawnOne, systemId: 's', input: 5 }]],
    ['a child that is watched', { entry: spawnChild('counting', { id: 'c', syncSnapshot: true }) }, [{ ...spawnOne, isWatched: true }]],
    ['stopChild', { entry: [spawnChild('counting', { id: 'c' }), stopChild('c')] }, [spawnOne, { kind: 'stop', n: 1 }]],
    [
      'sendTo',
      { entry: [sendTo('c', { type: 'X' }), emit({ type: 'E' })], invoke: { src: 'counting', id: 'c' } },
      [spawnOne, { kind: 'send', to: 'w:1:1', event: { type: 'X' } }, { kind: 'emit', event: { type: 'E' } }],
    ],
    ['sendTo itself', { entry: sendTo(({ self }: { self: AnyActorRef }) => self, { type: 'X' }) }, [{ kind: 'send', to: 'w:1:' }]],
    [
      'a delayed sendTo',
      { entry: sendTo('c', { type: 'X' }, { delay: 9, id: 'later' }), invoke: { src: 'counting', id: 'c' } },
      [spawnOne, { kind: 'schedule', id: 'later', delay: 9, to: 'w:1:1', event: { type: 'X' } }],
    ],
    [
      'a delayed sendTo itself',
      { entry: sendTo(({ self }: { self: AnyActorRef }) => self, { type: 'X' }, { delay: 9 }) },
      [{ kind: 'schedule', delay: 9, to: undefined }],
    ],
    ['forwardTo', { invoke: { src: 'counting', id: 'c' }, entry: forwardTo('c') }, [spawnOne, { kind: 'send', to: 'w:1:1' }]],
    ['log', { entry: log('said', 'label') }, [{ kind: 'log', value: 'said', label: 'label' }]],
    [
      'a custom action',
      { entry: { type: 'notify', params: { to: 'me' } }, context: { n: 1 } },
      [{ kind: 'act', action: 'action notify', params: { to: 'me' }, context: { n: 1 }, event: { type: 'xstate.init' } }],
    ],
    ['a custom action written in place', { entry: [assign({}), () => undefined] }, [{ kind: 'act', action: 'state m entry [1]' }]],
  ])('%s', (_, config, actions) => {
    const { actions: found } = start(make(config, { actors: { counting }, actions: { notify: () => undefined } }));
    expect(found).toMatchObject(actions);
    expect(found).toHaveLength(actions.length);
  });
});

test('events a chart takes now are its own and those of its parents, guards unasked, without what only the engine says', () => {
  const { logic } = registerMachine(
    setup({ actors: { work }, guards: { no: () => false } }).createMachine({
      id: 'm',
      version: '1',
      initial: 'a',
      on: { STOP: '.b', LATER: { guard: 'no', target: '.b' }, 'workflow.cancel': '.b', 'workflow.deadline': '.b' },
      states: {
        a: { invoke: { src: 'work', onDone: 'b' }, after: { 5: 'b' }, on: { GO: 'b', STOP: 'b', NEVER: {} } },
        b: { on: { BACK: 'a', '*': 'a' } },
      },
    }),
  );
  const { chart } = startChart(logic, place('w:1:'), null);
  expect(acceptedEvents(chart.snapshot)).toEqual(['GO', 'LATER', 'STOP']);
  expect(acceptedEvents(stepChart(logic, chart, { type: 'GO' }, 1).chart.snapshot)).toEqual(['*', 'BACK', 'LATER', 'STOP']);
});
