/** Workflows that have to be over by some moment. */
import { expect } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from 'perdure/authoring';
import type { HistoryEntry, StartOptions } from 'perdure';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { errorOf, World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const hourMs = 3_600_000;

/** Fetches, tried again as long as it may be, and says nothing to a deadline. */
function plain(world: World, more: { readonly meta?: { readonly deadline: unknown } } = {}) {
  const fetch = activity<undefined, string>({
    name: 'fetch',
    retry: { jitter: 'none', initialInterval: '20m', backoffCoefficient: 1, maximumInterval: '20m', maximumAttempts: Infinity },
    startToCloseTimeout: '10h',
    run: (scope) => world.call('fetch', scope),
  });
  return setup({ types: { context: {} as { readonly why: string } }, actors: { fetch } }).createMachine({
    id: 'plain',
    version: '1',
    context: { why: '' },
    initial: 'idle',
    states: {
      idle: { on: { FETCH: 'fetching', HEAR: 'hearing' } },
      fetching: {
        invoke: {
          src: 'fetch',
          onDone: 'done',
          onError: { target: 'idle', actions: assign({ why: ({ event }) => (event.error as Error).name }) },
        },
      },
      // It takes any event at all, and so this one no more than others.
      hearing: { on: { '*': 'idle' } },
      done: { type: 'final' },
    },
    ...more,
  });
}

/** Tidies up when its deadline passes, and ends as it sees fit. */
function careful(world: World) {
  const tidy = activity<undefined, string>({ name: 'tidy', startToCloseTimeout: '10h', run: (scope) => world.call('tidy', scope) });
  return setup({ types: { context: {} as { readonly dueAtMs: number } }, actors: { tidy } }).createMachine({
    id: 'careful',
    version: '1',
    context: { dueAtMs: 0 },
    initial: 'working',
    states: {
      working: {
        on: {
          DONE: 'done',
          'workflow.cancel': 'tidying',
          'workflow.deadline': {
            target: 'tidying',
            actions: assign({ dueAtMs: ({ event }) => (event as unknown as { readonly dueAtMs: number }).dueAtMs }),
          },
        },
      },
      tidying: { invoke: { src: 'tidy', onDone: 'late' }, on: { 'workflow.deadline': 'twice' } },
      twice: { type: 'final', tags: 'failed' },
      late: { type: 'final' },
      done: { type: 'final' },
    },
  });
}

/** Has a child that fetches. */
function parent(world: World) {
  return setup({ actors: { plain: plain(world) } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'plain', id: 'child', onDone: 'over' } }, over: { type: 'final' } },
  });
}

async function begun(host: ContractHost) {
  const world = new World();
  const machines = [plain(world), careful(world), parent(world)] as const;
  const open = () => host.open([...machines]);
  return { world, machines, open, runtime: await open() };
}

async function passed(host: ContractHost, ms: number): Promise<void> {
  host.clock.advance(ms);
  await host.settled();
}

async function deadlinesIn(runtime: ContractRuntime): Promise<readonly HistoryEntry[]> {
  return (await runtime.history('d')).filter(({ kind }) => kind === 'deadline');
}

const exceeded = (atMs: number) => ({
  status: 'failed',
  failure: { class: 'DeadlineExceeded', message: `It was to end by ${new Date(atMs).toISOString()}, its deadline.` },
});

