/** What a workflow of many actors has running outlives its store: attempts at any depth, what their code says, callbacks. */
import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { assign, fromCallback, log, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { changedStore } from '../support/changed-store.ts';
import { recordingLogger } from '../support/logged.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

interface Call {
  readonly scope: ActivityScope<string>;
  readonly succeed: (output: string) => void;
}

const unavailable = { code: 'STORE_UNAVAILABLE' };

/** An activity whose calls the test ends. */
function bench(options: Partial<ActivityOptions<string, string>> = {}) {
  const calls: Call[] = [];
  const work = activity<string, string>({
    startToCloseTimeout: '1h',
    retry: { maximumAttempts: 1 },
    run: (scope) => new Promise((succeed) => void calls.push({ scope, succeed })),
    ...options,
  });
  const call = (input: string): Call => {
    const found = calls.findLast(({ scope }) => scope.input === input);
    if (found === undefined) throw new Error(`There is no call of "${input}".`);
    return found;
  };
  return { work, calls, call };
}

async function openOn(...machines: readonly AnyStateMachine[]) {
  const disk = { isPromising: true, refuses: undefined as 'lost' | 'applied' | undefined };
  const logger = recordingLogger();
  const opened = await openTestRuntime({
    machines,
    logger,
    onStore: (store: Store) =>
      changedStore(store, {
        async write(batch) {
          const fault = disk.refuses;
          disk.refuses = undefined;
          if (fault !== 'lost') await store.write(batch);
          if (fault !== undefined) throw new Error('no space left');
        },
      }),
    reopening: (open) => ({ isPromising: () => Promise.resolve(disk.isPromising), open }),
  });
  const { runtime, clock } = opened;
  const fail = async (): Promise<void> => {
    [disk.isPromising, disk.refuses] = [false, 'lost'];
    await expect(runtime.start(machines[0] as AnyStateMachine, { id: 'other', input: 'other' })).rejects.toMatchObject(unavailable);
  };
  const recover = async (): Promise<void> => {
    disk.isPromising = true;
    for (let rounds = 0; runtime.health().state === 'recovering' && rounds < 100; rounds += 1) await clock.pass(100);
    expect(runtime.health().state).toBe('open');
    await settle();
  };
  return { ...opened, disk, logger, fail, recover };
}

/** A parent and its child each run one activity: both have number 1 of their actor, or nearly so. */
function family(options?: Partial<ActivityOptions<string, string>>) {
  const yard = bench(options);
  const child = setup({
    types: { context: {} as { got: string | undefined }, output: {} as string },
    actors: { work: yard.work },
  }).createMachine({
    id: 'child',
    context: { got: undefined },
    initial: 'busy',
    states: {
      busy: { invoke: { src: 'work', input: 'child', onDone: { target: 'done', actions: assign({ got: ({ event }) => event.output }) } } },
      done: { type: 'final' },
    },
    output: ({ context }) => context.got ?? '',
  });
  const machine = setup({
    types: { context: {} as { own: string | undefined; childs: string | undefined } },
    actors: { work: yard.work, child },
  }).createMachine({
    id: 'parent',
    version: '1',
    context: { own: undefined, childs: undefined },
    type: 'parallel',
    states: {
      own: {
        initial: 'busy',
        states: {
          busy: {
            invoke: { src: 'work', input: 'parent', onDone: { target: 'done', actions: assign({ own: ({ event }) => event.output }) } },
          },
          done: { type: 'final' },
        },
      },
      below: {
        initial: 'busy',
        states: {
          busy: { invoke: { src: 'child', onDone: { target: 'done', actions: assign({ childs: ({ event }) => event.output }) } } },
          done: { type: 'final' },
        },
      },
    },
  });
  return { ...yard, machine };
}

describe('attempts of several actors', () => {
  test('go on, and what they come to meanwhile reaches the actor it belongs to', async () => {
    const { machine, call, calls } = family();
    const bed = await openOn(machine);
    const handle = await bed.runtime.start(machine, { id: 'a' });
    await settle();
    await bed.fail();
    call('child').succeed('from below');
    await bed.clock.pass(1_000);
    await bed.recover();
    expect(handle.getSnapshot().context).toEqual({ childs: 'from below' });
    call('parent').succeed('from above');
    await settle();
    expect(handle.getSnapshot()).toMatchObject({ status: 'done', context: { childs: 'from below', own: 'from above' } });
    expect(calls).toHaveLength(2);
  });

  test('of a run that ended in a batch of unknown outcome are aborted, also where the next run has such an actor', async () => {
    const { machine, calls } = family();
    const bed = await openOn(machine);
    await bed.runtime.start(machine, { id: 'a' });
    await settle();
    bed.disk.refuses = 'applied';
    await expect(bed.runtime.start(machine, { id: 'a', onExisting: 'terminate-existing' })).rejects.toMatchObject(unavailable);
    await bed.recover();
    expect(calls.slice(0, 2).map(({ scope }) => scope.signal.reason as unknown)).toEqual(['state-left', 'state-left']);
    expect(await bed.runtime.describe('a')).toMatchObject({ run: 2 });
  });

  test('keep the places of their name, and give them on when they end', async () => {
    const { machine, calls } = family({ maxConcurrentAttempts: 1 });
    const inputs = (): string[] => calls.map(({ scope }) => scope.input).toSorted();
    const bed = await openOn(machine);
    for (const id of ['a', 'b']) await bed.runtime.start(machine, { id });
    await settle();
    expect(inputs()).toEqual(['child', 'parent']);
    await bed.fail();
    await bed.recover();
    expect(inputs()).toEqual(['child', 'parent']);
    for (const { succeed } of [...calls]) succeed('first');
    await settle();
    expect(inputs()).toEqual(['child', 'child', 'parent', 'parent']);
    for (const { succeed } of calls.slice(2)) succeed('second');
    await settle();
    for (const id of ['a', 'b']) expect(await bed.runtime.describe(id)).toMatchObject({ status: 'completed' });
  });
});

describe('an attempt that is heard of while the store is away', () => {
  function single(options: Partial<ActivityOptions<string, string>>) {
    const yard = bench(options);
    const machine = setup({ types: { context: {} as { got: string | undefined } }, actors: { work: yard.work } }).createMachine({
      id: 'single',
      version: '1',
      context: { got: undefined },
      initial: 'busy',
      states: {
        busy: {
          invoke: {
            src: 'work',
            input: 'single',
            onDone: { target: 'done', actions: assign({ got: ({ event }) => event.output }) },
            onError: 'failed',
          },
        },
        done: { type: 'final' },
        failed: { type: 'final', tags: ['failed'] },
      },
    });
    return { ...yard, machine };
  }

  test('is handed over once the store is open again', async () => {
    const { machine, call } = single({});
    const bed = await openOn(machine);
    const handle = await bed.runtime.start(machine, { id: 'a' });
    await settle();
    await bed.fail();
    const tokens: string[] = [];
    void call('single').scope.completeLater((token) => void tokens.push(token));
    await bed.clock.pass(1_000);
    expect(tokens).toEqual([]);
    await bed.recover();
    expect(tokens).toHaveLength(1);
    await bed.fail();
    await bed.recover();
    await bed.runtime.activities.complete(tokens[0] ?? '', 'from outside');
    expect(handle.getSnapshot()).toMatchObject({ value: 'done', context: { got: 'from outside' } });
  });

  test.each(['lost', 'applied'] as const)('is handed over if the batch that says so was %s', async (fate) => {
    const { machine, call } = single({});
    const bed = await openOn(machine);
    await bed.runtime.start(machine, { id: 'a' });
    await settle();
    bed.disk.refuses = fate;
    const tokens: string[] = [];
    void call('single').scope.completeLater((token) => void tokens.push(token));
    await settle();
    expect([bed.runtime.health().state, tokens.length]).toEqual(['recovering', 0]);
    await bed.recover();
    expect(tokens).toHaveLength(1);
    expect((await bed.runtime.describe('a')).activities[0]).toMatchObject({ isCompletedLater: true, attempt: 1 });
  });

  test('times out though it was handed over, once the store is open again', async () => {
    const { machine, call } = single({});
    const bed = await openOn(machine);
    const handle = await bed.runtime.start(machine, { id: 'a' });
    await settle();
    void call('single').scope.completeLater(() => undefined);
    await settle();
    await bed.fail();
    await bed.clock.pass(3_600_000);
    expect(handle.getSnapshot()).toMatchObject({ value: 'busy' });
    await bed.recover();
    expect(handle.getSnapshot()).toMatchObject({ value: 'failed' });
  });

  test('has its last heartbeat details written down', async () => {
    const { machine, call } = single({ heartbeatTimeout: '1m' });
    const bed = await openOn(machine);
    await bed.runtime.start(machine, { id: 'a' });
    await settle();
    call('single').scope.heartbeat('one');
    await settle();
    await bed.fail();
    for (const details of ['two', 'three']) {
      await bed.clock.pass(30_000);
      call('single').scope.heartbeat(details);
    }
    await bed.clock.pass(30_000);
    await bed.recover();
    const [pending] = (await bed.runtime.describe('a')).activities;
    expect(pending).toMatchObject({ heartbeatDetails: 'three', attempt: 1 });
    const kinds = (await bed.runtime.history('a')).map(({ kind }) => kind);
    expect(kinds).toEqual(['start', 'attempt-heartbeat', 'attempt-heartbeat']);
  });

  test('does not keep a closing runtime waiting for its hand-over', async () => {
    const { machine, call } = single({});
    const bed = await openOn(machine);
    await bed.runtime.start(machine, { id: 'a' });
    await settle();
    await bed.fail();
    const refused: unknown[] = [];
    call('single')
      .scope.completeLater(() => undefined)
      .catch((error: unknown) => refused.push(error));
    await settle();
    const closed = bed.runtime.close({ grace: 0 });
    await bed.clock.pass(1);
    await closed;
    expect(refused).toHaveLength(1);
  });
});

describe('what else belongs to a workflow', () => {
  test('events that custom actions send while the store is away are heard once, before their end', async () => {
    let act: (() => void) | undefined;
    const machine = setup({
      types: { context: {} as { count: number }, events: {} as { type: 'GO' | 'ADD' } },
      actions: {
        tell: ({ self }) => {
          const acted = new Promise<void>((resolve) => (act = resolve)).then(() => self.send({ type: 'ADD' }));
          return acted as unknown as void; // what an action returns is waited for, which XState's types do not know
        },
      },
    }).createMachine({
      id: 'teller',
      version: '1',
      context: { count: 0 },
      on: { GO: { actions: 'tell' }, ADD: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
    });
    const bed = await openOn(machine);
    const handle = await bed.runtime.start(machine, { id: 'a' });
    await handle.send({ type: 'GO' });
    await settle();
    await bed.fail();
    act?.();
    await bed.clock.pass(1_000);
    expect(handle.getSnapshot().context).toEqual({ count: 0 });
    await bed.recover();
    expect(handle.getSnapshot().context).toEqual({ count: 1 });
    const kinds = (await bed.runtime.history('a')).map(({ kind }) => kind);
    expect(kinds).toEqual(['start', 'signal', 'message', 'attempt-completed']);
  });

  test('callbacks are stopped with the store and begin anew', async () => {
    const lives: string[] = [];
    const listen = fromCallback(({ sendBack }) => {
      lives.push('begun');
      sendBack({ type: 'HEARD' });
      return () => lives.push('stopped');
    });
    const machine = setup({ types: { context: {} as { heard: number } }, actors: { listen } }).createMachine({
      id: 'listener',
      version: '1',
      context: { heard: 0 },
      invoke: { src: 'listen' },
      on: { HEARD: { actions: assign({ heard: ({ context }) => context.heard + 1 }) } },
    });
    const bed = await openOn(machine);
    const handle = await bed.runtime.start(machine, { id: 'a' });
    await settle();
    await bed.fail();
    expect(lives).toEqual(['begun', 'stopped']);
    await bed.recover();
    expect(lives).toEqual(['begun', 'stopped', 'begun']);
    expect(handle.getSnapshot().context).toEqual({ heard: 2 });
  });

  test('what a chart logs goes to the logger once it is on disk', async () => {
    const machine = setup({}).createMachine({
      id: 'logger',
      version: '1',
      on: { SAY: { actions: [log('said', 'label'), log(({ event }) => event.type)] } },
    });
    const bed = await openOn(machine);
    const handle = await bed.runtime.start(machine, { id: 'a' });
    bed.disk.refuses = 'lost';
    await expect(handle.send({ type: 'SAY' })).rejects.toMatchObject(unavailable);
    const said = () => bed.logger.lines.filter(({ level, data }) => level === 'info' && 'workflow' in data);
    expect(said()).toEqual([]);
    await bed.recover();
    await handle.send({ type: 'SAY' });
    expect(said()).toEqual([
      { level: 'info', data: { workflow: 'a', label: 'label', value: 'said' }, message: 'label' },
      { level: 'info', data: { workflow: 'a', label: undefined, value: 'SAY' }, message: 'log' },
    ]);
  });
});
