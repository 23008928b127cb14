/** Workflows that are ended from outside. */
import { expect } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { ContractHost } from '../support/contract-host.ts';
import { counter, errand } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const machine = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });

/** Takes a request to cancel, and says when it is done with it. */
function careful(world: World) {
  const tidy = activity<undefined, string>({ name: 'tidy', run: (scope) => world.call('tidy', scope) });
  return setup({ types: { context: {} as { readonly why: string } }, actors: { tidy } }).createMachine({
    id: 'careful',
    version: '1',
    context: { why: '' },
    initial: 'working',
    states: {
      working: {
        on: {
          DONE: 'done',
          'workflow.cancel': {
            target: 'tidying',
            actions: assign({ why: ({ event }) => String((event as { readonly reason?: unknown }).reason) }),
          },
        },
      },
      tidying: { invoke: { src: 'tidy', onDone: 'cancelled' }, on: { 'workflow.cancel': 'twice' } },
      twice: { type: 'final', tags: 'failed' },
      cancelled: { type: 'final', tags: 'cancelled' },
      done: { type: 'final' },
    },
  });
}

/** Has a child that would say something to a request to cancel. */
function parent(world: World) {
  return setup({ actors: { careful: careful(world) } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'busy',
    states: { busy: { invoke: { src: 'careful', onDone: 'over' }, on: { LEAVE: 'over' } }, over: { type: 'final' } },
  });
}

async function begun(host: ContractHost) {
  const world = new World();
  const fetch = errand(world, 'errand', {});
  const machines = [machine, fetch, careful(world), parent(world)] as const;
  return { world, fetch, machines, runtime: await host.open([...machines]) };
}

