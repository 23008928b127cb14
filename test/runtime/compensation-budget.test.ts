import { expect, test } from 'vitest';
import { trip } from '../support/sagas.ts';
import { errorOf, World } from '../support/world.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

test('what is not undone when the time for that is over waits for a person', async () => {
  const world = new World();
  const machine = trip(world);
  const { runtime, clock } = await openTestRuntime({ machines: [machine], compensationBudgetMs: 5_000 });
  await runtime.start(machine, { id: 'w', input: '' });
  await settle();
  world.last('hotel').succeed('a room');
  await settle();
  world.last('flight').fail(errorOf('Full', 'no seat'));
  await settle();
  await clock.pass(4_999);
  expect(await runtime.describe('w')).toMatchObject({ status: 'compensating' });
  await clock.pass(1);
  expect(world.last('undo flight').signal.aborted).toBe(true);
  expect(world.callsOf('undo hotel')).toEqual([]);
  const { ledger, ...rest } = await runtime.describe('w');
  expect(rest).toMatchObject({ status: 'failed', compensation: 'deferred', failure: { class: 'Full' } });
  expect(ledger).toMatchObject([
    { name: 'hotel', undo: 'deferred', failure: { class: 'CompensationBudgetOver' } },
    { name: 'flight', undo: 'deferred', failure: { class: 'CompensationBudgetOver' } },
  ]);
});
