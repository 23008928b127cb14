import { expect } from 'vitest';
import type { ContractHost } from '../support/contract-host.ts';
import { errand, relay, sleeper } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const fates = ['lost', 'kept'] as const;
const input = { item: 'lamp' };

async function opened(host: ContractHost) {
  const world = new World();
  const machines = { errand: errand(world, 'errand', { maximumAttempts: 1 }), relay: relay(world) };
  const runtime = await host.open([...Object.values(machines), sleeper]);
  return { world, machines, runtime };
}

/** Lets the time pass after which the store is opened again. */
async function recovered(host: ContractHost): Promise<void> {
  host.clock.advance(1_000);
  await host.settled();
}

contractGroup('store-failures', ({ contractCase }) => {
  contractCase(18, {
    'no effect whose intent is not on disk is started': async (host) => {
      for (const fate of fates) {
        const { world, machines, runtime } = await opened(host);
        host.refuseNextWrite(fate);
        await refusalOf(runtime.start(machines.errand, { id: fate, input }), 'STORE_UNAVAILABLE');
        await host.settled();
        expect(world.calls).toEqual([]);
        await host.close();
      }
    },

    'whoever writes is refused, at once while the store is not open again; the outcome is unknown, and repeating finds it': async (
      host,
    ) => {
      for (const fate of fates) {
        const { machines, runtime } = await opened(host);
        const handle = await runtime.start(machines.errand, { id: fate, input });
        host.refuseNextWrite(fate);
        await refusalOf(runtime.send(fate, { type: 'NOTHING' }, { messageId: 'm' }), 'STORE_UNAVAILABLE');
        await refusalOf(runtime.start(machines.errand, { id: 'other', input }), 'STORE_UNAVAILABLE');
        await refusalOf(handle.send({ type: 'NOTHING' } as never), 'STORE_UNAVAILABLE');
        expect(runtime.health().state).toBe('recovering');
        await recovered(host);
        expect(runtime.health().state).toBe('open');
        expect(await runtime.send(fate, { type: 'NOTHING' }, { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'unhandled' });
        expect(await runtime.history(fate)).toHaveLength(2);
        await host.close();
      }
    },

    'reads go on': async (host) => {
      const { machines, runtime } = await opened(host);
      const handle = await runtime.start(machines.errand, { id: 'e', input });
      host.refuseNextWrite('lost');
      await refusalOf(runtime.send('e', { type: 'NOTHING' }), 'STORE_UNAVAILABLE');
      expect(await runtime.describe('e')).toMatchObject({ status: 'running', sequence: 1 });
      expect(await runtime.history('e')).toHaveLength(1);
      expect(handle.getSnapshot()).toMatchObject({ value: 'fetching' });
    },

    'nothing acknowledged is lost, and an attempt that runs is neither repeated nor forgotten': async (host) => {
      for (const fate of fates) {
        const { world, machines, runtime } = await opened(host);
        const handle = await runtime.start(machines.relay, { id: fate, input: { baton: 'a' } });
        const result = watch(handle.result());
        await host.settled();
        // The outcome of the first step is in the batch that the disk refuses.
        host.refuseNextWrite(fate);
        world.last('relay.first').succeed('b');
        await host.settled();
        expect(world.callsOf('relay.second')).toEqual([]);
        await recovered(host);
        expect(world.callsOf('relay.first')).toHaveLength(1);
        expect(world.callsOf('relay.second')).toHaveLength(1);
        world.last('relay.second').succeed('c');
        await host.settled();
        expect(result).toEqual({ state: 'fulfilled', value: 'c' });
        await host.close();
      }
    },
  });
});
