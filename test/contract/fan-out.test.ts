/** Many items as one child. */
import { expect } from 'vitest';
import type { FanOutOptions, FanOutOutput } from 'perdure/authoring';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { callsIn, itemsOf, numbers, parentOf } from '../support/fan-outs.ts';
import { errorOf, World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

interface Scene {
  readonly world: World;
  readonly machine: ReturnType<typeof parentOf>;
  readonly runtime: ContractRuntime;
  /** Ends the latest call of each item, one after the other. */
  readonly succeed: (...items: readonly number[]) => Promise<void>;
  readonly fail: (...items: readonly number[]) => Promise<void>;
}

async function scene(host: ContractHost, options: FanOutOptions & { readonly maximumAttempts?: number }, count: number): Promise<Scene> {
  const world = new World();
  const machine = parentOf(itemsOf(world, options), numbers(count));
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'w', input: undefined });
  await host.settled();
  const end = async (items: readonly number[], how: (item: number) => void): Promise<void> => {
    for (const item of items) {
      how(item);
      await host.settled();
    }
  };
  return {
    world,
    machine,
    runtime,
    succeed: async (...items) => end(items, (item) => world.last(`item ${item}`).succeed(`output ${item}`)),
    fail: async (...items) => end(items, (item) => world.last(`item ${item}`).fail(errorOf('Refused', `item ${item}`))),
  };
}

async function heardBy(runtime: ContractRuntime): Promise<readonly unknown[]> {
  return ((await runtime.describe('w')).context as { readonly heard: readonly unknown[] }).heard;
}

