import { expect, it } from 'vitest';
import { activity } from 'perdure/authoring';
import { setup } from 'xstate';
import { openTestRuntime } from './local-runtime.ts';

it('a step that is left before its first attempt could begin is neither waited for nor undone', async () => {
  const calls: string[] = [];
  const step = activity({ run: () => void calls.push('run'), compensate: { run: () => void calls.push('undo') } });
  const machine = setup({ actors: { step } }).createMachine({
    id: 'left-at-once',
    version: '1',
    initial: 'waiting',
    states: {
      waiting: { on: { GO: 'doing' } },
      doing: { invoke: { src: 'step' }, on: { LEAVE: 'failed' } },
      failed: { type: 'final', tags: 'failed' },
    },
  });
  const { runtime } = await openTestRuntime({ machines: [machine] });
  const handle = await runtime.start(machine, { id: 'w' });
  // Decided before the first of them is on disk.
  const sent = [handle.send({ type: 'GO' }), handle.send({ type: 'LEAVE' })];
  await expect(handle.result()).rejects.toMatchObject({ code: 'WORKFLOW_FAILED' });
  await Promise.all(sent);
  expect(calls).toEqual([]);
  expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'none', ledger: [] });
});