contractGroup('deadlines', ({ everywhere }) => {
  everywhere('A workflow that is not over by its deadline and says nothing to it fails, not earlier and once.', async (host) => {
    const { machines, runtime, open } = await begun(host);
    const startedAtMs = host.clock.now();
    const atMs = startedAtMs + hourMs;
    const handle = await runtime.start(machines[0], { id: 'd', deadline: '1h' });
    const result = watch(handle.result());
    expect(await runtime.describe('d')).toMatchObject({ deadline: { atMs }, timers: [] });
    expect((await runtime.describe('d')).waitsFor).toContain(`its deadline, ${new Date(atMs).toISOString()}`);
    await passed(host, hourMs - 1);
    expect(await runtime.describe('d')).toMatchObject({ status: 'running', deadline: { atMs } });
    await passed(host, 1);
    await passed(host, hourMs);
    expect(await runtime.describe('d')).toMatchObject({ ...exceeded(atMs), deadline: { atMs, passedAtMs: atMs } });
    expect(result).toMatchObject({ state: 'rejected', error: { failure: { class: 'DeadlineExceeded' } } });
    expect(await deadlinesIn(runtime)).toMatchObject([{ outcome: 'failed', dueAtMs: atMs, atMs }]);
    expect(await runtime.count({ failureClass: 'DeadlineExceeded' })).toEqual({ value: 1, exact: true });
    await host.crash();
    expect(await (await open()).describe('d')).toMatchObject(exceeded(atMs));
  });

  everywhere('A deadline is a moment or a duration, and the option comes before what the machine says.', async (host) => {
    const world = new World();
    const meant = plain(world, { meta: { deadline: '2h' } });
    const runtime = await host.open([meant]);
    const nowMs = host.clock.now();
    const start = async (id: string, options: Pick<StartOptions<typeof meant>, 'deadline'> = {}) => {
      await runtime.start(meant, { id, ...options });
      return (await runtime.describe(id)).deadline?.atMs;
    };
    expect(await start('by the machine')).toBe(nowMs + 2 * hourMs);
    expect(await start('text', { deadline: '90m' })).toBe(nowMs + 1.5 * hourMs);
    expect(await start('number', { deadline: 1_500.5 })).toBe(nowMs + 1_501);
    expect(await start('date', { deadline: new Date(nowMs + 7) })).toBe(nowMs + 7);
    await passed(host, 0);
    expect(await start('date in the past', { deadline: new Date(5) })).toBe(5);
    await host.settled();
    expect(await runtime.describe('date in the past')).toMatchObject(exceeded(5));
    await passed(host, 2 * hourMs - 1);
    expect(await runtime.describe('by the machine')).toMatchObject({ status: 'running' });
    await passed(host, 1);
    expect(await runtime.describe('by the machine')).toMatchObject(exceeded(nowMs + 2 * hourMs));
  });

  everywhere('What is no deadline is refused with a sentence, and nothing is started.', async (host) => {
    const { machines, runtime } = await begun(host);
    for (const deadline of ['soon', -1, NaN, new Date(NaN), null, {}]) {
      const options = { id: 'd', deadline: deadline as never };
      await expect(runtime.start(machines[0], options)).rejects.toThrow(/start: deadline must be a duration/);
    }
    await refusalOf(runtime.describe('d'), 'WORKFLOW_NOT_FOUND');
  });

  everywhere('Of a start that is repeated the deadline is not compared: the workflow keeps its own.', async (host) => {
    const { machines, runtime } = await begun(host);
    const atMs = host.clock.now() + hourMs;
    await runtime.start(machines[0], { id: 'd', deadline: '1h' });
    await passed(host, 1_000);
    await runtime.start(machines[0], { id: 'd', deadline: '5h' });
    await runtime.signalWithStart(machines[0], { id: 'd', deadline: '5h', event: { type: 'HEAR' } });
    expect(await runtime.describe('d')).toMatchObject({ run: 1, value: 'hearing', deadline: { atMs } });
    await passed(host, hourMs);
    await runtime.start(machines[0], { id: 'd', deadline: '5h' });
    expect(await runtime.describe('d')).toMatchObject({ run: 1, ...exceeded(atMs) });
    await runtime.start(machines[0], { id: 'd', deadline: '5h', onExisting: 'allow' });
    expect(await runtime.describe('d')).toMatchObject({ run: 2, deadline: { atMs: host.clock.now() + 5 * hourMs } });
  });

  everywhere(
    'A chart that says something to its deadline where it is decides, is asked once, and may do what it then has to.',
    async (host) => {
      const { world, machines, runtime, open } = await begun(host);
      const atMs = host.clock.now() + hourMs;
      await runtime.start(machines[1], { id: 'd', deadline: '1h' });
      await passed(host, hourMs);
      expect(await runtime.describe('d')).toMatchObject({
        status: 'running',
        value: 'tidying',
        context: { dueAtMs: atMs },
        deadline: { atMs, passedAtMs: atMs },
      });
      world.last('tidy').fail(new Error('not yet'));
      await host.settled();
      await passed(host, hourMs);
      expect(world.callsOf('tidy')).toHaveLength(2);
      await host.crash();
      const again = await open();
      await host.settled();
      world.last('tidy').succeed('tidy');
      await host.settled();
      expect(await again.describe('d')).toMatchObject({ status: 'completed', value: 'late' });
      expect(await deadlinesIn(again)).toMatchObject([{ outcome: 'applied', dueAtMs: atMs }]);
    },
  );

  everywhere('A transition for any event at all is no answer to a deadline.', async (host) => {
    const { machines, runtime } = await begun(host);
    const atMs = host.clock.now() + hourMs;
    await runtime.signalWithStart(machines[0], { id: 'd', deadline: '1h', event: { type: 'HEAR' } });
    await passed(host, hourMs);
    expect(await runtime.describe('d')).toMatchObject({ ...exceeded(atMs), value: 'hearing' });
  });

  everywhere('A deadline that passes while nothing runs is heard of when it does.', async (host) => {
    const { machines, runtime, open } = await begun(host);
    const atMs = host.clock.now() + hourMs;
    await runtime.start(machines[0], { id: 'd', deadline: '1h' });
    await host.crash();
    host.clock.advance(hourMs - 1);
    const again = await open();
    await host.settled();
    expect(await again.describe('d')).toMatchObject({ status: 'running' });
    await host.crash();
    host.clock.advance(hourMs);
    const last = await open();
    await host.settled();
    expect(await last.describe('d')).toMatchObject({ ...exceeded(atMs), deadline: { atMs, passedAtMs: host.clock.now() } });
    expect(await deadlinesIn(last)).toMatchObject([{ dueAtMs: atMs, atMs: host.clock.now() }]);
    expect(runtime).not.toBe(last);
  });

  everywhere('A deadline that passes while the workflow is paused is heard of when it goes on, after what it was sent.', async (host) => {
    const { machines, runtime } = await begun(host);
    const atMs = host.clock.now() + hourMs;
    await runtime.start(machines[1], { id: 'd', deadline: '1h' });
    await runtime.start(machines[1], { id: 'other', deadline: '1h' });
    for (const id of ['d', 'other']) await runtime.pause(id);
    await passed(host, 2 * hourMs);
    expect(await runtime.describe('d')).toMatchObject({ status: 'paused', deadline: { atMs } });
    await runtime.send('other', { type: 'DONE' });
    for (const id of ['d', 'other']) await runtime.resume(id);
    await host.settled();
    expect(await runtime.describe('d')).toMatchObject({ value: 'tidying', deadline: { passedAtMs: host.clock.now() } });
    expect(await runtime.describe('other')).toMatchObject({ status: 'completed', value: 'done' });
  });

  everywhere('Of a deadline and an end that come at once one decides, whichever is first.', async (host) => {
    const { machines, runtime } = await begun(host);
    for (const id of ['d', 'early']) await runtime.start(machines[1], { id, deadline: '1h' });
    await host.settled();
    const sent = runtime.send('early', { type: 'DONE' });
    host.clock.advance(hourMs);
    await sent;
    await host.settled();
    expect(await runtime.describe('early')).toMatchObject({ status: 'completed' });
    expect((await runtime.history('early')).map(({ kind }) => kind)).toEqual(['start', 'signal']);
    expect(await runtime.send('d', { type: 'DONE' })).toMatchObject({ outcome: 'unhandled' });
    expect(await runtime.describe('d')).toMatchObject({ value: 'tidying' });
  });

  everywhere('Who was asked to cancel can miss its deadline, and who missed it can be cancelled.', async (host) => {
    const { world, machines, runtime } = await begun(host);
    for (const id of ['first', 'then']) await runtime.start(machines[1], { id, deadline: '1h' });
    await runtime.cancel('first');
    await passed(host, hourMs);
    expect(await runtime.describe('first')).toMatchObject({ status: 'failed', value: 'twice', cancelRequested: {}, deadline: {} });
    expect(await runtime.describe('then')).toMatchObject({ status: 'running', value: 'tidying' });
    await runtime.cancel('then', { reason: 'enough' });
    await host.settled();
    expect(await runtime.describe('then')).toMatchObject({ status: 'cancelled', failure: { class: 'Cancelled', message: 'enough' } });
    expect(world.callsOf('tidy').map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });

  everywhere(
    'A retry that would begin at the deadline or later fails at once with its last error; one before it is made.',
    async (host) => {
      const { world, machines, runtime } = await begun(host);
      await runtime.signalWithStart(machines[0], { id: 'd', deadline: '40m', event: { type: 'FETCH' } });
      await host.settled();
      world.last('fetch').fail(errorOf('Busy', 'try later'));
      await host.settled();
      await passed(host, hourMs / 3);
      expect(world.calls).toHaveLength(2);
      world.last('fetch').fail(errorOf('Closed', 'come tomorrow'));
      await host.settled();
      expect(await runtime.describe('d')).toMatchObject({ status: 'running', value: 'idle', context: { why: 'Closed' }, activities: [] });
      await passed(host, hourMs);
      expect(world.calls).toHaveLength(2);
      expect(await runtime.describe('d')).toMatchObject({ status: 'failed', failure: { class: 'DeadlineExceeded' } });
    },
  );

  everywhere('What runs when the deadline passes is aborted, and nothing begins any more, with children neither.', async (host) => {
    const { world, machines, runtime } = await begun(host);
    const atMs = host.clock.now() + hourMs;
    await runtime.start(machines[2], { id: 'd', deadline: '1h' });
    await runtime.signalWithStart(machines[0], { id: 'other', deadline: '1h', event: { type: 'FETCH' } });
    await host.settled();
    await passed(host, hourMs);
    expect(world.callsOf('fetch').map(({ signal }) => String(signal.reason))).toEqual(['closed']);
    expect(await runtime.describe('d')).toMatchObject({ ...exceeded(atMs), children: [{ status: 'cancelled' }] });
    expect(await runtime.describe('other')).toMatchObject(exceeded(atMs));
    await passed(host, 24 * hourMs);
    expect(world.calls).toHaveLength(1);
  });

  everywhere('An attempt that was lost with its process is not followed by one after the deadline.', async (host) => {
    const { world, machines, runtime, open } = await begun(host);
    await runtime.signalWithStart(machines[0], { id: 'd', deadline: '1h', event: { type: 'FETCH' } });
    await host.settled();
    await host.crash();
    host.clock.advance(hourMs);
    const again = await open();
    await host.settled();
    expect(world.calls).toHaveLength(1);
    expect(await again.describe('d')).toMatchObject({ status: 'failed', failure: { class: 'DeadlineExceeded' }, activities: [] });
  });

  everywhere('An activity that would begin after the deadline of a workflow that has not heard of it does not.', async (host) => {
    const { world, machines, runtime } = await begun(host);
    await runtime.start(machines[0], { id: 'd', deadline: '1h' });
    await runtime.pause('d');
    await runtime.send('d', { type: 'FETCH' });
    await passed(host, hourMs);
    await runtime.resume('d');
    await host.settled();
    expect(world.calls).toEqual([]);
    expect(await runtime.describe('d')).toMatchObject({ status: 'failed', failure: { class: 'DeadlineExceeded' }, activities: [] });
  });
});
