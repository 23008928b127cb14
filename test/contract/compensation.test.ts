/** What was done is undone: in reverse order, each at least once, through crashes. */
import { expect } from 'vitest';
import type { Duration } from 'perdure';
import type { AnyStateMachine } from 'xstate';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { limits } from '../../src/kernel/limits.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { charted, delegated, pair, trip } from '../support/sagas.ts';
import { errorOf, World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const refused = errorOf('Refused', 'no');

/** Names of everything that was called so far. */
function called(world: World): string[] {
  return world.calls.map(({ name }) => name);
}

function undos(world: World): string[] {
  return called(world).filter((name) => name.startsWith('undo '));
}

/** Answers the latest call of each, one after the other. */
async function succeed(host: ContractHost, world: World, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    world.last(name).succeed(`${name} done`);
    await host.settled();
  }
}

async function fail(host: ContractHost, world: World, name: string): Promise<void> {
  world.last(name).fail(refused);
  await host.settled();
}

async function started(host: ContractHost, make: (world: World) => AnyStateMachine, deadline?: Duration) {
  const world = new World();
  const machine = make(world);
  const runtime = await host.open([machine]);
  const handle = await runtime.start(machine, { id: 'w', input: undefined, ...(deadline !== undefined && { deadline }) });
  await host.settled();
  return { world, machine, runtime, handle };
}

async function undoStates(runtime: ContractRuntime): Promise<Record<string, string>> {
  const { ledger } = await runtime.describe('w');
  return Object.fromEntries(ledger.map(({ name, undo }) => [name, undo]));
}

