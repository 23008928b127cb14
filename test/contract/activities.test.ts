import type { ActivityScope } from 'perdure/authoring';
import type { AnyStateMachine } from 'xstate';
import { assign, fromPromise, setup } from 'xstate';
import { expect } from 'vitest';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { errand } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World, errorOf } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const steady = { initialInterval: '1m', jitter: 'none' } as const;
const input = { item: 'lamp' };
type Errand = ReturnType<typeof errand>;

async function begun(host: ContractHost, machine: Errand): Promise<ContractRuntime> {
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'e', input });
  await host.settled();
  return runtime;
}

async function reborn(host: ContractHost, machine: AnyStateMachine, afterMs = 0): Promise<ContractRuntime> {
  await host.crash();
  host.clock.advance(afterMs);
  const runtime = await host.open([machine]);
  await host.settled();
  return runtime;
}

async function passed(host: ContractHost, ms: number): Promise<void> {
  host.clock.advance(ms);
  await host.settled();
}

async function told(runtime: ContractRuntime): Promise<string[]> {
  return (await runtime.history('e')).map(({ kind, outcome }) => `${kind} ${outcome}`);
}

/** Activities whose code hands them over and keeps the token for the test. */
function desk() {
  const tokens: string[] = [];
  const scopes: ActivityScope<unknown>[] = [];
  const run = async (scope: ActivityScope<{ readonly item: string }>): Promise<unknown> => {
    scopes.push(scope);
    return scope.completeLater((token) => tokens.push(token));
  };
  const last = (): string => {
    const token = tokens.at(-1);
    if (token === undefined) throw new Error('Nothing was handed over.');
    return token;
  };
  return { tokens, scopes, run, last };
}

