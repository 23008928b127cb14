import { activity } from 'perdure/authoring';
import { expect } from 'vitest';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import { raise, sendParent, sendTo, setup } from 'xstate';
import { brittle, counter } from '../support/machines.ts';
import { refusalOf } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

/** An activity tried once, beside a guard that breaks. */
function fragileErrand(world: World) {
  return setup({
    actors: { fetch: activity<unknown, unknown>({ retry: { maximumAttempts: 1 }, run: (scope) => world.call('fetch', scope) }) },
    guards: {
      check: () => {
        if (world.isBroken) throw new RangeError('broke in the guard');
        return false;
      },
    },
  }).createMachine({
    id: 'fragile-errand',
    version: '1',
    initial: 'fetching',
    states: {
      fetching: { on: { PRESS: { guard: 'check', target: 'lost' } }, invoke: { src: 'fetch', onDone: 'found', onError: 'lost' } },
      found: { type: 'final' },
      lost: { type: 'final' },
    },
  });
}

const add = { type: 'ADD', amount: 1 };
const toItself = sendTo(({ self }: { self: AnyActorRef }) => self, { type: 'AGAIN' });
const returner = setup({}).createMachine({ id: 'returner', on: { AGAIN: { actions: sendParent({ type: 'AGAIN' }) } } });

/** Each comes back to where it was when it is told to GO, without end. */
const endless: Readonly<Record<string, object>> = {
  'an `always` that leads back to itself': {
    initial: 'rest',
    states: { rest: { on: { GO: 'a' } }, a: { always: 'b' }, b: { always: 'a' } },
  },
  'a `raise` that leads back to itself': {
    on: { GO: { actions: raise({ type: 'AGAIN' }) }, AGAIN: { actions: raise({ type: 'AGAIN' }) } },
  },
  'an actor that tells itself the same again': { on: { GO: { actions: toItself }, AGAIN: { actions: toItself } } },
  'a parent and a child that tell each other the same again': {
    invoke: { src: 'returner', id: 'returner' },
    on: { GO: { actions: sendTo('returner', { type: 'AGAIN' }) }, AGAIN: { actions: sendTo('returner', { type: 'AGAIN' }) } },
  },
};