contractGroup('endings', ({ contractCase, everywhere }) => {
  contractCase(16, {
    'who is completed first is completed': async (host) => {
      const { world, fetch, runtime } = await begun(host);
      const handle = await runtime.start(fetch, { id: 'e', input: { item: 'lamp' } });
      await host.settled();
      world.calls[0]?.succeed('found it');
      await host.settled();
      const result = watch(handle.result());
      const cancelled = await refusalOf(runtime.cancel('e'), 'WORKFLOW_CLOSED');
      expect(cancelled.details).toMatchObject({ status: 'completed' });
      await host.settled();
      expect(result).toMatchObject({ value: { found: 'found it' } });
    },

    'who is cancelled first is cancelled, and what was under way is aborted and comes too late': async (host) => {
      const { world, fetch, machines, runtime } = await begun(host);
      await runtime.start(fetch, { id: 'e', input: { item: 'lamp' } });
      await host.settled();
      await runtime.cancel('e', { reason: 'the customer left', by: 'eva' });
      await host.settled();
      world.calls[0]?.succeed('found it');
      await host.settled();
      expect(world.calls[0]?.signal.aborted).toBe(true);
      const failure = { class: 'Cancelled', message: 'the customer left' };
      expect(await runtime.describe('e')).toMatchObject({ status: 'cancelled', failure, activities: [], timers: [] });
      await runtime.cancel('e');
      const ends = (await runtime.history('e')).filter(({ outcome }) => outcome === 'cancelled');
      expect(ends).toMatchObject([{ kind: 'cancel', reason: 'the customer left', by: 'eva' }]);
      await host.crash();
      expect(await (await host.open([...machines])).describe('e')).toMatchObject({ status: 'cancelled', failure });
    },
  });

  everywhere('Of a request to cancel and an outcome that come at once, one decides, on disk as to everybody who asks.', async (host) => {
    const { world, fetch, machines, runtime } = await begun(host);
    const handle = await runtime.start(fetch, { id: 'e', input: { item: 'lamp' } });
    const result = watch(handle.result());
    await host.settled();
    world.calls[0]?.succeed('found it');
    const cancelled = watch(runtime.cancel('e'));
    await host.settled();
    const { status } = await runtime.describe('e');
    const isCancelled = cancelled.error === undefined;
    expect(status).toBe(isCancelled ? 'cancelled' : 'completed');
    expect(result.error === undefined).toBe(!isCancelled);
    await host.crash();
    expect((await (await host.open([...machines])).describe('e')).status).toBe(status);
  });

  everywhere('A chart that says something to `workflow.cancel` decides what comes of it, and is asked once.', async (host) => {
    const { world, machines, runtime } = await begun(host);
    await runtime.start(machines[2], { id: 'c' });
    await runtime.cancel('c', { reason: 'too late', by: 'eva' });
    await runtime.cancel('c', { reason: 'again' });
    const cancelRequested = { reason: 'too late', by: 'eva' };
    expect(await runtime.describe('c')).toMatchObject({
      status: 'running',
      value: 'tidying',
      context: { why: 'too late' },
      cancelRequested,
    });
    await host.crash();
    const next = await host.open([...machines]);
    await host.settled();
    await next.cancel('c');
    expect(await next.describe('c')).toMatchObject({ value: 'tidying', cancelRequested });
    world.calls.at(-1)?.succeed('tidy');
    await host.settled();
    expect(await next.describe('c')).toMatchObject({ status: 'cancelled', value: 'cancelled' });
    expect((await next.history('c')).filter(({ kind }) => kind === 'cancel')).toHaveLength(1);
  });

  everywhere('A paused workflow is asked to cancel when it goes on.', async (host) => {
    const { runtime } = await begun(host);
    await runtime.start(machine, { id: 'sum', input: { from: 0 } });
    await runtime.pause('sum');
    await runtime.cancel('sum');
    expect(await runtime.describe('sum')).toMatchObject({ status: 'paused', queued: 1 });
    await runtime.resume('sum');
    await host.settled();
    expect(await runtime.describe('sum')).toMatchObject({ status: 'cancelled', queued: 0 });
  });

  everywhere('A workflow whose machine is not there keeps the request until it is.', async (host) => {
    const { runtime } = await begun(host);
    await runtime.start(machine, { id: 'sum', input: { from: 0 } });
    await host.crash();
    const without = await host.open([]);
    await without.cancel('sum', { reason: 'gone' });
    await refusalOf(without.terminate('sum'), 'WORKFLOW_PARKED');
    await host.crash();
    const next = await host.open([machine]);
    await host.settled();
    expect(await next.describe('sum')).toMatchObject({ status: 'cancelled', failure: { message: 'gone' } });
  });

  everywhere('What is terminated ends at once with all below it, and no code of it runs any more.', async (host) => {
    const { world, machines, runtime } = await begun(host);
    await runtime.start(machines[3], { id: 'p' });
    await host.settled();
    const result = watch((await runtime.get('p')).result());
    await runtime.terminate('p', { reason: 'enough', by: 'eva' });
    await runtime.terminate('p');
    await host.settled();
    const failure = { class: 'Terminated', message: 'enough' };
    expect(await runtime.describe('p')).toMatchObject({ status: 'terminated', failure, children: [{ status: 'terminated' }] });
    expect(result).toMatchObject({ error: { failure } });
    expect(world.calls).toEqual([]);
    await refusalOf(runtime.cancel('p'), 'WORKFLOW_CLOSED');
    await host.crash();
    expect(await (await host.open([...machines])).describe('p')).toMatchObject({ status: 'terminated', failure });
  });

  everywhere('What is paused, or goes on after the end of its workflow, is terminated, too.', async (host) => {
    const { world, machines, runtime } = await begun(host);
    await runtime.start(machine, { id: 'sum', input: { from: 0 } });
    await runtime.pause('sum');
    await runtime.send('sum', add(1));
    await runtime.terminate('sum');
    expect(await runtime.describe('sum')).toMatchObject({ status: 'terminated', queued: 0 });
    await runtime.start(machines[3], { id: 'p' });
    await runtime.send('p', { type: 'LEAVE' });
    await host.settled();
    expect(await runtime.describe('p')).toMatchObject({ status: 'completed', children: [{ status: 'running', value: 'tidying' }] });
    await runtime.terminate('p');
    await host.settled();
    expect(await runtime.describe('p')).toMatchObject({ status: 'completed', children: [{ status: 'terminated' }] });
    expect(world.calls[0]?.signal.aborted).toBe(true);
    await refusalOf(runtime.terminate('p'), 'WORKFLOW_CLOSED');
  });

  everywhere('Who is not there is neither cancelled nor terminated.', async (host) => {
    const { runtime } = await begun(host);
    await refusalOf(runtime.cancel('nobody'), 'WORKFLOW_NOT_FOUND');
    await refusalOf(runtime.terminate('nobody'), 'WORKFLOW_NOT_FOUND');
  });
});