contractGroup('activities', ({ contractCase, everywhere }) => {
  contractCase(13, {
    'while the next attempt waits, and when it runs': async (host) => {
      const world = new World();
      const machine = errand(world, 'errand', steady, { startToCloseTimeout: '10s', run: async (scope) => deaf(world, scope) });
      const runtime = await begun(host, machine);
      await passed(host, 10_000);
      const [first] = world.calls;
      expect(first?.signal.reason).toBe('start-to-close-timeout');
      first?.succeed('too late');
      await host.settled();
      expect(await told(runtime)).toEqual(['start applied', 'attempt-timed-out noted', 'attempt-completed late']);
      await passed(host, 60_000);
      world.last('fetch').succeed('in time');
      expect(await (await runtime.get<Errand>('e')).result()).toEqual({ found: 'in time' });
    },
  });

  contractCase(14, {
    'and the chart is where it went meanwhile': async (host) => {
      const world = new World();
      const machine = errand(world, 'errand', steady, { run: async (scope) => deaf(world, scope) });
      const runtime = await begun(host, machine);
      await runtime.send('e', { type: 'GIVE_UP' });
      await host.settled();
      const [call] = world.calls;
      expect(call?.signal.reason).toBe('state-left');
      call?.succeed('too late');
      await host.settled();
      expect(await told(runtime)).toEqual(['start applied', 'signal applied', 'attempt-completed late']);
      expect((await runtime.describe('e')).value).toBe('idle');
    },
  });

  everywhere('an activity that takes too long as a whole is aborted, and the chart is told', async (host) => {
    const world = new World();
    const machine = errand(world, 'errand', steady, { scheduleToCloseTimeout: '90s' });
    const runtime = await begun(host, machine);
    const { scheduledAtMs, scheduleToCloseAtMs } = (await runtime.describe('e')).activities[0]!;
    expect(scheduleToCloseAtMs).toBe(scheduledAtMs + 90_000);
    await passed(host, 20_000);
    world.last('fetch').fail(new Error('first'));
    await host.settled();
    await passed(host, 60_000);
    expect(world.calls).toHaveLength(2);
    await passed(host, 9_999);
    expect(world.last('fetch').signal.aborted).toBe(false);
    await passed(host, 1);
    expect(world.last('fetch').signal.reason).toBe('schedule-to-close-timeout');
    expect((await runtime.describe('e')).failure).toMatchObject({ class: 'ScheduleToCloseTimeout', activity: 'errand.fetch', attempt: 2 });
    expect((await told(runtime)).at(-1)).toBe('activity-timed-out applied');
  });

  everywhere('a retry that would begin after the time as a whole is not waited for', async (host) => {
    const world = new World();
    const runtime = await begun(host, errand(world, 'errand', steady, { scheduleToCloseTimeout: '60s' }));
    world.last('fetch').fail(errorOf('Jammed', 'the last error'));
    await host.settled();
    expect((await runtime.describe('e')).failure).toMatchObject({ class: 'Jammed', message: 'the last error' });
  });

  everywhere('the time as a whole goes on while no process lives', async (host) => {
    const world = new World();
    const machine = errand(world, 'errand', steady, { scheduleToCloseTimeout: '5m', startToCloseTimeout: '1h' });
    await begun(host, machine);
    const early = await reborn(host, machine, 4 * 60_000);
    expect((await early.describe('e')).activities).toMatchObject([{ attempt: 2, state: 'running' }]);
    await passed(host, 60_000);
    expect((await early.describe('e')).failure?.class).toBe('ScheduleToCloseTimeout');
  });

  everywhere('a time as a whole that ended while no process lived is found when one does', async (host) => {
    const world = new World();
    const machine = errand(world, 'errand', steady, { scheduleToCloseTimeout: '5m', startToCloseTimeout: '1h' });
    await begun(host, machine);
    const late = await reborn(host, machine, 6 * 60_000);
    expect((await late.describe('e')).failure?.class).toBe('ScheduleToCloseTimeout');
    expect(world.calls).toHaveLength(1);
  });

  everywhere('an attempt that is silent for too long is aborted and tried again, with what it told last', async (host) => {
    const world = new World();
    const runtime = await begun(host, errand(world, 'errand', steady, { heartbeatTimeout: '10s' }));
    const [first] = world.calls;
    expect(first?.heartbeatDetails).toBeUndefined();
    await passed(host, 9_000);
    first?.heartbeat({ page: 1 });
    await passed(host, 9_000);
    first?.heartbeat({ page: 2, at: new Date(7) });
    await passed(host, 9_999);
    expect(first?.signal.aborted).toBe(false);
    await passed(host, 1);
    expect(first?.signal.reason).toBe('heartbeat-timeout');
    expect((await runtime.describe('e')).activities).toMatchObject([{ state: 'backoff', lastFailure: { class: 'HeartbeatTimeout' } }]);
    await passed(host, 60_000);
    expect(world.last('fetch')).toMatchObject({ attempt: 2, heartbeatDetails: { page: 2, at: new Date(7) } });
  });

  everywhere('what an attempt told of itself is given to the one after a crash', async (host) => {
    const world = new World();
    const machine = errand(world, 'errand', steady);
    await begun(host, machine);
    world.last('fetch').heartbeat('half');
    await host.settled();
    await reborn(host, machine);
    expect(world.last('fetch')).toMatchObject({ attempt: 2, heartbeatDetails: 'half' });
  });

  everywhere('an error says itself when to try again', async (host) => {
    const world = new World();
    const runtime = await begun(host, errand(world, 'errand', steady));
    world.last('fetch').fail(Object.assign(new Error('busy'), { nextRetryDelay: '5s' }));
    await host.settled();
    expect((await runtime.describe('e')).activities).toMatchObject([{ nextAttemptAtMs: host.clock.now() + 5_000 }]);
  });

  everywhere('an error that the policy’s own code refuses is final', async (host) => {
    const world = new World();
    const retryIf = (error: unknown): boolean => (error as { status: number }).status >= 500;
    const runtime = await begun(host, errand(world, 'errand', { ...steady, retryIf }));
    world.last('fetch').fail(Object.assign(new Error('down'), { status: 503 }));
    await host.settled();
    expect((await runtime.describe('e')).activities).toMatchObject([{ state: 'backoff' }]);
    await passed(host, 60_000);
    world.last('fetch').fail(Object.assign(errorOf('Gone', 'no such lamp'), { status: 404 }));
    await host.settled();
    expect((await runtime.describe('e')).failure).toMatchObject({ class: 'Gone', attempt: 2 });
  });

  everywhere('what is handed over outlives the process, and is completed in a later life', async (host) => {
    const { run, tokens, last, scopes } = desk();
    const machine = errand(new World(), 'errand', { ...steady, maximumAttempts: 1 }, { run, startToCloseTimeout: '7d' });
    const first = await begun(host, machine);
    expect((await first.describe('e')).activities).toMatchObject([{ state: 'running', attempt: 1, isCompletedLater: true }]);
    const second = await reborn(host, machine, 3_600_000);
    expect((await second.describe('e')).activities).toMatchObject([{ state: 'running', attempt: 1 }]);
    await second.activities.complete(last(), { at: new Date(5) });
    expect(await (await second.get<Errand>('e')).result()).toEqual({ found: { at: new Date(5) } });
    await refusalOf(second.activities.complete(last(), 'again'), 'WORKFLOW_CLOSED');
    expect([tokens.length, scopes.length]).toEqual([1, 1]);
  });

  everywhere('no token is given away before it is on disk that the attempt was handed over', async (host) => {
    const { run, tokens } = desk();
    const world = new World();
    const afterwards = async (scope: Parameters<typeof run>[0]): Promise<unknown> => world.call('ask', scope).then(async () => run(scope));
    await begun(host, errand(world, 'errand', steady, { run: afterwards }));
    host.holdWrites();
    world.last('ask').succeed(undefined);
    await host.settled();
    expect([host.heldWrites, tokens]).toEqual([1, []]);
    host.releaseWrites();
    await host.settled();
    expect(tokens).toHaveLength(1);
  });

  everywhere('an attempt that was handed over fails from outside as from inside', async (host) => {
    const { run, tokens, last, scopes } = desk();
    const machine = errand(new World(), 'errand', { ...steady, nonRetryableErrorTypes: ['Refused'] }, { run });
    const runtime = await begun(host, machine);
    const [first] = tokens;
    await runtime.activities.fail(last(), new Error('not now'));
    expect((await runtime.describe('e')).activities).toMatchObject([{ state: 'backoff', lastFailure: { message: 'not now' } }]);
    const [scope] = scopes;
    expect(scope?.signal.reason).toBe('settled');
    await passed(host, 60_000);
    await refusalOf(runtime.activities.complete(first!, 'of the first attempt'), 'ATTEMPT_NOT_AWAITED');
    await runtime.activities.fail(last(), errorOf('Refused', 'never'));
    expect((await runtime.describe('e')).failure).toMatchObject({ class: 'Refused', attempt: 2 });
  });

  everywhere('of two completions the first counts and the second is told', async (host) => {
    const { run, last } = desk();
    const machine = pair(run);
    const runtime = await host.open([machine]);
    await runtime.start(machine, { id: 'e' });
    await host.settled();
    const outcomes = ['one', 'two'].map((output) => watch(runtime.activities.complete(last(), output)));
    await host.settled();
    expect(outcomes).toMatchObject([{ state: 'fulfilled' }, { state: 'rejected', error: { code: 'ATTEMPT_NOT_AWAITED' } }]);
    expect((await runtime.describe('e')).context).toEqual({ found: 'one' });
  });

  everywhere('time-outs go on for what was handed over, also over a restart', async (host) => {
    const { run, tokens } = desk();
    const machine = errand(new World(), 'errand', steady, { run, startToCloseTimeout: '1h', heartbeatTimeout: '30m' });
    const first = await begun(host, machine);
    await passed(host, 20 * 60_000);
    await first.activities.heartbeat(tokens[0]!, 'alive');
    const second = await reborn(host, machine, 29 * 60_000);
    expect((await second.describe('e')).activities).toMatchObject([{ state: 'running', attempt: 1, heartbeatDetails: 'alive' }]);
    await passed(host, 60_000);
    expect((await second.describe('e')).activities).toMatchObject([{ state: 'backoff', lastFailure: { class: 'HeartbeatTimeout' } }]);
    await passed(host, 60_000);
    expect(tokens).toHaveLength(2);
    const third = await reborn(host, machine, 20 * 60_000);
    await third.activities.heartbeat(tokens[1]!);
    await passed(host, 25 * 60_000);
    await third.activities.heartbeat(tokens[1]!);
    await passed(host, 15 * 60_000);
    expect((await third.describe('e')).activities).toMatchObject([{ attempt: 2, lastFailure: { class: 'StartToCloseTimeout' } }]);
  });

  everywhere('the time-out of what was handed over can be changed by hand', async (host) => {
    const { run } = desk();
    const runtime = await begun(host, errand(new World(), 'errand', steady, { run, startToCloseTimeout: '1h' }));
    await passed(host, 30 * 60_000);
    await runtime.activities.update('e', 1, { startToCloseTimeout: '2h' });
    await passed(host, 89 * 60_000);
    expect((await runtime.describe('e')).activities).toMatchObject([{ state: 'running' }]);
    await passed(host, 60_000);
    expect((await runtime.describe('e')).activities).toMatchObject([{ lastFailure: { class: 'StartToCloseTimeout' } }]);
  });

  everywhere('tokens that were never given are refused', async (host) => {
    const { run, last } = desk();
    const runtime = await begun(host, errand(new World(), 'errand', steady, { run }));
    await refusalOf(runtime.activities.complete('no token', 1), 'TOKEN_INVALID');
    await refusalOf(runtime.activities.complete(last().replace('e:', 'nobody:'), 1), 'WORKFLOW_NOT_FOUND');
    await refusalOf(runtime.activities.complete(last().replace('e:1:', 'e:2:'), 1), 'ATTEMPT_NOT_AWAITED');
    await refusalOf(runtime.activities.heartbeat(last().replace(/1$/, '2')), 'ATTEMPT_NOT_AWAITED');
    await refusalOf(
      runtime.activities.complete(last(), () => 1),
      'PAYLOAD_NOT_SERIALIZABLE',
    );
    expect((await runtime.describe('e')).activities).toMatchObject([{ state: 'running', attempt: 1 }]);
  });

  everywhere('people settle, hurry and adjust what is pending, and the history says who and why', async (host) => {
    const world = new World();
    const machine = errand(world, 'errand', { ...steady, maximumAttempts: 2 });
    const runtime = await begun(host, machine);
    const hand = { by: 'ada', note: 'seen on the shelf' };
    world.last('fetch').fail(new Error('first'));
    await host.settled();
    await runtime.activities.runNow('e', 1, { by: 'ada', note: 'it is up again' });
    await host.settled();
    expect(world.calls).toHaveLength(2);
    await runtime.activities.update('e', 1, { retry: { maximumAttempts: 3, initialInterval: '2h' } });
    world.last('fetch').fail(new Error('second'));
    await host.settled();
    expect((await runtime.describe('e')).activities).toMatchObject([
      { state: 'backoff', maximumAttempts: 3, nextAttemptAtMs: host.clock.now() + 60_000 },
    ]);
    const later = await reborn(host, machine);
    expect((await later.describe('e')).activities).toMatchObject([{ maximumAttempts: 3 }]);
    await passed(host, 60_000);
    expect(world.calls).toHaveLength(3);
    await refusalOf(later.activities.completeBy('e', 9, 'lamp', hand), 'ACTIVITY_NOT_FOUND');
    await later.activities.completeBy('e', 1, 'lamp', hand);
    await host.settled();
    expect(world.last('fetch').signal.reason).toBe('settled');
    expect(await (await later.get<Errand>('e')).result()).toEqual({ found: 'lamp' });
    expect((await later.history('e')).filter(({ by }) => by !== undefined)).toMatchObject([
      { kind: 'activity-hurried', by: 'ada', note: 'it is up again' },
      { kind: 'activity-completed', ...hand, outcome: 'applied' },
    ]);
    await refusalOf(later.activities.failBy('e', 1, new Error('x'), hand), 'WORKFLOW_CLOSED');
  });

  everywhere('a person may fail an activity', async (host) => {
    const world = new World();
    const runtime = await begun(host, errand(world, 'errand', steady));
    await runtime.activities.failBy('e', 1, errorOf('GivenUp', 'no lamps left'), { by: 'ada', note: 'asked the shop' });
    await host.settled();
    expect(world.last('fetch').signal.reason).toBe('settled');
    expect((await runtime.describe('e')).failure).toMatchObject({ class: 'GivenUp' });
  });

  everywhere('a plain promise runs: without time-out, final when it rejects', async (host) => {
    const world = new World();
    const machine = promising(world);
    const runtime = await host.open([machine]);
    await runtime.start(machine, { id: 'p', input });
    await host.settled();
    await passed(host, 30 * 24 * 3_600_000);
    expect(world.last('fetch')).toMatchObject({ input, signal: { aborted: false } });
    world.last('fetch').fail(errorOf('Refused', 'no'));
    await host.settled();
    expect(await runtime.describe('p')).toMatchObject({ value: 'failed', failure: { class: 'Refused' } });
    expect(world.calls).toHaveLength(1);
  });

  everywhere('a plain promise is run again after a crash; the third lost attempt is the last', async (host) => {
    const world = new World();
    const machine = promising(world);
    const first = await host.open([machine]);
    await first.start(machine, { id: 'p', input });
    await host.settled();
    await reborn(host, machine);
    await reborn(host, machine);
    expect(world.calls).toHaveLength(3);
    const runtime = await reborn(host, machine);
    expect(world.calls).toHaveLength(3);
    expect(await runtime.describe('p')).toMatchObject({ value: 'failed', failure: { class: 'AttemptLost' } });
  });
});

