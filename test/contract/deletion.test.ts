import { expect } from 'vitest';
import { limits } from '../../src/kernel/limits.ts';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { counter, errand } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const machine = counter();
const add = { type: 'ADD' as const, amount: 1 };
const finish = { type: 'FINISH' as const };

/** Two runs, with more rows than one batch takes away. */
async function closedTwice(host: ContractHost): Promise<ContractRuntime> {
  const runtime = await host.open([machine]);
  for (const onExisting of ['fail', 'allow'] as const) {
    await runtime.start(machine, { id: 'sum', input: { from: 0 }, onExisting });
    const messages = Array.from({ length: limits.erasedPerBatchMax / 4 }, (_item, index) => `${onExisting}-${index}`);
    await Promise.all(messages.map((messageId) => runtime.send('sum', add, { messageId })));
    await runtime.send('sum', finish);
  }
  return runtime;
}

async function expectGone(runtime: ContractRuntime): Promise<void> {
  await refusalOf(runtime.get('sum'), 'WORKFLOW_NOT_FOUND');
  await refusalOf(runtime.describe('sum'), 'WORKFLOW_NOT_FOUND');
  await refusalOf(runtime.history('sum'), 'WORKFLOW_NOT_FOUND');
  await refusalOf(runtime.send('sum', add), 'WORKFLOW_NOT_FOUND');
  await refusalOf(runtime.delete('sum'), 'WORKFLOW_NOT_FOUND');
}

contractGroup('deletion', ({ contractCase }) => {
  contractCase(52, {
    'an open one is refused, running, paused or parked': async (host) => {
      const runtime = await host.open([machine]);
      await refusalOf(runtime.delete('sum'), 'WORKFLOW_NOT_FOUND');
      await runtime.start(machine, { id: 'sum', input: { from: 0 } });
      expect((await refusalOf(runtime.delete('sum'), 'WORKFLOW_OPEN')).details).toEqual({ id: 'sum', status: 'running' });
      await runtime.pause('sum');
      expect((await refusalOf(runtime.delete('sum'), 'WORKFLOW_OPEN')).details).toEqual({ id: 'sum', status: 'paused' });
      await host.crash();
      await refusalOf((await host.open([counter('2')])).delete('sum'), 'WORKFLOW_OPEN');
    },

    'of a closed one, all of its runs, nothing is left but the number of the last run': async (host) => {
      const runtime = await closedTwice(host);
      await runtime.start(machine, { id: 'summit', input: { from: 7 } });
      await runtime.delete('sum');
      await expectGone(runtime);
      expect(await runtime.describe('summit')).toMatchObject({ context: { total: 7 }, sequence: 1 });
      await host.close();
      const left = await host.stored();
      for (const text of ['allow-', 'completed']) expect(left).not.toContain(text);
      await expectGone(await host.open([machine]));
    },

    'its id can be used again, with runs and keys that were never issued before': async (host) => {
      const world = new World();
      const machines = [errand(world, 'errand', {})] as const;
      const runtime = await host.open(machines);
      const keys: string[] = [];
      for (const life of [runtime, undefined]) {
        const current = life ?? (await host.open(machines));
        await current.start(machines[0], { id: 'e', input: { item: 'lamp' } });
        await host.settled();
        keys.push(world.last('fetch').idempotencyKey);
        world.last('fetch').succeed('it');
        await host.settled();
        await current.delete('e');
        await current.start(machines[0], { id: 'e', input: { item: 'chair' } });
        await host.settled();
        keys.push(world.last('fetch').idempotencyKey);
        world.last('fetch').succeed('it');
        await host.settled();
        await current.delete('e');
        await host.crash();
      }
      expect(keys).toEqual(['e:1::1', 'e:2::1', 'e:3::1', 'e:4::1']);
    },

    'a crash at any of its batches leaves it whole or gone, and the id usable': async (host) => {
      for (const kept of [0, 1, 2]) {
        const runtime = await closedTwice(host);
        host.holdWrites();
        watch(runtime.delete('sum'));
        await host.settled();
        for (let released = 0; released < kept; released += 1) {
          host.releaseWrites();
          host.holdWrites();
          await host.settled();
        }
        const isWhole = kept === 0;
        await host.crash('lost');
        const next = await host.open([machine]);
        if (isWhole) {
          expect((await next.history('sum')).length).toBe(limits.erasedPerBatchMax / 4 + 2);
          await next.delete('sum');
        }
        await expectGone(next);
        await next.start(machine, { id: 'sum', input: { from: 3 } });
        expect(await next.send('sum', add, { messageId: 'allow-0' })).toEqual({ sequence: 2, outcome: 'applied' });
        const { run, context, sequence } = await next.describe('sum');
        expect({ context, sequence }).toEqual({ context: { total: 4 }, sequence: 2 });
        expect(run).toBeGreaterThan(2);
        expect(await next.history('sum')).toHaveLength(2);
        await next.send('sum', finish);
        await next.delete('sum');
        await host.close();
      }
    },
  });
});
