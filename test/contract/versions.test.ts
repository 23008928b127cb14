import type { RetryOptions } from 'perdure/authoring';
import { activity } from 'perdure/authoring';
import { expect } from 'vitest';
import { createMachine, setup } from 'xstate';
import { counter, errand, sleeper } from '../support/machines.ts';
import { refusalOf } from '../support/outcomes.ts';
import { World, errorOf } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const [one, two] = [counter('1'), counter('2')];
const adding = (amount: number) => ({ type: 'ADD' as const, amount });
const add = adding(5);
const parked = { status: 'parked', parked: { reason: 'version-missing' } };

/** Fetches what it is told to, in the words of this release. */
function release(world: World, name: string, retry: RetryOptions = {}) {
  const fetch = activity<{ readonly wanted: string }, string>({
    retry: { initialInterval: '10s', jitter: 'none', ...retry },
    run: (scope) => world.call(name, scope),
  });
  return setup({
    types: { input: {} as { readonly item: string }, context: {} as { readonly item: string } },
    actors: { fetch },
  }).createMachine({
    id: 'release',
    version: '1',
    context: ({ input }) => input,
    initial: 'fetching',
    states: {
      fetching: {
        invoke: { src: 'fetch', input: ({ context }) => ({ wanted: `${name} ${context.item}` }), onDone: 'found', onError: 'lost' },
      },
      found: { type: 'final' },
      lost: { type: 'final', tags: 'failed' },
    },
  });
}

/** The same version with another structure: one state more, and perhaps one less. */
function changedCounter(without?: 'open') {
  const states = { open: { on: { ADD: 'open', FINISH: 'closed', MORE: 'more' } }, more: {}, closed: { type: 'final' } } as const;
  const { open: _, ...rest } = states;
  return createMachine({
    id: 'counter',
    version: '1',
    context: { total: 0 },
    initial: without === undefined ? 'open' : 'more',
    states: without === undefined ? states : rest,
  });
}

