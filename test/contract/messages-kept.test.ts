import { expect } from 'vitest';
import { setup } from 'xstate';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { counter, errand, sleeper } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const machine = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });

async function started(host: ContractHost): Promise<ContractRuntime> {
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'sum', input: { from: 0 } });
  return runtime;
}

contractGroup('messages-kept', ({ contractCase, everywhere }) => {
  contractCase(3, {
    '`send` says so, `update` stores nothing': async (host) => {
      const runtime = await started(host);
      expect(await runtime.send('sum', { type: 'OTHER' }, { messageId: 'a' })).toEqual({ sequence: 2, outcome: 'unhandled' });
      const refused = await refusalOf(runtime.update('sum', { type: 'OTHER' }, { messageId: 'b' }), 'EVENT_NOT_ACCEPTED');
      expect(refused.details).toEqual({ id: 'sum', type: 'OTHER', accepts: ['ADD', 'FINISH'] });
      expect(refused.message).toContain('"ADD", "FINISH"');
      expect((await runtime.history('sum')).map(({ outcome }) => outcome)).toEqual(['applied', 'unhandled']);
      await host.crash();
      expect((await (await host.open([machine])).describe('sum')).sequence).toBe(2);
    },

    'an update that is accepted is a message like any other': async (host) => {
      const runtime = await started(host);
      const first = await runtime.update('sum', add(5), { messageId: 'm' });
      expect(first).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await runtime.update('sum', add(5), { messageId: 'm' })).toEqual(first);
      expect(await runtime.send('sum', add(5), { messageId: 'm' })).toEqual(first);
      await refusalOf(runtime.update('sum', { type: 'xstate.stop' }), 'EVENT_TYPE_RESERVED');
      await runtime.send('sum', { type: 'FINISH' });
      await refusalOf(runtime.update('sum', add(5)), 'WORKFLOW_CLOSED');
    },

    'an update of a paused workflow is refused, since nobody knows what it will accept': async (host) => {
      const runtime = await started(host);
      await runtime.pause('sum');
      const refused = await refusalOf(runtime.update('sum', add(5)), 'EVENT_NOT_ACCEPTED');
      expect(refused.details.accepts).toEqual([]);
      expect(refused.message).toContain('while it is paused');
    },
  });

  contractCase(28, async (host) => {
    const world = new World();
    const whole = errand(world, 'errand', {});
    const without = setup({}).createMachine({ id: 'errand', version: '1', initial: 'fetching', states: { fetching: {} } });
    const before = await host.open([whole]);
    await before.start(whole, { id: 'e', input: { item: 'lamp' } });
    await host.settled();
    await host.crash();
    // A changed structure is refused at open where one is stored; this is the workflow's side of it.
    await host.harm('e', 'definition');
    const changed = await host.open([without]);
    await host.settled();
    expect(await changed.describe('e')).toMatchObject({ status: 'parked', parked: { reason: 'activity-missing' } });
    expect((await changed.describe('e')).parked?.message).toContain('no activity "fetch" any more');
    expect(await changed.send('e', { type: 'GIVE_UP' })).toEqual({ sequence: 2, outcome: 'queued' });
    await refusalOf(changed.unpark('e'), 'WORKFLOW_PARKED');
    await host.crash();
    await host.harm('e', 'definition');
    const runtime = await host.open([whole]);
    await host.settled();
    expect(await runtime.describe('e')).toMatchObject({ status: 'running', value: 'idle', queued: 0 });
    await runtime.send('e', { type: 'NUDGE' });
    await host.settled();
    expect(world.calls.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['e:1::1', 'e:1::2']);
  });

  everywhere('A paused workflow begins no attempt, fires no timer and stores what it is sent, until it is resumed.', async (host) => {
    const machines = [machine, sleeper];
    const runtime = await host.open(machines);
    await runtime.start(machine, { id: 'sum', input: { from: 0 } });
    await runtime.start(sleeper, { id: 'nap', input: { delayMs: 5_000 } });
    for (const id of ['sum', 'nap']) await runtime.pause(id, { by: 'eva', note: 'a look' });
    await runtime.pause('sum');
    expect(await runtime.describe('sum')).toMatchObject({ status: 'paused', paused: { by: 'eva', note: 'a look' }, sequence: 2 });
    expect((await runtime.describe('sum')).waitsFor).toEqual(['`resume`, since it is paused']);
    const result = watch((await runtime.get('sum')).result());
    expect(await runtime.send('sum', add(1))).toEqual({ sequence: 3, outcome: 'queued' });
    expect(await runtime.send('sum', add(10), { messageId: 'm' })).toEqual({ sequence: 4, outcome: 'queued' });
    expect(await runtime.send('sum', add(10), { messageId: 'm' })).toEqual({ sequence: 4, outcome: 'queued' });
    host.clock.advance(6_000);
    await host.settled();
    expect(await runtime.describe('nap')).toMatchObject({ status: 'paused', value: 'asleep', sequence: 2 });
    await host.crash();

    const next = await host.open(machines);
    await host.settled();
    expect(await next.describe('sum')).toMatchObject({ status: 'paused', context: { total: 0 }, queued: 2 });
    for (const id of ['sum', 'nap']) await next.resume(id);
    await next.resume('sum');
    expect(await next.send('sum', add(100))).toMatchObject({ outcome: 'applied' });
    await host.settled();
    const totals = (await next.history('sum')).flatMap(({ outcome, event }) => (outcome === 'applied' && event ? [event] : []));
    expect(totals).toEqual([add(1), add(10), add(100)]);
    expect(await next.send('sum', add(10), { messageId: 'm' })).toEqual({ sequence: 4, outcome: 'queued' });
    expect(await next.describe('sum')).toMatchObject({ status: 'running', context: { total: 111 }, queued: 0 });
    expect(await next.describe('nap')).toMatchObject({ value: 'ringing' });
    host.clock.advance(1_000);
    await host.settled();
    expect(await next.describe('nap')).toMatchObject({ status: 'completed' });
    expect((await next.history('nap')).filter(({ kind }) => kind === 'timer')).toHaveLength(2);
    expect(result.state).toBe('pending');
  });

  everywhere('What is stored is applied in its order, whatever moment a crash chooses, and before what comes later.', async (host) => {
    const runtime = await started(host);
    await runtime.pause('sum');
    const amounts = Array.from({ length: 100 }, (_item, index) => index + 1);
    for (const amount of amounts) await runtime.send('sum', add(amount));
    await runtime.resume('sum');
    for (const fate of ['lost', 'kept', 'lost'] as const) {
      host.holdWrites();
      await host.settled();
      await host.crash(fate);
      await host.open([machine]);
    }
    await host.settled();
    await host.crash();
    const next = await host.open([machine]);
    await next.send('sum', add(1_000));
    const heard = (await next.history('sum')).filter(({ kind, outcome }) => kind === 'signal' && outcome === 'applied');
    expect(heard.map(({ event }) => event)).toEqual([...amounts, 1_000].map(add));
    expect(await next.describe('sum')).toMatchObject({ queued: 0, context: { total: 6_050 } });
  });

  everywhere('Attempts that run when a workflow is paused go on; it hears of their outcome when it is resumed.', async (host) => {
    const world = new World();
    const machines = [errand(world, 'errand', { maximumAttempts: 2, initialInterval: '10s' })] as const;
    const runtime = await host.open(machines);
    for (const id of ['good', 'bad']) {
      await runtime.start(machines[0], { id, input: { item: id } });
      await host.settled();
      await runtime.pause(id);
      if (id === 'good') world.last('fetch').succeed('a lamp');
      else world.last('fetch').fail(new Error('sold out'));
      await host.settled();
      expect(await runtime.describe(id)).toMatchObject({ status: 'paused', queued: 1, activities: [{ state: 'settled', attempt: 1 }] });
    }
    await host.crash();
    const next = await host.open(machines);
    host.clock.advance(60_000);
    await host.settled();
    expect(world.calls).toHaveLength(2);
    for (const id of ['good', 'bad']) await next.resume(id);
    await host.settled();
    expect(await next.describe('good')).toMatchObject({ status: 'completed', output: { found: 'a lamp' } });
    expect(await next.describe('bad')).toMatchObject({ status: 'running', activities: [{ state: 'backoff' }] });
    host.clock.advance(10_000);
    await host.settled();
    expect(world.calls.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
  });

  everywhere('What is closed, parked or unknown is not paused; of what waits when a workflow ends, nothing is left.', async (host) => {
    const runtime = await started(host);
    await refusalOf(runtime.pause('nobody'), 'WORKFLOW_NOT_FOUND');
    await runtime.pause('sum');
    await runtime.send('sum', { type: 'FINISH' });
    await runtime.send('sum', add(7));
    await runtime.resume('sum');
    await host.settled();
    expect(await runtime.describe('sum')).toMatchObject({ status: 'completed', queued: 0, output: { total: 0 } });
    await refusalOf(runtime.pause('sum'), 'WORKFLOW_CLOSED');
    await refusalOf(runtime.resume('sum'), 'WORKFLOW_CLOSED');
    await host.crash();
    expect(await (await host.open([machine])).describe('sum')).toMatchObject({ status: 'completed', queued: 0 });
  });

  everywhere('A paused workflow can be terminated for another run.', async (host) => {
    const runtime = await started(host);
    await runtime.pause('sum');
    await runtime.send('sum', add(7));
    await runtime.start(machine, { id: 'sum', input: { from: 1 }, onExisting: 'terminate-existing' });
    await host.crash();
    expect(await (await host.open([machine])).describe('sum')).toMatchObject({
      run: 2,
      status: 'running',
      queued: 0,
      context: { total: 1 },
    });
  });
});