contractGroup('compensation', ({ contractCase, everywhere }) => {
  contractCase(15, async (host) => {
    const { world, runtime } = await started(host, trip);
    world.isStubborn = true;
    await succeed(host, world, 'hotel', 'flight');
    await runtime.send('w', { type: 'LEAVE' });
    await host.settled();
    expect(world.last('car').signal.aborted).toBe(true);
    expect(undos(world)).toEqual([]);
    host.clock.advance(limits.settleMs);
    await host.settled();
    expect(world.last('undo car').input).toMatchObject({ outcome: 'unknown', output: undefined });
    await succeed(host, world, 'undo car');
    await succeed(host, world, 'car', 'undo flight', 'undo hotel');
    const [item, ...others] = (await runtime.queue.list()).items;
    expect(others).toEqual([]);
    expect(item).toMatchObject({ kind: 'dead-letter', cause: 'orphan-effect', workflow: 'w', name: 'car' });
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'deferred' });
    expect(await runtime.queue.get(item!.id)).toMatchObject({
      input: 'a car',
      output: 'car done',
      outcome: 'completed',
      acts: ['retry', 'settle', 'writeOff'],
    });
    await runtime.queue.retry(item!.id, { by: 'ada' });
    await host.settled();
    expect(world.last('undo car').input).toMatchObject({ outcome: 'completed', output: 'car done' });
    await succeed(host, world, 'undo car');
    expect((await runtime.queue.list()).items).toEqual([]);
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  contractCase(44, {
    'a second cancel changes nothing while it is undone': async (host) => {
      const { world, runtime } = await started(host, trip);
      await succeed(host, world, 'hotel');
      await runtime.cancel('w', { reason: 'changed their mind' });
      await host.settled();
      const before = await runtime.describe('w');
      expect(before).toMatchObject({ status: 'compensating', compensation: 'running', failure: { class: 'Cancelled' } });
      await runtime.cancel('w', { reason: 'again' });
      expect((await runtime.describe('w')).sequence).toBe(before.sequence);
      await succeed(host, world, 'undo flight', 'undo hotel');
      expect(await runtime.describe('w')).toMatchObject({ status: 'cancelled', failure: { message: 'changed their mind' } });
    },
    '`terminate` ends it, and what was not undone is abandoned': async (host) => {
      const { world, runtime } = await started(host, trip);
      await succeed(host, world, 'hotel', 'flight');
      await fail(host, world, 'car');
      await succeed(host, world, 'undo car');
      await runtime.terminate('w', { reason: 'enough' });
      await host.settled();
      expect(world.last('undo flight').signal.aborted).toBe(true);
      expect(await runtime.describe('w')).toMatchObject({ status: 'terminated', compensation: 'done' });
      expect(await undoStates(runtime)).toEqual({ hotel: 'abandoned', flight: 'abandoned', car: 'undone' });
      expect(undos(world)).toEqual(['undo car', 'undo flight']);
    },
  });

  contractCase(45, async (host) => {
    const { world, runtime, handle } = await started(host, trip);
    const result = watch(handle.result());
    await succeed(host, world, 'hotel', 'flight');
    await fail(host, world, 'car');
    await succeed(host, world, 'undo car');
    await fail(host, world, 'undo flight');
    expect(result.state).toBe('pending');
    await succeed(host, world, 'undo hotel');
    expect(undos(world)).toEqual(['undo car', 'undo flight', 'undo hotel']);
    expect(await undoStates(runtime)).toEqual({ hotel: 'undone', flight: 'deferred', car: 'undone' });
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'deferred', failure: { class: 'Refused' } });
    expect(result).toMatchObject({ state: 'rejected', error: { failure: { class: 'Refused' } } });
  });

  contractCase(46, async (host) => {
    const { world, runtime } = await started(host, trip);
    await succeed(host, world, 'hotel');
    await fail(host, world, 'flight');
    expect(world.last('undo flight').input).toMatchObject({
      input: 'a seat',
      output: undefined,
      outcome: 'unknown',
      error: { name: 'Refused' },
    });
    await succeed(host, world, 'undo flight');
    expect(world.last('undo hotel')).toMatchObject({
      input: { input: 'a room', output: 'hotel done', outcome: 'completed', error: undefined },
      idempotencyKey: `${world.last('hotel').idempotencyKey}:undo`,
      attempt: 1,
    });
    await succeed(host, world, 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  contractCase(47, async (host) => {
    const { world, machine } = await started(host, (given) => trip(given, { maximumAttempts: 5, jitter: 'none' }));
    await succeed(host, world, 'hotel', 'flight');
    await fail(host, world, 'car');
    await succeed(host, world, 'undo car');
    await host.crash();
    const runtime = await host.open([machine]);
    await host.settled();
    expect(undos(world)).toEqual(['undo car', 'undo flight', 'undo flight']);
    expect(new Set(world.callsOf('undo flight').map((call) => call.idempotencyKey)).size).toBe(1);
    await succeed(host, world, 'undo flight', 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
    expect(undos(world)).toEqual(['undo car', 'undo flight', 'undo flight', 'undo hotel']);
  });

  contractCase(48, {
    'one that completes although it was aborted is undone first, with its output': async (host) => {
      const world = new World();
      const machine = pair(world);
      const runtime = await host.open([machine]);
      await runtime.start(machine, { id: 'w', input: undefined });
      await host.settled();
      await succeed(host, world, 'left');
      await runtime.send('w', { type: 'UNDO' });
      await host.settled();
      expect(world.last('right').signal.aborted).toBe(true);
      // The world's calls fail when they are aborted.
      expect(undos(world)).toEqual(['undo right']);
      expect(world.last('undo right').input).toMatchObject({ outcome: 'unknown' });
      await succeed(host, world, 'undo right', 'undo left');
      expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
    },
  });

  contractCase(49, {
    'of the engine: it has ended already': async (host) => {
      const { world, runtime } = await started(
        host,
        (given) => trip(given, { maximumAttempts: 3, initialInterval: 20_000, jitter: 'none' }),
        '10s',
      );
      await succeed(host, world, 'hotel');
      host.clock.advance(10_000);
      await host.settled();
      await fail(host, world, 'undo flight');
      host.clock.advance(20_000);
      await host.settled();
      await succeed(host, world, 'undo flight', 'undo hotel');
      expect(await runtime.describe('w')).toMatchObject({ status: 'failed', failure: { class: 'DeadlineExceeded' }, compensation: 'done' });
    },
    'of a chart: what it has not undone by then is undone before the workflow closes': async (host) => {
      const { world, runtime } = await started(host, charted, '10s');
      await succeed(host, world, 'hotel', 'flight');
      await runtime.send('w', { type: 'UNDO' });
      await host.settled();
      host.clock.advance(10_000);
      await host.settled();
      expect(world.last('undo flight').signal.aborted).toBe(false);
      expect(await runtime.describe('w')).toMatchObject({ status: 'compensating', failure: { class: 'DeadlineExceeded' } });
      await succeed(host, world, 'undo flight', 'undo hotel');
      expect(undos(world)).toEqual(['undo flight', 'undo hotel']);
      expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
    },
  });

  everywhere('a chart that invokes `compensation` hears what was undone and goes on', async (host) => {
    const { world, runtime, handle } = await started(host, charted);
    await succeed(host, world, 'hotel', 'flight');
    await runtime.send('w', { type: 'UNDO' });
    await host.settled();
    expect(await runtime.describe('w')).toMatchObject({ status: 'running', value: 'compensating', compensation: 'running' });
    await fail(host, world, 'undo flight');
    await succeed(host, world, 'undo hotel');
    expect(await handle.result()).toEqual({ undone: ['hotel'], deferred: ['flight'] });
    expect(await runtime.describe('w')).toMatchObject({ status: 'completed', compensation: 'deferred' });
  });

  everywhere('what a child of a child did is undone, though the one between did nothing', async (host) => {
    const { world, runtime } = await started(host, delegated);
    await succeed(host, world, 'hotel');
    await runtime.cancel('w');
    await host.settled();
    await succeed(host, world, 'undo hotel');
    expect(await runtime.describe('w')).toMatchObject({ status: 'cancelled', compensation: 'done' });
  });

  everywhere('nothing that a child did is undone any more after `terminate`, though the child had closed', async (host) => {
    const { world, runtime } = await started(host, delegated);
    await succeed(host, world, 'hotel');
    await runtime.cancel('w');
    await host.settled();
    await runtime.terminate('w');
    await host.settled();
    expect(world.last('undo hotel').signal.aborted).toBe(true);
    expect((await runtime.describe('w')).ledger.map(({ undo }) => undo)).toEqual(['abandoned', 'abandoned', 'abandoned']);
  });

  everywhere('what ended and is being undone takes no more events', async (host) => {
    const { world, runtime } = await started(host, trip);
    await succeed(host, world, 'hotel');
    await runtime.cancel('w');
    await refusalOf(runtime.send('w', { type: 'LEAVE' }), 'WORKFLOW_CLOSED');
  });

  everywhere(
    'a deferred undo waits in the queue; retried, also with another input, it is done, and the workflow owes nothing',
    async (host) => {
      const { world, runtime, machine } = await started(host, trip);
      await succeed(host, world, 'hotel');
      await fail(host, world, 'flight');
      await fail(host, world, 'undo flight');
      await fail(host, world, 'undo hotel');
      await host.crash();
      const next = await host.open([machine]);
      const { items } = await next.queue.list({ kind: 'deferred' });
      expect(new Set(items.map(({ name }) => name))).toEqual(new Set(['flight', 'hotel']));
      const [flight, hotel] = items.toSorted((a, b) => a.name!.localeCompare(b.name!));
      expect(await next.queue.get(flight!.id)).toMatchObject({
        failure: { class: 'Refused' },
        attempts: 1,
        outcome: 'unknown',
        idempotencyKey: world.last('undo flight').idempotencyKey,
        status: 'failed',
      });
      await next.queue.retry(flight!.id, { input: 'another seat', by: 'ada', note: 'the airline mended it' });
      await host.settled();
      expect(world.last('undo flight')).toMatchObject({ input: { input: 'another seat' }, attempt: 1 });
      expect(await next.describe('w')).toMatchObject({ status: 'failed', compensation: 'running' });
      await fail(host, world, 'undo flight');
      expect((await next.queue.list({ kind: 'deferred' })).items).toHaveLength(2);
      await next.queue.retry(flight!.id);
      await host.settled();
      expect(world.last('undo flight')).toMatchObject({ input: { input: 'another seat' } });
      await refusalOf(next.queue.settle(flight!.id, { note: 'by phone' }), 'QUEUE_ACT_NOT_ALLOWED');
      await succeed(host, world, 'undo flight');
      expect((await next.describe('w')).compensation).toBe('deferred');
      await next.queue.writeOff(hotel!.id, { by: 'ada', note: 'too little to care' });
      expect(await next.describe('w')).toMatchObject({ status: 'failed', compensation: 'done', queue: [] });
      expect(await undoStates(next)).toEqual({ hotel: 'written-off', flight: 'undone' });
      expect((await next.history('w')).at(-1)).toMatchObject({ kind: 'undo-settled', by: 'ada', note: 'too little to care' });
      await refusalOf(next.queue.retry(hotel!.id), 'QUEUE_ITEM_NOT_FOUND');
      expect(undos(world)).toEqual(['undo flight', 'undo hotel', 'undo flight', 'undo flight']);
      runtime satisfies ContractRuntime;
    },
  );
});
