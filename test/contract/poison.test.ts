import { expect } from 'vitest';
import { brittle, counter } from '../support/machines.ts';
import { refusalOf } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

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

          const refused = await refusalOf(runtime.send('glass', { type }, { messageId: 'm' }), 'WORKFLOW_PARKED');
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
          await refusalOf(runtime.send('glass', { type: 'TOUCH' }), 'WORKFLOW_PARKED');
          host.clock.advance(5_000);
          await host.settled();
          expect(await runtime.send('sum', { type: 'OTHER' })).toMatchObject({ sequence: 2 });

          await host.crash();
          const next = await host.open(machines);
          await host.settled();
          host.clock.advance(5_000);
          await host.settled();
          expect(await next.describe('glass')).toMatchObject({ ...left, ...parked, sequence: 3 });
          await refusalOf(next.send('glass', { type: 'TOUCH' }), 'WORKFLOW_PARKED');
          expect(world.count(place)).toBe(3);
        },
      ]),
    ),
  );

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
