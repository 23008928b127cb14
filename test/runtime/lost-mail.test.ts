import { expect, test } from 'vitest';
import { changedStore } from '../support/changed-store.ts';
import { counter } from '../support/machines.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

test('a mailbox that lost its rows parks its workflow instead of being read again and again', async () => {
  const machine = counter();
  let reads = 0;
  const { runtime } = await openTestRuntime({
    machines: [machine],
    onStore: (store) =>
      changedStore(store, {
        readMailbox: () => {
          reads += 1;
          return Promise.resolve([]);
        },
      }),
  });
  const handle = await runtime.start(machine, { id: 'w', input: { from: 0 } });
  await runtime.pause('w');
  await handle.send({ type: 'ADD', amount: 1 });
  await runtime.resume('w');
  await settle();
  expect(reads).toBe(1);
  await expect(handle.send({ type: 'ADD', amount: 1 })).rejects.toMatchObject({ code: 'WORKFLOW_PARKED' });
});
