import { expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { ManualClock, settle } from './manual-clock.ts';

const machine = setup({ types: { context: {} as { count: number }, events: {} as { type: 'ADD' } | { type: 'END' } } }).createMachine({
  id: 'count',
  version: '1',
  context: { count: 0 },
  initial: 'open',
  states: {
    open: { on: { ADD: { actions: assign({ count: ({ context }) => context.count + 1 }) }, END: 'over' } },
    over: { type: 'final' },
  },
});
const hourMs = 3_600_000;

test('of very many events at once those within the bound are applied, the others refused, and none is lost', async () => {
  const { runtime } = await openTestRuntime({ machines: [machine] });
  const handle = await runtime.start(machine, { id: 'c' });
  const other = await runtime.start(machine, { id: 'other' });
  const answers = Array.from({ length: limits.mailboxMax + 500 }, async () => handle.send({ type: 'ADD' }));
  const besides = other.send({ type: 'ADD' });
  const settled = await Promise.allSettled(answers);
  const refused = settled.filter((answer) => answer.status === 'rejected' && hasErrorCode(answer.reason, 'MAILBOX_FULL'));
  expect(await besides).toEqual({ sequence: 2, outcome: 'applied' });
  expect(refused).toHaveLength(500);
  expect(handle.getSnapshot().context).toEqual({ count: limits.mailboxMax });
  expect(await handle.send({ type: 'ADD' })).toMatchObject({ outcome: 'applied' });
});

test('a stored mailbox is bounded, survives a restart and is drained whole', async () => {
  const [database, clock] = [await createMemoryDatabase(), new ManualClock()];
  const first = await openTestRuntime({ machines: [machine], database, clock });
  const handle = await first.runtime.start(machine, { id: 'c' });
  await first.runtime.pause('c');
  await Promise.all(Array.from({ length: limits.mailboxMax }, async () => handle.send({ type: 'ADD' })));
  await expect(handle.send({ type: 'ADD' })).rejects.toMatchObject({ code: 'MAILBOX_FULL', details: { id: 'c', max: limits.mailboxMax } });
  await closeTestRuntime(first);

  const disk = database.reopen();
  const second = await openTestRuntime({ machines: [machine], database: disk, clock });
  expect(await second.runtime.describe('c')).toMatchObject({ status: 'paused', queued: limits.mailboxMax });
  await second.runtime.resume('c');
  const last = (await second.runtime.get<typeof machine>('c')).send({ type: 'ADD' });
  expect(await last).toMatchObject({ outcome: 'applied' });
  expect(await second.runtime.describe('c')).toMatchObject({ queued: 0, context: { count: limits.mailboxMax + 1 } });
});

test('a message id is known for as long as it is to be remembered, across restarts; then its row goes', async () => {
  const [database, clock] = [await createMemoryDatabase(), new ManualClock()];
  const first = await openTestRuntime({ machines: [machine], database, clock, messageIdRetentionMs: hourMs });
  const handle = await first.runtime.start(machine, { id: 'c' });
  await handle.send({ type: 'ADD' }, { messageId: 'm' });
  clock.advance(hourMs);
  await settle();
  expect(await handle.send({ type: 'ADD' }, { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'applied' });
  await closeTestRuntime(first);
  clock.stepWall(1);

  const second = await openTestRuntime({ machines: [machine], database: database.reopen(), clock, messageIdRetentionMs: hourMs });
  expect(await second.runtime.send('c', { type: 'ADD' }, { messageId: 'm' })).toEqual({ sequence: 3, outcome: 'applied' });
  await second.runtime.send('c', { type: 'ADD' }, { messageId: 'n' });
  const rows = async (): Promise<number> => {
    const space = { from: Buffer.from('m'), to: Buffer.from('n') };
    return (await second.database.keys(space)).length;
  };
  expect(await rows()).toBe(2);
  await clock.pass(2 * hourMs + limits.forgettingIntervalMs);
  for (let left = await rows(); left > 0; left = await rows()) await settle(1);
  expect(await second.runtime.send('c', { type: 'ADD' }, { messageId: 'n' })).toMatchObject({ outcome: 'applied' });
  expect(await rows()).toBe(1);
});

test('without a retention message ids are known as long as their workflow is there', async () => {
  const { runtime, clock } = await openTestRuntime({ machines: [machine] });
  const handle = await runtime.start(machine, { id: 'c' });
  const first = await handle.send({ type: 'ADD' }, { messageId: 'm' });
  await clock.pass(10 * hourMs);
  expect(await handle.send({ type: 'ADD' }, { messageId: 'm' })).toEqual(first);
  await handle.send({ type: 'END' });
  await runtime.delete('c');
  const again = await runtime.start(machine, { id: 'c' });
  expect(await again.send({ type: 'ADD' }, { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'applied' });
  expect(await runtime.describe('c')).toMatchObject({ run: 2 });
});
