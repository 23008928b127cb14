import { describe, expect, test, vi } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { assign, emit, log, raise, sendTo, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { Commit, Effect } from '../../src/kernel/commit.ts';
import { codeOf } from '../../src/kernel/outside.ts';
import { due, wakeAt } from '../../src/kernel/wake.ts';
import { Family } from './families.ts';
import { completed, errorNamed, failed, signal } from './workflows.ts';

type RunAttempt = Extract<Effect, { kind: 'run-attempt' }>;

const notify = vi.fn<(...given: unknown[]) => void>();
const work = activity<unknown, unknown>({ run: () => 1 });
const shop = setup({
  types: { context: {} as { count: number }, events: {} as { type: 'SELL' | 'QUIET' | 'END' } },
  actors: { work },
  actions: { notify: (args, params: { to: string }) => notify(args, params), add: assign({ count: ({ context }) => context.count + 1 }) },
}).createMachine({
  id: 'shop',
  version: '1',
  context: { count: 0 },
  initial: 'open',
  on: { QUIET: {} },
  states: {
    open: {
      invoke: { src: 'work', id: 'work' },
      on: {
        SELL: {
          actions: [{ type: 'notify', params: { to: 'one' } }, 'add', { type: 'notify', params: { to: 'two' } }, () => notify('inline')],
        },
        END: { target: 'closed', actions: { type: 'notify', params: { to: 'last' } } },
      },
    },
    closed: { type: 'final' },
  },
});

const runsOf = (commits: readonly Commit[]): readonly RunAttempt[] =>
  commits.flatMap(({ effects }) => effects.filter((effect) => effect.kind === 'run-attempt'));
const finalFailure = (n: number, attempt = 1) => {
  const envelope = failed(n, errorNamed('Broken'), attempt);
  if (envelope.kind !== 'attempt-failed') throw new TypeError('It is a failure.');
  return { ...envelope, failure: { ...envelope.failure, retryable: false } };
};

describe('custom actions', () => {
  test('of one step are one row and one attempt, begun after the commit, with what they were given', () => {
    const family = new Family(shop);
    const [commit] = family.send('SELL');
    expect(commit?.activitiesPut).toMatchObject([
      { n: 2, kind: 'actions', src: 'xstate.actions', name: 'shop.actions', idempotencyKey: 'w-1:1::2', state: 'running', attempt: 1 },
    ]);
    expect(commit?.activitiesPut[0]?.input).toEqual({
      events: [{ type: 'SELL' }],
      contexts: [{ count: 0 }, { count: 1 }],
      actions: [
        { action: 'action notify', params: { to: 'one' }, event: 0, context: 0 },
        { action: 'action notify', params: { to: 'two' }, event: 0, context: 1 },
        { action: expect.stringContaining('state shop.open SELL #'), params: { $type: 'undefined' }, event: 0, context: 1 },
      ],
    });
    expect(runsOf([commit!])).toMatchObject([{ n: 2, attempt: 1, src: 'xstate.actions' }]);
    expect(notify).not.toHaveBeenCalled();
  });

  test('of a step without any are no row', () => {
    const [commit] = new Family(shop).send('QUIET');
    expect(commit).toMatchObject({ activitiesPut: [], effects: [] });
  });

  test('of one step begin after those of the step before have ended; other activities do not wait', () => {
    const family = new Family(shop);
    family.send('SELL');
    const [second] = family.send('SELL');
    expect(second).toMatchObject({ activitiesPut: [{ n: 3, state: 'waiting', attempt: 0 }], effects: [] });
    expect(due(family.tree, Infinity)).toEqual([]);
    expect(family.tell([], { kind: 'attempt-due', n: 3 })).toEqual([]);
    const [ended] = family.reopen().tell([], completed(2));
    expect(ended).toMatchObject({ journal: { outcome: 'noted' }, activitiesRemoved: [2], activitiesPut: [{ n: 3, state: 'running' }] });
    expect(runsOf([ended!])).toMatchObject([{ n: 3, attempt: 1 }]);
  });

  test('are not heard of by the chart', () => {
    const family = new Family(shop);
    family.send('SELL');
    const { chart } = family.root.record;
    family.tell([], completed(2));
    expect(family.root.record.chart).toEqual(chart);
  });

  test('are tried again like an activity, and hold up those behind them meanwhile', () => {
    const family = new Family(shop);
    family.send('SELL');
    family.send('SELL');
    const [commit] = family.tell([], failed(2, new Error('no line')), { random: () => 1 });
    expect(commit).toMatchObject({ journal: { outcome: 'noted' }, activitiesPut: [{ n: 2, state: 'backoff' }], effects: [] });
    expect(wakeAt(family.reopen().tree)).toBe(commit?.activitiesPut[0]?.nextAttemptAtMs);
    expect(due(family.tree, Infinity)).toEqual([{ to: [], envelope: { kind: 'attempt-due', n: 2 } }]);
    expect(runsOf(family.tell([], { kind: 'attempt-due', n: 2 }))).toMatchObject([{ n: 2, attempt: 2, idempotencyKey: 'w-1:1::2' }]);
  });

  test('that fail for good end the chart in error, as in XState', () => {
    const family = new Family(shop);
    family.send('SELL');
    const [commit] = family.reopen().tell([], finalFailure(2));
    expect(commit).toMatchObject({
      record: { status: 'failed', failure: { class: 'Broken', activity: 'shop.actions' }, chart: { status: 'error', value: 'open' } },
      effects: [{ kind: 'abort-attempt', n: 1, reason: 'closed' }],
    });
    expect(family.reopen().root.chart.snapshot).toMatchObject({ status: 'error', error: { name: 'Broken' } });
  });

  test('that fail in a child are its error to its parent, and end its own children', () => {
    const inner = setup({}).createMachine({ id: 'inner' });
    const part = setup({ actors: { inner } }).createMachine({
      id: 'part',
      invoke: { src: 'inner' },
      on: { GO: { actions: () => notify() } },
    });
    const machine = setup({ actors: { part } }).createMachine({
      id: 'parent',
      version: '1',
      initial: 'a',
      states: { a: { invoke: { src: 'part', onError: 'b' } }, b: {} },
    });
    const family = new Family(machine);
    family.tell([1], signal('GO'));
    family.tell([1], finalFailure(2));
    expect(family.order).toEqual(['1: attempt-failed', '1.1: stop', 'root: child-failed']);
    expect(family.values).toEqual({ '': 'b' });
    expect(family.stored(1, 1).record.status).toBe('cancelled');
  });

  test('of the last step run after the end, and cannot fail what is over', () => {
    const family = new Family(shop);
    family.send('SELL');
    const [commit] = family.send('END');
    expect(commit).toMatchObject({ record: { status: 'completed' }, activitiesRemoved: [1], activitiesPut: [{ n: 3, state: 'waiting' }] });
    expect(family.tree.isActive).toBe(true);
    const [failing] = family.reopen().tell([], finalFailure(2));
    expect(failing).toMatchObject({
      journal: { outcome: 'noted' },
      record: { status: 'completed' },
      activitiesPut: [{ n: 3, state: 'running' }],
    });
    expect(family.tell([], completed(3))).toMatchObject([{ journal: { outcome: 'noted' }, activitiesRemoved: [3] }]);
    expect(family.tree.isActive).toBe(false);
    expect(family.root.record.failure).toBeUndefined();
  });

  test('of a child that ended are run though its parent has forgotten it', () => {
    const part = setup({}).createMachine({
      id: 'part',
      initial: 'on',
      states: { on: { on: { END: 'off' } }, off: { type: 'final', entry: () => notify() } },
    });
    const machine = setup({ actors: { part } }).createMachine({
      id: 'parent',
      version: '1',
      initial: 'a',
      states: { a: { invoke: { src: 'part', onDone: 'b' } }, b: {} },
    });
    const family = new Family(machine);
    family.tell([1], signal('END'));
    expect(runsOf(family.last.map(({ commit }) => commit))).toMatchObject([{ n: 1, attempt: 1 }]);
    expect(family.root.record.children).toBe(0);
    expect(Object.keys(family.reopen().values).sort()).toEqual(['', '1']);
    family.tell([1], completed(1));
    expect(family.order).toEqual(['1: attempt-completed']);
    expect(family.last[0]?.commit).toMatchObject({ journal: { outcome: 'noted' }, messages: [] });
    expect(Object.keys(family.values)).toEqual(['']);
  });

  test('that time out say how long they were given', () => {
    const family = new Family(shop);
    family.send('SELL');
    const [commit] = family.tell([], { kind: 'attempt-timed-out', n: 2, attempt: 1 });
    expect(commit?.activitiesPut[0]?.lastFailure).toMatchObject({
      class: 'StartToCloseTimeout',
      message: expect.stringContaining('60000 ms'),
    });
  });

  test('whose params cannot be kept park the workflow, with the path', () => {
    const machine = setup({ actions: { say: () => undefined } }).createMachine({
      id: 'm',
      version: '1',
      on: { GO: { actions: { type: 'say', params: { call: () => 1 } as never } } },
    });
    const family = new Family(machine);
    family.send('GO');
    expect(family.root.record.parked?.failure.message).toContain('actions[0].params.call is a function');
  });
});

describe('the code of custom actions', () => {
  const scope = (abort = new AbortController().signal) => ({
    input: undefined,
    idempotencyKey: '',
    attempt: 1,
    signal: abort,
    heartbeat: () => undefined,
    heartbeatDetails: undefined,
    completeLater: () => Promise.reject(new TypeError('Custom actions are not completed from outside.')),
  });

  test('is given event, context, params, and references that send', async () => {
    const heard: unknown[] = [];
    const part = setup({}).createMachine({ id: 'part', on: { HELLO: {} } });
    const machine = setup({
      types: { context: {} as { part: AnyActorRef } },
      actors: { part },
      actions: {
        first: ({ context, event, self, system }, params: { who: AnyActorRef }): unknown => {
          heard.push([event, params.who.id, context.part.id, (system as { get(id: string): AnyActorRef }).get('part').id]);
          self.send({ type: 'ME' });
          params.who.send({ type: 'HELLO' });
          return Promise.resolve().then(() => heard.push('first'));
        },
        second: () => heard.push('second'),
      },
    }).createMachine({
      id: 'm',
      version: '1',
      context: ({ spawn }) => ({ part: spawn('part', { id: 'part', systemId: 'part' }) }),
      on: {
        GO: { actions: [{ type: 'first', params: ({ context }) => ({ who: context.part }) }, { type: 'second' }, raise({ type: 'X' })] },
      },
    });
    const family = new Family(machine).reopen();
    const [effect] = runsOf(family.send('GO', { amount: 5n }));
    const told: unknown[] = [];
    await codeOf(family.reopen().root, effect!, (address, envelope) => told.push([address.path, envelope])).run?.(scope());
    expect(heard).toEqual([[{ type: 'GO', amount: 5n }, 'part', 'part', 'part'], 'first', 'second']);
    expect(told).toEqual([
      [[], { kind: 'message', event: { type: 'ME' }, from: [] }],
      [[1], { kind: 'message', event: { type: 'HELLO' }, from: [] }],
    ]);
    const [, message] = told[1] as [unknown, Parameters<Family['tell']>[1]];
    family.tell([1], message);
    expect(family.order).toEqual(['1: message HELLO']);
  });

  test('stops where one throws, or where it is aborted', async () => {
    notify.mockReset().mockImplementationOnce(() => poison());
    const family = new Family(shop);
    const [effect] = runsOf(family.send('SELL'));
    const { run } = codeOf(family.root, effect!, () => undefined);
    await expect(run?.(scope())).rejects.toThrow('poison');
    expect(notify).toHaveBeenCalledTimes(1);
    await expect(run?.(scope(AbortSignal.abort(new Error('closing'))))).rejects.toThrow('closing');
    expect(notify).toHaveBeenCalledTimes(1);
    await run?.(scope());
    expect(notify.mock.calls.slice(1).map(([, params]) => params)).toEqual([{ to: 'one' }, { to: 'two' }, undefined]);
  });

  test('that is gone says so', async () => {
    const machine = setup({ actions: { say: () => undefined } }).createMachine({ id: 'm', version: '1', on: { GO: { actions: 'say' } } });
    const family = new Family(machine);
    const [effect] = runsOf(family.send('GO'));
    const without = { ...family.root, machine: { ...family.root.machine, actions: new Map() } };
    const code = codeOf(without, effect!, () => undefined);
    await expect(code.run?.(scope())).rejects.toThrow('The action "action say" is not in the machine any more.');
    expect(() => codeOf(without, { ...effect!, src: 'gone' }, () => undefined)).toThrow(
      'Activity "gone" was scheduled without being registered.',
    );
  });
});

function poison(): never {
  throw new Error('poison');
}

test('events emitted and lines logged are part of the commit', () => {
  const machine = setup({}).createMachine({
    id: 'm',
    version: '1',
    on: {
      GO: {
        actions: [
          emit({ type: 'SOLD', at: new Date(5) } as never),
          log('a line', 'label'),
          log(() => () => 1),
          sendTo(({ self }) => self, { type: 'X' }),
        ],
      },
    },
  });
  const [commit] = new Family(machine).send('GO');
  expect(commit?.journal.emitted).toEqual([{ type: 'SOLD', at: { $type: 'Date', value: 5 } }]);
  expect(commit?.effects).toEqual([
    { kind: 'log', label: 'label', value: 'a line' },
    { kind: 'log', value: expect.stringContaining('function') },
  ]);
});