contractGroup('poison', ({ contractCase, everywhere }) => {
  contractCase(
    32,
    Object.fromEntries(
      (
        [
          ['guard', 'PRESS'],
          ['assign', 'BEND'],
        ] as const
      ).map(([place, type]) => [
        `a ${place} that throws`,
        async (host) => {
          const world = new World();
          const [glass, sum] = [brittle(world), counter()];
          const machines = [glass, sum];
          const runtime = await host.open(machines);
          await runtime.start(glass, { id: 'glass', input: { isBroken: false } });
          await runtime.start(sum, { id: 'sum', input: { from: 0 } });
          await runtime.send('glass', { type: 'TOUCH' });
          const armed = (await runtime.describe('glass')).timers;

          const sent = await runtime.send('glass', { type }, { messageId: 'm' });
          expect(sent).toEqual({ sequence: 3, outcome: 'queued' });
          expect(await runtime.send('glass', { type }, { messageId: 'm' })).toEqual(sent);
          const refused = await refusalOf((await runtime.get('glass')).result(), 'WORKFLOW_PARKED');
          expect(refused.details).toEqual({ id: 'glass', reason: 'poison' });
          expect(refused.message).toContain(`broke in the ${place}`);
          expect(world.count(place)).toBe(3);

          const left = { status: 'parked', value: 'whole', context: { touches: 1 }, timers: armed };
          const parked = { parked: { reason: 'poison', message: expect.stringContaining(`broke in the ${place}`) } };
          expect(await runtime.describe('glass')).toMatchObject({ ...left, ...parked });
          expect((await runtime.history('glass')).at(-1)).toMatchObject({
            kind: 'signal',
            event: { type },
            outcome: 'parked',
            status: 'parked',
          });
          expect(await runtime.send('glass', { type: 'TOUCH' })).toEqual({ sequence: 4, outcome: 'queued' });
          host.clock.advance(5_000);
          await host.settled();
          expect(await runtime.send('sum', { type: 'OTHER' })).toMatchObject({ sequence: 2 });

          await host.crash();
          const next = await host.open(machines);
          await host.settled();
          host.clock.advance(5_000);
          await host.settled();
          expect(await next.describe('glass')).toMatchObject({ ...left, ...parked, sequence: 4, queued: 2 });
          expect(world.count(place)).toBe(3);

          await next.unpark('glass', { by: 'eva', note: 'have another look' });
          await host.settled();
          expect(world.count(place)).toBe(6);
          expect(await next.describe('glass')).toMatchObject({ ...left, ...parked, queued: 2 });

          world.mend();
          await next.unpark('glass');
          await host.settled();
          expect(await next.describe('glass')).toMatchObject({ status: 'running', value: 'old', queued: 0 });
          const heard = (await next.history('glass'))
            .slice(4)
            .map(({ kind, outcome, mail, by, event }) => ({ kind, outcome, mail, by, event }));
          expect(heard).toEqual([
            { kind: 'unpark', outcome: 'noted', mail: undefined, by: 'eva', event: undefined },
            { kind: 'signal', outcome: 'parked', mail: 1, by: undefined, event: { type } },
            { kind: 'unpark', outcome: 'noted', mail: undefined, by: undefined, event: undefined },
            { kind: 'signal', outcome: 'applied', mail: 1, by: undefined, event: { type } },
            { kind: 'signal', outcome: 'unhandled', mail: 2, by: undefined, event: { type: 'TOUCH' } },
          ]);
          expect(await next.send('glass', { type }, { messageId: 'm' })).toEqual(sent);
        },
      ]),
    ),
  );

  contractCase(
    33,
    Object.fromEntries(
      Object.entries(endless).map(([what, config]) => [
        what,
        async (host) => {
          const machine = setup({ actors: { returner } }).createMachine({
            id: 'endless',
            version: '1',
            ...config,
          } as never) as unknown as AnyStateMachine;
          const sum = counter();
          const runtime = await host.open([machine, sum]);
          await runtime.start(machine, { id: 'round' });
          await runtime.start(sum, { id: 'sum', input: { from: 0 } });
          const sending = runtime.send('round', { type: 'GO' });
          expect(await runtime.send('sum', add)).toMatchObject({ outcome: 'applied' });
          await sending;
          await host.settled();
          const message = expect.stringMatching(/stopped after \d+ (micro)?steps/);
          const parkedThere = { status: 'parked', parked: { reason: 'poison', message }, queued: 1 };
          expect(await runtime.describe('round')).toMatchObject(parkedThere);

          await host.crash();
          const next = await host.open([machine, sum]);
          await next.unpark('round');
          expect(await next.send('sum', add)).toMatchObject({ outcome: 'applied' });
          await host.settled();
          expect(await next.describe('round')).toMatchObject(parkedThere);
          expect(await next.describe('sum')).toMatchObject({ context: { total: 2 } });
        },
      ]),
    ),
  );

  everywhere('What is not parked is not unparked.', async (host) => {
    const sum = counter();
    const runtime = await host.open([sum]);
    await runtime.start(sum, { id: 'sum', input: { from: 0 } });
    expect((await refusalOf(runtime.unpark('sum'), 'WORKFLOW_NOT_PARKED')).details).toEqual({ id: 'sum', status: 'running' });
    await refusalOf(runtime.unpark('nobody'), 'WORKFLOW_NOT_FOUND');
    await runtime.send('sum', { type: 'FINISH' });
    await refusalOf(runtime.unpark('sum'), 'WORKFLOW_CLOSED');
  });

  everywhere('An outcome, a time-out and a crash that come while a workflow is parked are heard of when it is unparked.', async (host) => {
    const world = new World();
    const machine = fragileErrand(world);
    for (const way of ['succeeds', 'fails', 'takes too long', 'is lost'] as const) {
      const runtime = await host.open([machine]);
      await runtime.start(machine, { id: way, input: {} });
      await host.settled();
      await runtime.send(way, { type: 'PRESS' });
      if (way === 'succeeds') world.last('fetch').succeed('a lamp');
      if (way === 'fails') world.last('fetch').fail(new Error('sold out'));
      if (way === 'takes too long') host.clock.advance(60_000);
      await host.settled();
      await host.crash();
      world.mend();
      const next = await host.open([machine]);
      await host.settled();
      expect(await next.describe(way)).toMatchObject({ status: 'parked', queued: 2, activities: [{ state: 'settled', attempt: 1 }] });
      await next.unpark(way);
      await host.settled();
      expect(world.callsOf('fetch')).toHaveLength(1);
      const ends = { succeeds: 'found', fails: 'lost', 'takes too long': 'lost', 'is lost': 'lost' };
      expect(await next.describe(way)).toMatchObject({ status: 'completed', value: ends[way] });
      await host.close();
      world.breakAgain();
    }
  });

  everywhere('A start whose first step throws is refused with `STEP_FAILED`; nothing is stored.', async (host) => {
    const world = new World();
    const machine = brittle(world);
    await host.open([machine]);
    await host.close();
    const before = await host.stored();
    const runtime = await host.open([machine]);
    const refused = await refusalOf(runtime.start(machine, { id: 'glass', input: { isBroken: true } }), 'STEP_FAILED');
    expect(refused.details).toMatchObject({ id: 'glass', failure: { class: 'RangeError', message: 'broke in the context' } });
    await refusalOf(runtime.get('glass'), 'WORKFLOW_NOT_FOUND');
    await host.close();
    expect(await host.stored()).toBe(before);
    const next = await host.open([machine]);
    await next.start(machine, { id: 'glass', input: { isBroken: false } });
    expect(await next.describe('glass')).toMatchObject({ run: 1, sequence: 1, status: 'running' });
  });
});