contractGroup('fan-out', ({ contractCase, everywhere }) => {
  contractCase(40, {
    'It resumes at its cursor: no item is started again after its outcome was recorded, none is forgotten.': async (host) => {
      const { world, machine, runtime, succeed } = await scene(host, { concurrency: 2, maximumAttempts: 9 }, 6);
      await succeed(2, 1);
      expect(callsIn(world)).toEqual(['item 1', 'item 2', 'item 3', 'item 4']);
      await host.crash();
      const later = await host.open([machine]);
      await host.settled();
      expect(callsIn(world).slice(4).sort()).toEqual(['item 3', 'item 4']);
      await succeed(4);
      await host.crash();
      await host.open([machine]);
      await host.settled();
      await succeed(3, 5, 6);
      expect(new Set(callsIn(world).slice(6))).toEqual(new Set(['item 3', 'item 5', 'item 6']));
      expect([runtime, later]).toHaveLength(2);
    },
    'A crash between the last outcome and what the parent hears of it loses neither.': async (host) => {
      const { world, machine } = await scene(host, { concurrency: 3 }, 3);
      host.holdWrites();
      for (const item of [1, 2, 3]) world.last(`item ${item}`).succeed(`output ${item}`);
      await host.crash('kept');
      const runtime = await host.open([machine]);
      await host.settled();
      const { value } = await runtime.describe('w');
      // Written or not: it is over, or its items were lost and failed, since they may run once.
      expect(['done', 'failed']).toContain(value);
      expect(await heardBy(runtime)).toHaveLength(1);
      expect(world.calls).toHaveLength(3);
    },
  });

  contractCase(41, {
    'Failures within the tolerated count do not fail it.': async (host) => {
      const { runtime, succeed, fail } = await scene(host, { concurrency: 2, tolerate: { count: 2 } }, 4);
      await fail(1, 3);
      await succeed(2, 4);
      expect(await heardBy(runtime)).toMatchObject([{ total: 4, succeeded: 2, failed: 2, results: ['output 2', 'output 4'] }]);
    },
    'Failures within the tolerated share do not fail it.': async (host) => {
      const { runtime, succeed, fail } = await scene(host, { concurrency: 2, tolerate: { share: 0.5 } }, 4);
      await fail(1, 3);
      await succeed(2, 4);
      expect(await heardBy(runtime)).toMatchObject([{ total: 4, succeeded: 2, failed: 2 }]);
    },
    'Beyond it starting stops, the rest is cancelled, one summary event is delivered.': async (host) => {
      const { world, runtime, fail } = await scene(host, { concurrency: 3, tolerate: { count: 1 } }, 9);
      await fail(2, 4);
      expect(callsIn(world)).toEqual(['item 1', 'item 2', 'item 3', 'item 4']);
      expect(world.calls.map(({ signal }) => signal.aborted)).toEqual([true, false, true, false]);
      const { value, children } = await runtime.describe('w');
      expect(value).toBe('failed');
      expect(await heardBy(runtime)).toMatchObject([
        { name: 'FanOutFailed', total: 9, failed: 2, firstFailed: { item: 2, class: 'Refused' } },
      ]);
      expect(children).toMatchObject([{ status: 'failed', items: { waiting: 5, underWay: 0, cancelled: 2, failed: 2 } }]);
    },
    'Where that is wanted, what is under way is waited for.': async (host) => {
      const { world, runtime, succeed, fail } = await scene(host, { concurrency: 3, onBreach: 'wait' }, 9);
      await fail(2);
      expect((await runtime.describe('w')).value).toBe('busy');
      await succeed(1, 3);
      expect(callsIn(world)).toHaveLength(3);
      expect(await heardBy(runtime)).toMatchObject([{ name: 'FanOutFailed', failed: 1, succeeded: 2 }]);
    },
  });

  contractCase(42, async (host) => {
    const { world, runtime } = await scene(host, { concurrency: 4 }, 4);
    for (const item of [1, 2, 3, 4]) world.last(`item ${item}`).succeed(`output ${item}`);
    await host.settled();
    expect(await heardBy(runtime)).toMatchObject([{ succeeded: 4, results: ['output 1', 'output 2', 'output 3', 'output 4'] }]);
    expect((await runtime.history('w')).filter(({ kind }) => kind === 'child-done')).toHaveLength(1);
  });

  contractCase(43, async (host) => {
    const { runtime, succeed } = await scene(host, { concurrency: 2, results: 'paged' }, 5);
    const before = JSON.stringify(await runtime.describe('w')).length;
    await succeed(1, 2, 3, 4, 5);
    const [output] = (await heardBy(runtime)) as readonly FanOutOutput<string>[];
    expect(output).toMatchObject({ total: 5, succeeded: 5, results: [] });
    const first = await runtime.results(output!.address!, { limit: 3 });
    const rest = await runtime.results(output!.address!, { limit: 3, cursor: first.next! });
    expect([...first.items, ...rest.items]).toEqual(numbers(5).map((item) => ({ item, status: 'completed', output: `output ${item}` })));
    expect(rest).not.toHaveProperty('next');
    expect(JSON.stringify(await runtime.describe('w')).length - before).toBeLessThan(1_024);
  });

  everywhere('Leaving the state that invoked it aborts what is under way, and nothing of it begins any more.', async (host) => {
    const { world, runtime } = await scene(host, { concurrency: 2 }, 5);
    await runtime.send('w', { type: 'LEAVE' });
    await host.settled();
    expect(world.calls.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(await runtime.describe('w')).toMatchObject({
      value: 'left',
      children: [{ status: 'cancelled', items: { waiting: 3, cancelled: 2 } }],
    });
  });

  everywhere('What its items come to while the workflow is paused is kept, and it goes on with that.', async (host) => {
    const { world, runtime, succeed } = await scene(host, { concurrency: 2 }, 3);
    await runtime.pause('w');
    await succeed(1, 2);
    expect(world.calls).toHaveLength(2);
    await runtime.resume('w');
    await host.settled();
    await succeed(3);
    expect(await heardBy(runtime)).toMatchObject([{ succeeded: 3 }]);
  });

  everywhere('Deleting the workflow takes its items with it.', async (host) => {
    const { machine, runtime, succeed } = await scene(host, { concurrency: 2, results: 'paged' }, 3);
    await succeed(1, 2);
    expect((await runtime.results('w:1:1')).items).toHaveLength(2);
    await runtime.terminate('w');
    await runtime.delete('w');
    await host.close();
    expect(await host.stored()).not.toContain('output 1');
    await host.open([machine]);
  });
});