/** Goes on whatever it is told. */
async function deaf(world: World, scope: ActivityScope<unknown>): Promise<unknown> {
  return new Promise((succeed, fail) => world.calls.push({ ...scope, name: 'fetch', succeed, fail }));
}

function pair(run: (scope: ActivityScope<{ readonly item: string }>) => Promise<unknown>) {
  const { fetch } = errand(new World(), 'other', {}, { run }).implementations.actors as unknown as {
    fetch: ReturnType<typeof fromPromise>;
  };
  const context: { readonly found?: unknown } = {};
  return setup({ types: { context }, actors: { fetch } }).createMachine({
    id: 'pair',
    version: '1',
    context,
    initial: 'busy',
    states: {
      busy: { invoke: { src: 'fetch', input: {}, onDone: { target: 'resting', actions: assign({ found: ({ event }) => event.output }) } } },
      resting: {},
    },
  });
}

function promising(world: World) {
  const fetch = fromPromise<unknown, { readonly item: string }>(async ({ input: given, signal }) =>
    world.call('fetch', { input: given, signal } as ActivityScope<unknown>),
  );
  return setup({
    types: { input: {} as { readonly item: string }, context: {} as { readonly item: string } },
    actors: { fetch },
  }).createMachine({
    id: 'promising',
    version: '1',
    context: ({ input: given }) => given,
    initial: 'busy',
    states: {
      busy: { invoke: { src: 'fetch', input: ({ context }) => context, onDone: 'done', onError: 'failed' } },
      done: { type: 'final' },
      failed: { type: 'final', tags: 'failed' },
    },
  });
}
