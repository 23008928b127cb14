import { expect } from 'vitest';
import { counter, errand, sleeper } from '../support/machines.ts';
import { refusalOf } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const [one, two] = [counter('1'), counter('2')];
const adding = (amount: number) => ({ type: 'ADD' as const, amount });
const add = adding(5);
const parked = { status: 'parked', parked: { reason: 'version-missing' } };

contractGroup('versions', ({ contractCase }) => {
  contractCase(29, {
    'they are parked and counted, those of other versions and machines run': async (host) => {
      const before = await host.open([one, sleeper]);
      for (const id of ['a', 'b', 'c']) await before.start(one, { id, input: { from: 1 } });
      await (await before.get<typeof one>('c')).send({ type: 'FINISH' });
      await before.start(sleeper, { id: 'nap', input: { delayMs: 60_000 } });
      expect(before.health().versionMissing).toBe(0);
      await host.crash();

      const runtime = await host.open([two, sleeper]);
      await host.settled();
      expect(runtime.health()).toMatchObject({ state: 'open', versionMissing: 2 });
      for (const id of ['a', 'b']) {
        expect(await runtime.describe(id)).toMatchObject({ ...parked, value: 'open', context: { total: 1 }, sequence: 1 });
        expect(await runtime.send(id, add, { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'queued' });
        expect(await runtime.send(id, add, { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'queued' });
        const { details, message } = await refusalOf(runtime.unpark(id), 'WORKFLOW_PARKED');
        expect(details).toEqual({ id, reason: 'version-missing' });
        expect(message).toContain('"counter" version "1"');
        expect(await runtime.describe(id)).toMatchObject({ ...parked, context: { total: 1 }, sequence: 2, queued: 1 });
      }
      await refusalOf(runtime.start(two, { id: 'a', input: { from: 1 }, onExisting: 'terminate-existing' }), 'WORKFLOW_PARKED');
      host.clock.advance(60_000);
      await host.settled();
      expect(await runtime.describe('nap')).toMatchObject({ value: 'ringing' });
      const handle = await runtime.start(two, { id: 'd', input: { from: 1 } });
      expect(await handle.send(add)).toEqual({ sequence: 2, outcome: 'applied' });
    },

    'a closed one needs no machine: it stays what it is and is answered from its record': async (host) => {
      const before = await host.open([one]);
      await before.start(one, { id: 'a', input: { from: 1 } });
      await before.send('a', { type: 'FINISH' }, { messageId: 'end' });
      await host.close();
      const runtime = await host.open([two]);
      await host.settled();
      expect(runtime.health()).toMatchObject({ versionMissing: 0 });
      expect(await runtime.describe('a')).toMatchObject({ status: 'completed', machine: { version: '1' } });
      expect(await runtime.send('a', { type: 'FINISH' }, { messageId: 'end' })).toEqual({ sequence: 2, outcome: 'applied' });
      await refusalOf(runtime.send('a', add), 'WORKFLOW_CLOSED');
      await refusalOf(runtime.start(two, { id: 'a', input: { from: 1 } }), 'WORKFLOW_EXISTS');
      const handle = await runtime.get<typeof one>('a');
      expect(await handle.result()).toEqual({ total: 1 });
    },

    'they go on when it is registered again, as if nothing had been': async (host) => {
      const before = await host.open([one, sleeper]);
      await before.start(one, { id: 'a', input: { from: 1 } });
      await before.start(sleeper, { id: 'nap', input: { delayMs: 60_000 } });
      await host.crash();
      const without = await host.open([two]);
      expect(without.health().versionMissing).toBe(2);
      host.clock.advance(120_000);
      await host.settled();
      expect(await without.describe('nap')).toMatchObject({ ...parked, value: 'asleep', sequence: 1 });
      expect(await without.send('a', add)).toEqual({ sequence: 2, outcome: 'queued' });
      await host.close();

      const runtime = await host.open([one, two, sleeper]);
      await host.settled();
      expect(runtime.health().versionMissing).toBe(0);
      expect(await runtime.describe('nap')).toMatchObject({ status: 'running', value: 'ringing', sequence: 2 });
      expect(await runtime.describe('a')).toMatchObject({ machine: { version: '1' }, context: { total: 6 }, queued: 0, sequence: 3 });
      expect(await runtime.send('a', add)).toEqual({ sequence: 4, outcome: 'applied' });
    },

    'what they are sent is heard in its order when it is registered again, also after a crash on the way': async (host) => {
      const before = await host.open([one]);
      await before.start(one, { id: 'a', input: { from: 0 } });
      await host.crash();
      const without = await host.open([two]);
      for (const amount of [1, 10, 100]) await without.send('a', adding(amount));
      await without.pause('a', { by: 'eva' });
      await without.send('a', adding(1_000));
      expect(await without.describe('a')).toMatchObject({ ...parked, queued: 4 });
      await host.crash();
      const again = await host.open([two]);
      await again.resume('a');
      await host.crash();
      const runtime = await host.open([one]);
      await host.settled();
      expect(await runtime.describe('a')).toMatchObject({ status: 'running', context: { total: 1_111 }, queued: 0 });
      const applied = (await runtime.history('a')).filter(({ kind, outcome }) => kind === 'signal' && outcome === 'applied');
      expect(applied.map(({ event, mail }) => [mail, event])).toEqual(
        [1, 10, 100, 1_000].map((amount, index) => [index + 1, { type: 'ADD', amount }]),
      );
    },

    'an activity that was running waits with them': async (host) => {
      const world = new World();
      const machine = errand(world, 'errand', { maximumAttempts: 2 });
      const before = await host.open([machine]);
      await before.start(machine, { id: 'e', input: { item: 'lamp' } });
      await host.settled();
      await host.crash();
      const without = await host.open([one]);
      await host.settled();
      expect(without.health().versionMissing).toBe(1);
      await host.crash();
      await host.open([one]);
      await host.settled();
      await host.crash();
      expect(world.calls).toHaveLength(1);
      const runtime = await host.open([machine]);
      await host.settled();
      expect(world.calls.map(({ attempt }) => attempt)).toEqual([1, 2]);
      world.last('fetch').succeed('found');
      await host.settled();
      expect(await runtime.describe('e')).toMatchObject({ status: 'completed' });
    },
  });
});
