import { expect } from 'vitest';
import { assign, raise, setup } from 'xstate';
import type { PerdureError, SendResult } from 'perdure';
import type { ContractHandle, ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { errand, sleeper } from '../support/machines.ts';
import { refusalOf } from '../support/outcomes.ts';
import { World, errorOf } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const leave = { type: 'LEAVE' as const };
const yearsMs = (years: number): number => years * 365.25 * 24 * 3_600_000;

async function asleep(host: ContractHost, delayMs: number): Promise<ContractRuntime> {
  const runtime = await host.open([sleeper]);
  await runtime.start(sleeper, { id: 'nap', input: { delayMs } });
  await host.settled();
  return runtime;
}

async function valueOf(host: ContractHost, runtime: ContractRuntime): Promise<unknown> {
  await host.settled();
  return (await runtime.describe('nap')).value;
}

async function kindsOf(runtime: ContractRuntime): Promise<readonly string[]> {
  return (await runtime.history('nap')).map(({ kind, outcome }) => `${kind} ${outcome}`);
}

/** A process that dies and one that comes up later. */
async function restartAfter(host: ContractHost, ms: number): Promise<ContractRuntime> {
  await host.crash();
  host.clock.advance(ms);
  return host.open([sleeper]);
}

/** Rings twice itself and once through its child; the order in which they are armed is not that in which they are due. */
const bells = setup({
  types: { context: {} as { readonly heard: readonly string[] } },
  actors: {
    bell: setup({}).createMachine({
      id: 'bell',
      initial: 'still',
      states: { still: { after: { 2_000: 'rung' } }, rung: { type: 'final' } },
    }),
  },
  actions: { hear: assign({ heard: ({ context, event }) => [...context.heard, event.type] }) },
}).createMachine({
  id: 'bells',
  version: '1',
  context: { heard: [] },
  entry: [raise({ type: 'LAST' }, { delay: 3_000 }), raise({ type: 'FIRST' }, { delay: 1_000 })],
  invoke: { src: 'bell', id: 'bell', onDone: { actions: 'hear' } },
  on: { FIRST: { actions: 'hear' }, LAST: { actions: 'hear' } },
});

/** All of them were heard, each once, in due order, and the history says when they were due and when they were heard. */
async function expectRung(runtime: ContractRuntime, armedAtMs: number, heardAtMs: number): Promise<void> {
  const { context, children, timers } = await runtime.describe('bells');
  expect(context).toEqual({ heard: ['FIRST', 'xstate.done.actor.bell', 'LAST'] });
  expect(children).toMatchObject([{ status: 'completed' }]);
  expect(timers).toEqual([]);
  const rung = (await runtime.history('bells')).filter(({ kind }) => kind === 'timer');
  expect(rung.map(({ dueAtMs, atMs }) => ({ dueAtMs, atMs }))).toEqual(
    [1_000, 3_000].map((delayMs) => ({ dueAtMs: armedAtMs + delayMs, atMs: heardAtMs })),
  );
}

contractGroup('timers', ({ contractCase }) => {
  contractCase(21, {
    'the timer first: the signal meets the state the timer led to': async (host) => {
      const runtime = await asleep(host, 5_000);
      host.clock.advance(5_000);
      const sent = runtime.send('nap', leave);
      expect(await sent).toEqual({ sequence: 3, outcome: 'applied' });
      expect(await valueOf(host, runtime)).toBe('late');
      expect(await kindsOf(runtime)).toEqual(['start applied', 'timer applied', 'signal applied']);
    },

    'the signal first: the state is left and its timer is not delivered': async (host) => {
      const runtime = await asleep(host, 5_000);
      const sent = runtime.send('nap', leave);
      host.clock.advance(5_000);
      expect(await sent).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await valueOf(host, runtime)).toBe('awake');
      host.clock.advance(3_600_000);
      expect(await valueOf(host, runtime)).toBe('awake');
      expect(await kindsOf(runtime)).toEqual(['start applied', 'signal applied']);
    },

    'a state entered again has a timer of its own, and the one of the first visit is not taken for it': async (host) => {
      const runtime = await asleep(host, 5_000);
      host.clock.advance(4_000);
      await runtime.send('nap', leave);
      const handle = await runtime.get<typeof sleeper>('nap');
      await handle.send({ type: 'SLEEP', delayMs: 5_000 });
      await host.settled();
      host.clock.advance(1_000);
      expect(await valueOf(host, runtime)).toBe('asleep');
      host.clock.advance(3_999);
      expect(await valueOf(host, runtime)).toBe('asleep');
      host.clock.advance(1);
      expect(await valueOf(host, runtime)).toBe('ringing');
    },

    'both wait for a restart: the journal has one order, and neither is lost': async (host) => {
      await asleep(host, 5_000);
      const runtime = await restartAfter(host, 5_000);
      expect(await runtime.send('nap', leave)).toMatchObject({ outcome: 'applied' });
      const value = await valueOf(host, runtime);
      const kinds = await kindsOf(runtime);
      const timerFirst = ['start applied', 'timer applied', 'signal applied'];
      const signalFirst = ['start applied', 'signal applied'];
      expect(kinds).toEqual(value === 'late' ? timerFirst : signalFirst);
      expect(['late', 'awake']).toContain(value);
    },
  });

  contractCase(22, {
    'a timer is due by the wall clock, however long it takes': async (host) => {
      const dueAtMs = host.clock.now() + 5_000;
      const runtime = await asleep(host, 5_000);
      host.clock.step(-3_600_000);
      host.clock.advance(5_000);
      expect(await valueOf(host, runtime)).toBe('asleep');
      const next = await restartAfter(host, 3_600_000 - 5_001);
      expect(await valueOf(host, next)).toBe('asleep');
      host.clock.advance(5_001);
      expect(await valueOf(host, next)).toBe('ringing');
      const rung = (await next.history('nap')).at(-1);
      expect(rung).toMatchObject({ kind: 'timer', dueAtMs });
      expect(rung?.atMs).toBeGreaterThanOrEqual(dueAtMs);
    },

    'journal times never decrease, also across a restart': async (host) => {
      const startedAtMs = host.clock.now();
      const before = await asleep(host, 5_000);
      host.clock.step(-3_600_000);
      await before.send('nap', leave);
      const runtime = await restartAfter(host, 0);
      await (await runtime.get<typeof sleeper>('nap')).send({ type: 'SLEEP', delayMs: 1 });
      host.clock.step(-3_600_000);
      await runtime.send('nap', leave);
      expect((await runtime.history('nap')).map(({ atMs }) => atMs)).toEqual([1, 2, 3, 4].map(() => startedAtMs));
      expect((await runtime.describe('nap')).updatedAtMs).toBe(startedAtMs);
    },

    'an attempt is retried after its backoff': async (host) => {
      const { world } = await failedOnce(host);
      host.clock.step(-24 * 3_600_000);
      host.clock.advance(3_599_999);
      await host.settled();
      expect(world.callsOf('fetch')).toHaveLength(1);
      host.clock.advance(1);
      await host.settled();
      expect(world.callsOf('fetch')).toHaveLength(2);
    },

    'an attempt times out when its time is over': async (host) => {
      const world = new World();
      const machine = errand(world, 'errand', { maximumAttempts: 1 });
      const runtime = await host.open([machine]);
      await runtime.start(machine, { id: 'e', input: { item: 'lamp' } });
      await host.settled();
      host.clock.step(-3_600_000);
      host.clock.advance(60_000);
      await host.settled();
      expect(world.last('fetch').signal.reason).toBe('start-to-close-timeout');
      expect(await runtime.describe('e')).toMatchObject({ status: 'failed', failure: { class: 'StartToCloseTimeout' } });
    },
  });

  contractCase(23, {
    'of a process that was suspended': async (host) => {
      const armedAtMs = host.clock.now();
      const runtime = await host.open([bells]);
      await runtime.start(bells, { id: 'bells' });
      await host.settled();
      host.clock.advance(3_600_000);
      await host.settled();
      await expectRung(runtime, armedAtMs, armedAtMs + 3_600_000);
    },

    'of a process that died': async (host) => {
      const armedAtMs = host.clock.now();
      await (await host.open([bells])).start(bells, { id: 'bells' });
      await host.crash();
      host.clock.advance(3_600_000);
      const runtime = await host.open([bells]);
      await host.settled();
      await expectRung(runtime, armedAtMs, armedAtMs + 3_600_000);
      host.clock.advance(3_600_000);
      await host.settled();
      await expectRung(runtime, armedAtMs, armedAtMs + 3_600_000);
    },

    'of a workflow that was paused': async (host) => {
      const armedAtMs = host.clock.now();
      const before = await host.open([bells]);
      await before.start(bells, { id: 'bells' });
      await before.pause('bells');
      host.clock.advance(3_600_000);
      await host.crash();
      host.clock.advance(3_600_000);
      const runtime = await host.open([bells]);
      await host.settled();
      expect((await runtime.describe('bells')).context).toEqual({ heard: [] });
      await runtime.resume('bells');
      await host.settled();
      await expectRung(runtime, armedAtMs, armedAtMs + 7_200_000);
    },

    'one on time says so, too': async (host) => {
      const armedAtMs = host.clock.now();
      const runtime = await asleep(host, 5_000);
      host.clock.advance(5_000);
      await host.settled();
      const dueAtMs = armedAtMs + 5_000;
      expect((await runtime.history('nap')).map(({ kind, dueAtMs: at }) => [kind, at])).toEqual([
        ['start', undefined],
        ['timer', dueAtMs],
      ]);
    },
  });

  contractCase(24, {
    'to the millisecond, when the next process comes up before it is due': async (host) => {
      const { world, open } = await failedOnce(host);
      await host.crash();
      host.clock.advance(30 * 60_000);
      const runtime = await open();
      expect((await runtime.describe('e')).activities).toMatchObject([
        { state: 'backoff', attempt: 1, nextAttemptAtMs: host.clock.now() + 30 * 60_000 },
      ]);
      await host.crash();
      host.clock.advance(29 * 60_000);
      await open();
      host.clock.advance(59_999);
      await host.settled();
      expect(world.callsOf('fetch')).toHaveLength(1);
      host.clock.advance(1);
      await host.settled();
      expect(world.callsOf('fetch').map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect(world.last('fetch').idempotencyKey).toBe(world.callsOf('fetch')[0]?.idempotencyKey);
    },

    'at once, when the next process comes up after it': async (host) => {
      const { world, open } = await failedOnce(host);
      await host.crash();
      host.clock.advance(2 * 3_600_000);
      await open();
      expect(world.callsOf('fetch').map(({ attempt }) => attempt)).toEqual([1, 2]);
    },

    'a backoff that is over is not begun anew by another restart': async (host) => {
      const { world, open } = await failedOnce(host);
      for (const _ of [1, 2, 3]) {
        await host.crash();
        host.clock.advance(20 * 60_000 - 1);
        await open();
      }
      expect(world.callsOf('fetch')).toHaveLength(1);
      host.clock.advance(3);
      await host.settled();
      expect(world.callsOf('fetch')).toHaveLength(2);
    },
  });

  contractCase(25, {
    ...Object.fromEntries(
      [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 + 5, yearsMs(1), yearsMs(100)].map((delayMs) => [
        `${delayMs} ms across restarts`,
        async (host: ContractHost) => {
          const armedAtMs = host.clock.now();
          const first = await asleep(host, delayMs);
          expect((await first.describe('nap')).timers).toMatchObject([{ armedAtMs, dueAtMs: armedAtMs + delayMs }]);
          const half = Math.floor(delayMs / 2);
          const second = await restartAfter(host, half);
          expect(await valueOf(host, second)).toBe('asleep');
          const third = await restartAfter(host, delayMs - half - 1);
          expect(await valueOf(host, third)).toBe('asleep');
          expect((await third.describe('nap')).timers).toMatchObject([{ armedAtMs, dueAtMs: armedAtMs + delayMs }]);
          host.clock.advance(1);
          expect(await valueOf(host, third)).toBe('ringing');
          expect((await third.history('nap')).at(-1)).toMatchObject({ kind: 'timer', atMs: armedAtMs + delayMs });
        },
      ]),
    ),

    '100 years in one process': async (host) => {
      const runtime = await asleep(host, yearsMs(100));
      host.clock.advance(yearsMs(100) - 1);
      expect(await valueOf(host, runtime)).toBe('asleep');
      host.clock.advance(1);
      expect(await valueOf(host, runtime)).toBe('ringing');
    },

    'a fraction of a millisecond is not early': async (host) => {
      const runtime = await asleep(host, 10.25);
      host.clock.advance(10);
      expect(await valueOf(host, runtime)).toBe('asleep');
      host.clock.advance(1);
      expect(await valueOf(host, runtime)).toBe('ringing');
    },

    ...Object.fromEntries(
      [0, -0, -1, -(2 ** 40)].map((delayMs) => [
        `${Object.is(delayMs, -0) ? '-0' : delayMs} means now`,
        async (host: ContractHost) => {
          const runtime = await asleep(host, delayMs);
          expect(await valueOf(host, runtime)).toBe('ringing');
          expect(await kindsOf(runtime)).toEqual(['start applied', 'timer applied']);
        },
      ]),
    ),

    ...Object.fromEntries(
      [Number.NaN, Infinity, yearsMs(100) + 1, Number.MAX_VALUE].flatMap((delayMs) => [
        [`${delayMs} in the first step refuses the start`, (host: ContractHost) => expectStartRefused(host, delayMs)],
        [`${delayMs} in a later step parks the workflow`, (host: ContractHost) => expectParked(host, delayMs)],
      ]),
    ),
  });

  contractCase(26, async (host) => {
    const world = new World();
    const [count, boundPerSlice] = [300, 50];
    const slice = { length: 0, longest: 0 };
    const fires = (): boolean => {
      // Called as soon as whoever calls this gives way to anybody else.
      if (slice.length === 0) process.nextTick(() => Object.assign(slice, { length: 0, longest: Math.max(slice.longest, slice.length) }));
      slice.length += 1;
      world.note('fired');
      return true;
    };
    const alarm = setup({ guards: { fires } }).createMachine({
      id: 'alarm',
      version: '1',
      initial: 'set',
      states: { set: { after: { 1_000: { guard: 'fires', target: 'over' } } }, over: { type: 'final' } },
    });
    const before = await host.open([alarm]);
    await Promise.all(Array.from({ length: count }, (_item, index) => before.start(alarm, { id: `a${index}` })));
    await host.crash();
    host.clock.advance(1_000);
    host.clock.workMs = 1;
    const runtime = await host.open([alarm]);
    await host.settled();
    host.clock.workMs = 0;
    expect(world.count('fired')).toBe(count);
    expect(slice.longest).toBeLessThanOrEqual(boundPerSlice);
    for (const index of [0, 150, 299]) expect(await runtime.describe(`a${index}`)).toMatchObject({ status: 'completed', sequence: 2 });
  });
});

/** An errand that failed once and waits for an hour. */
async function failedOnce(host: ContractHost) {
  const world = new World();
  const machine = errand(world, 'errand', { initialInterval: '1h', maximumInterval: '1h', jitter: 'none' });
  const open = async (): Promise<ContractRuntime> => {
    const runtime = await host.open([machine]);
    await host.settled();
    return runtime;
  };
  const runtime = await open();
  await runtime.start(machine, { id: 'e', input: { item: 'lamp' } });
  await host.settled();
  world.last('fetch').fail(errorOf('NotNow', 'closed'));
  await host.settled();
  const dueAtMs = host.clock.now() + 3_600_000;
  expect((await runtime.describe('e')).activities).toMatchObject([
    { state: 'backoff', attempt: 1, nextAttemptAtMs: dueAtMs, lastFailure: { class: 'NotNow' } },
  ]);
  return { world, open };
}

async function expectStartRefused(host: ContractHost, delayMs: number): Promise<void> {
  const runtime = await host.open([sleeper]);
  const refused = await refusalOf(runtime.start(sleeper, { id: 'nap', input: { delayMs } }), 'STEP_FAILED');
  expect(refused.message).toContain('state "sleeper.asleep"');
  expect(refused.message).toContain(String(delayMs));
  await refusalOf(runtime.describe('nap'), 'WORKFLOW_NOT_FOUND');
}

async function parkedBy(sent: Promise<SendResult>, handle: Pick<ContractHandle, 'result'>): Promise<PerdureError<'WORKFLOW_PARKED'>> {
  expect(await sent).toEqual({ sequence: 2, outcome: 'queued' });
  return refusalOf(handle.result(), 'WORKFLOW_PARKED');
}

async function expectParked(host: ContractHost, delayMs: number): Promise<void> {
  const runtime = await host.open([sleeper]);
  const handle = await runtime.start(sleeper, { id: 'nap', input: { delayMs: 1, isAwake: true } });
  const { details, message } = await parkedBy(handle.send({ type: 'SLEEP', delayMs }), handle);
  expect(details).toEqual({ id: 'nap', reason: 'poison' });
  expect(message).toContain('state "sleeper.asleep"');
  expect(await runtime.describe('nap')).toMatchObject({ status: 'parked', value: 'awake', context: { delayMs: 1 }, timers: [] });
}
