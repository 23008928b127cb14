import { expect, onTestFinished } from 'vitest';
import { limits } from '../../src/kernel/limits.ts';
import type { ContractRuntime } from '../support/contract-host.ts';
import { counter, errand } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';
import { listingClaims } from './listing-claims.ts';

const machine = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });

contractGroup('reading', ({ contractCase }) => {
  contractCase(50, {
    ...listingClaims,

    'while a commit is on its way every reader sees the state before it, then the state after it': async (host) => {
      const runtime = await host.open([machine]);
      const handle = await runtime.start(machine, { id: 'sum', input: { from: 0 } });
      const seen: unknown[] = [];
      handle.subscribe(({ context }) => seen.push(context));
      const readers = {
        describe: async () => (await runtime.describe('sum')).context,
        history: async () => ({
          total: (await runtime.history('sum')).flatMap(({ event }) => amountIn(event)).reduce((sum, amount) => sum + amount, 0),
        }),
        snapshot: () => Promise.resolve(handle.getSnapshot().context),
      };
      const read = async (): Promise<unknown[]> => Promise.all(Object.values(readers).map((reader) => reader()));

      host.holdWrites();
      const sends = [5, 7].map((amount) => watch(handle.send(add(amount))));
      await host.settled();
      expect(host.heldWrites).toBe(1);
      expect(await read()).toEqual([{ total: 0 }, { total: 0 }, { total: 0 }]);
      expect(seen).toEqual([]);
      expect(sends.map(({ state }) => state)).toEqual(['pending', 'pending']);
      host.releaseWrites();
      await host.settled();
      expect(await read()).toEqual([{ total: 12 }, { total: 12 }, { total: 12 }]);
      expect(seen).toEqual([{ total: 5 }, { total: 12 }]);
    },

    'nothing that was shown is taken back by a crash': async (host) => {
      const runtime = await host.open([machine]);
      const handle = await runtime.start(machine, { id: 'sum', input: { from: 0 } });
      const shown: number[] = [0];
      handle.subscribe(({ context }) => shown.push(context.total));
      for (const amount of [1, 2, 3]) await handle.send(add(amount));
      host.holdWrites();
      watch(handle.send(add(100)));
      watch(handle.send({ type: 'FINISH' }));
      const result = watch(handle.result());
      await host.settled();
      shown.push(handle.getSnapshot().context.total);
      await host.crash('lost');
      const next = await host.open([machine]);
      const { context, status } = await next.describe('sum');
      expect({ context, status }).toEqual({ context: { total: Math.max(...shown) }, status: 'running' });
      expect(shown).toEqual([0, 1, 3, 6, 6]);
      expect(result.state).toBe('pending');
    },

    'a start that is not on disk is not there for anybody': async (host) => {
      const runtime = await host.open([machine]);
      host.holdWrites();
      watch(runtime.start(machine, { id: 'sum', input: { from: 0 } }));
      const got = watch(runtime.get('sum'));
      await host.settled();
      await refusalOf(runtime.describe('sum'), 'WORKFLOW_NOT_FOUND');
      await refusalOf(runtime.history('sum'), 'WORKFLOW_NOT_FOUND');
      expect(got.state).toBe('pending');
      host.releaseWrites();
      await host.settled();
      expect(got.state).toBe('fulfilled');
      expect(await runtime.describe('sum')).toMatchObject({ sequence: 1 });
    },

    'among many commits every description fits together': async (host) => {
      const world = new World();
      const fetch = errand(world, 'errand', {});
      const runtime = await host.open([machine, fetch]);
      await runtime.start(machine, { id: 'sum', input: { from: 0 } });
      const errandHandle = await runtime.start(fetch, { id: 'e', input: { item: 'lamp' } });
      const sends: Promise<unknown>[] = [];
      for (let index = 0; index < 100; index += 1) {
        sends.push(runtime.send('sum', add(1)).catch(String), errandHandle.send({ type: index % 2 === 0 ? 'GIVE_UP' : 'NUDGE' }));
        const [sum, description] = await Promise.all([runtime.describe('sum'), runtime.describe('e')]);
        expect(sum.context).toEqual({ total: sum.sequence - 1 });
        // An errand has its activity exactly while it is fetching.
        expect(description.activities).toHaveLength(description.value === 'fetching' ? 1 : 0);
        expect(description.value).toBe(description.sequence % 2 === 1 ? 'fetching' : 'idle');
      }
      await Promise.all(sends);
      expect((await runtime.describe('sum')).sequence).toBe(101);
    },

    'of a life of very many steps the history tells the first and the newest, also after a crash': async (host) => {
      const { journalSnapshotInterval, journalRecordsMax, journalForgottenMax } = limits;
      onTestFinished(() => void Object.assign(limits, { journalSnapshotInterval, journalRecordsMax, journalForgottenMax }));
      Object.assign(limits, { journalSnapshotInterval: 4, journalRecordsMax: 10, journalForgottenMax: 8 });
      const runtime = await host.open([machine]);
      await runtime.start(machine, { id: 'sum', input: { from: 0 } });
      for (let sent = 0; sent < 20; sent += 1) await runtime.send('sum', add(1));
      const told = async (from: ContractRuntime) => (await from.history('sum')).map(({ step, kind }) => [step, kind]);
      const kept = [[1, 'start'], ...[12, 13, 14, 15, 16, 17, 18, 19, 20, 21].map((step) => [step, 'signal'])];
      expect(await told(runtime)).toEqual(kept);
      await host.crash();
      const next = await host.open([machine]);
      expect(await told(next)).toEqual(kept);
      // What it was started with is known as ever.
      await next.start(machine, { id: 'sum', input: { from: 0 } });
      await refusalOf(next.start(machine, { id: 'sum', input: { from: 7 } }), 'WORKFLOW_EXISTS');
      expect(await next.send('sum', add(1))).toEqual({ sequence: 22, outcome: 'applied' });
      expect(await next.describe('sum')).toMatchObject({ context: { total: 21 } });
      await next.send('sum', { type: 'FINISH' });
      await next.delete('sum');
      await host.close();
      expect(await host.stored()).not.toContain('amount');
    },

    'the count of workflows without their machine agrees with their descriptions': async (host) => {
      const runtime = await host.open([machine]);
      const ids = Array.from({ length: 30 }, (_item, index) => `sum-${index}`);
      for (const [index, id] of ids.entries()) {
        const handle = await runtime.start(machine, { id, input: { from: 0 } });
        if (index % 3 === 0) await handle.send({ type: 'FINISH' });
      }
      await host.close();
      const other = await host.open([counter('2')]);
      const descriptions = await Promise.all(ids.map((id) => other.describe(id)));
      const waiting = descriptions.filter(({ parked, closedAtMs }) => parked?.reason === 'version-missing' && closedAtMs === undefined);
      expect(other.health().versionMissing).toBe(waiting.length);
      expect(waiting).toHaveLength(20);
    },
  });
});

function amountIn(event: unknown): number[] {
  const { amount } = Object(event) as { readonly amount?: number };
  return amount === undefined ? [] : [amount];
}
