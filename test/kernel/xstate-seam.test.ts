import { describe, expect, test, vi } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { assign, cancel, createMachine, enqueueActions, fromTransition, raise, sendParent, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { acceptedEvents, startChart, stepChart } from '../../src/kernel/xstate-seam.ts';
import { thrownBy } from './thrown.ts';

const work = activity<unknown, unknown>({ run: () => 1 });
const make = (config: object, implementations: object = {}): AnyStateMachine =>
  createMachine({ id: 'm', version: '1', ...config } as never, { actors: { work }, ...implementations } as never);

describe('a step', () => {
  test('executes nothing: neither activities nor actions run', () => {
    const run = vi.fn();
    const machine = make(
      { initial: 'a', states: { a: { invoke: { src: 'job', id: 'job' }, on: { GO: 'b' } }, b: {} } },
      { actors: { job: activity({ run }) } },
    );
    const first = startChart(machine, 'w:1:', undefined);
    expect(first.actions).toEqual([{ kind: 'spawn', n: 1, childId: 'job', src: 'job', input: undefined }]);
    expect(stepChart(machine, first.chart, { type: 'GO' }, first.childCounter).actions).toEqual([{ kind: 'stop', n: 1 }]);
    expect(run).not.toHaveBeenCalled();
  });

  test('says what is wanted in the order of the chart', () => {
    const machine = make({
      initial: 'a',
      states: {
        a: {
          entry: [raise({ type: 'X' }, { id: 'x', delay: 5 }), cancel('x'), raise({ type: 'Y' }, { delay: 6 })],
          invoke: { src: 'work', id: 'job', input: 7 },
        },
      },
    });
    expect(startChart(machine, 'w:1:', undefined).actions.map(({ kind }) => kind)).toEqual(['schedule', 'cancel', 'schedule', 'spawn']);
  });

  test('numbers children below their parent, from the counter it is given', () => {
    const machine = make({
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
    const first = startChart(machine, 'shop:colon:3:1.2', undefined);
    const { actions, childCounter } = stepChart(machine, first.chart, { type: 'GO' }, 40);
    expect(actions).toMatchObject([
      { n: 41, childId: 'x' },
      { n: 42, childId: 'y' },
    ]);
    expect(childCounter).toBe(42);
  });

  test('that throws leaves the chart as it was', () => {
    let isBroken = true;
    const machine = make({
      context: { count: 0 },
      initial: 'a',
      states: {
        a: { on: { GO: { target: 'b', actions: assign({ count: ({ context }: { context: { count: number } }) => context.count + 1 }) } } },
        b: { invoke: { src: 'work' }, entry: assign(() => (isBroken ? raiseError() : {})) },
      },
    });
    const { chart } = startChart(machine, 'w:1:', undefined);
    const before = JSON.stringify(chart.snapshot);
    expect(thrownBy(() => stepChart(machine, chart, { type: 'GO' }, 0))).toMatchObject({ message: 'broken' });
    expect(JSON.stringify(chart.snapshot)).toBe(before);
    isBroken = false;
    const again = stepChart(machine, chart, { type: 'GO' }, 0);
    expect(again.actions).toMatchObject([{ kind: 'spawn', n: 1 }]);
    expect(again.chart.snapshot.context).toEqual({ count: 1 });
  });

  test('of one actor does not disturb that of another on the same machine', () => {
    const machine = make({
      context: ({ input }: { input: number }) => ({ n: input }),
      on: { ADD: { actions: assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 }) } },
    });
    const [one, two] = [startChart(machine, 'one:1:', 1), startChart(machine, 'two:1:', 10)];
    expect(stepChart(machine, one.chart, { type: 'ADD' }, 0).chart.snapshot.context).toEqual({ n: 2 });
    expect(stepChart(machine, two.chart, { type: 'ADD' }, 0).chart.snapshot.context).toEqual({ n: 11 });
    expect(one.chart.snapshot.context).toEqual({ n: 1 });
  });

  test('with enqueueActions is as if its actions were written out', () => {
    const machine = make({
      context: { n: 0 },
      entry: enqueueActions(({ enqueue }) => {
        enqueue.assign({ n: 5 });
        enqueue.raise({ type: 'LATER' }, { id: 'x', delay: 9 });
        enqueue.cancel('x');
      }),
    });
    const { actions, chart } = startChart(machine, 'w:1:', undefined);
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

describe('what only shows while a step runs is refused with a remedy', () => {
  const counting = fromTransition((count: number) => count + 1, 0);

  test.each<[string, object, object, string, string]>([
    [
      'spawn in an assign',
      { entry: assign(({ spawn }: { spawn: (src: string) => unknown }) => ({ ref: spawn('counting') })) },
      { actors: { counting } },
      'spawn() inside assign() or a context factory',
      'use invoke',
    ],
    [
      'spawn in a context factory',
      { context: ({ spawn }: { spawn: (src: string) => unknown }) => ({ ref: spawn('counting') }) },
      { actors: { counting } },
      'spawn() inside assign() or a context factory',
      'use invoke',
    ],
    [
      'an action queued by enqueueActions',
      { entry: enqueueActions(({ enqueue }) => enqueue(() => undefined)) },
      {},
      'the action "(anonymous)"',
      'into an activity',
    ],
    [
      'sendTo queued by enqueueActions',
      { entry: enqueueActions(({ enqueue, self }) => enqueue.sendTo(self, { type: 'X' })) },
      {},
      'the action "xstate.sendTo"',
      'into an activity',
    ],
    [
      'a systemId given by enqueueActions',
      { entry: enqueueActions(({ enqueue }) => enqueue.spawnChild('work' as never, { systemId: 'x' })) },
      {},
      'systemId',
      'leave it out',
    ],
    [
      'a child without a name',
      { entry: enqueueActions(({ enqueue }) => enqueue.spawnChild(counting)) },
      {},
      'a spawned child without a registered name',
      'setup({ actors })',
    ],
    ['sendParent', { entry: sendParent({ type: 'X' }) }, {}, '', ''],
  ])('%s', (_, config, implementations, what, remedy) => {
    const error = thrownBy(() => startChart(make(config, implementations), 'w:1:', undefined)) as Error;
    expect(error).toBeInstanceOf(Error);
    if (what === '') return;
    expect(error).toMatchObject({
      code: 'MACHINE_INVALID',
      message: expect.stringContaining(`The chart used ${what}, which is not supported; `),
    });
    expect(error.message).toContain(remedy);
  });
});

test('events a chart takes now are its own and those of its parents, guards unasked', () => {
  const machine = setup({ actors: { work }, guards: { no: () => false } }).createMachine({
    id: 'm',
    initial: 'a',
    on: { STOP: '.b', LATER: { guard: 'no', target: '.b' } },
    states: {
      a: { invoke: { src: 'work', onDone: 'b' }, after: { 5: 'b' }, on: { GO: 'b', STOP: 'b', NEVER: {} } },
      b: { on: { BACK: 'a', '*': 'a' } },
    },
  });
  const { chart } = startChart(machine, 'w:1:', undefined);
  expect(acceptedEvents(chart.snapshot)).toEqual(['GO', 'LATER', 'STOP']);
  expect(acceptedEvents(stepChart(machine, chart, { type: 'GO' }, 1).chart.snapshot)).toEqual(['*', 'BACK', 'LATER', 'STOP']);
});