contractGroup('versions', ({ contractCase }) => {
  contractCase(27, {
    'one that waits for its backoff': async (host) => {
      const world = new World();
      const [before, after] = [release(world, 'old'), release(world, 'new')];
      const runtime = await host.open([before]);
      await runtime.start(before, { id: 'r', input: { item: 'lamp' } });
      await host.settled();
      world.last('old').fail(errorOf('NotNow', 'closed'));
      await host.settled();
      await host.close();
      const next = await host.open([after]);
      host.clock.advance(10_000);
      await host.settled();
      expect(world.callsOf('old')).toHaveLength(1);
      expect(world.last('new')).toMatchObject({ attempt: 2, input: { wanted: 'old lamp' } });
      expect(world.last('new').idempotencyKey).toBe(world.last('old').idempotencyKey);
      world.last('new').succeed('found');
      await host.settled();
      expect(await next.describe('r')).toMatchObject({ status: 'completed', value: 'found' });
    },

    'one whose attempt ran when the process died': async (host) => {
      const world = new World();
      const [before, after] = [release(world, 'old'), release(world, 'new')];
      const runtime = await host.open([before]);
      await runtime.start(before, { id: 'r', input: { item: 'lamp' } });
      await host.settled();
      await host.crash();
      const next = await host.open([after]);
      await host.settled();
      expect(world.last('new')).toMatchObject({ attempt: 2, input: { wanted: 'old lamp' } });
      world.last('new').succeed('found');
      await host.settled();
      expect(await next.describe('r')).toMatchObject({ status: 'completed' });
    },

    'by the retry policy registered now': async (host) => {
      const world = new World();
      const [before, after] = [release(world, 'old', { maximumAttempts: 10 }), release(world, 'new', { maximumAttempts: 2 })];
      const runtime = await host.open([before]);
      await runtime.start(before, { id: 'r', input: { item: 'lamp' } });
      await host.settled();
      world.last('old').fail(errorOf('NotNow', 'closed'));
      await host.settled();
      await host.crash();
      const next = await host.open([after]);
      host.clock.advance(10_000);
      await host.settled();
      world.last('new').fail(errorOf('NotNow', 'still closed'));
      await host.settled();
      expect(await next.describe('r')).toMatchObject({ status: 'failed', failure: { class: 'NotNow', attempt: 2 } });
    },
  });

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

  contractCase(31, {
    'refused with what differs, and nothing is changed by that': async (host) => {
      const before = await host.open([one, sleeper]);
      await before.start(one, { id: 'a', input: { from: 1 } });
      await host.close();
      const stored = await host.stored();
      const { details, message } = await refusalOf(host.open([changedCounter(), sleeper]), 'DEFINITION_CHANGED');
      expect(details).toMatchObject({ machine: 'counter', version: '1', differences: expect.arrayContaining([expect.any(String)]) });
      expect(details.differences.join()).toContain('counter.more');
      expect(message).toContain('another version');
      expect(await host.stored()).toBe(stored);
      const runtime = await host.open([one, sleeper]);
      expect(await runtime.send('a', add)).toEqual({ sequence: 2, outcome: 'applied' });
    },

    'allowed with `warn`: it goes on, on the machine as it is now': async (host) => {
      const before = await host.open([one]);
      await before.start(one, { id: 'a', input: { from: 1 } });
      await host.crash();
      const changed = changedCounter();
      const runtime = await host.open([changed], 'warn');
      await host.settled();
      expect(await runtime.describe('a')).toMatchObject({ status: 'running', value: 'open', context: { total: 1 } });
      expect(await runtime.send('a', { type: 'MORE' })).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await runtime.describe('a')).toMatchObject({ value: 'more', context: { total: 1 } });
      await host.crash();
      const next = await host.open([changed], 'warn');
      expect(await next.describe('a')).toMatchObject({ status: 'running', value: 'more' });
    },

    'with `warn` one that rests in a state that is gone is parked; what it is sent waits for a machine it fits into': async (host) => {
      const before = await host.open([one]);
      await before.start(one, { id: 'a', input: { from: 1 } });
      await host.crash();
      const runtime = await host.open([changedCounter('open')], 'warn');
      await host.settled();
      expect(await runtime.describe('a')).toMatchObject({ ...parked, value: 'open', context: { total: 1 } });
      expect(await runtime.send('a', add)).toEqual({ sequence: 2, outcome: 'queued' });
      await host.crash();
      const again = await host.open([one], 'warn');
      await host.settled();
      expect(await again.describe('a')).toMatchObject({ status: 'running', context: { total: 6 }, queued: 0 });
    },

    'a child rests on the machine its parent has for it, not on one that is registered under the same name': async (host) => {
      const part = (states: object) => createMachine({ id: 'part', version: '1', initial: 'a', states: { a: {}, ...states } });
      const whole = setup({ actors: { part: part({}) } }).createMachine({ id: 'whole', version: '1', invoke: { src: 'part' } });
      const before = await host.open([whole, part({})]);
      await before.start(whole, { id: 'w' });
      await host.close();
      const changed = await host.open([whole, part({ b: {} })]);
      expect(await changed.describe('w')).toMatchObject({ status: 'running', children: [{ status: 'running', value: 'a' }] });
      await host.close();
      expect((await host.open([whole])).health()).toMatchObject({ versionMissing: 0 });
    },

    'allowed when no workflow is open on it, and it is the one that counts from then on': async (host) => {
      const before = await host.open([one]);
      await before.start(one, { id: 'a', input: { from: 1 } });
      await before.send('a', { type: 'FINISH' });
      await host.close();
      const changed = changedCounter();
      const runtime = await host.open([changed]);
      await runtime.start(changed, { id: 'b' });
      await host.close();
      await refusalOf(host.open([one]), 'DEFINITION_CHANGED');
      const next = await host.open([changed]);
      expect(await next.describe('a')).toMatchObject({ status: 'completed' });
      expect(await next.describe('b')).toMatchObject({ status: 'running' });
    },
  });
});
