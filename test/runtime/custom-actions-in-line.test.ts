import { describe, expect, it } from 'vitest';
import { createMachine, setup } from 'xstate';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

describe('custom actions of one step after the other', () => {
  it('are all run where others wait for the same places', async () => {
    const done: string[] = [];
    const pending: (() => void)[] = [];
    const act = async (who: string): Promise<void> => {
      await new Promise<void>((resolve) => pending.push(resolve));
      done.push(who);
    };
    const machine = setup({
      types: { context: {} as { who: string }, input: {} as { who: string }, events: {} as { type: 'GO' } },
      actions: { act: ({ context }): unknown => act(context.who) },
    }).createMachine({ id: 'm', version: '1', context: ({ input }) => input, on: { GO: { actions: 'act' } } });
    const { runtime } = await openTestRuntime({ machines: [machine], maxConcurrentAttempts: 1 });
    for (const id of ['a', 'b']) await runtime.start(machine, { id, input: { who: id } });
    for (const id of ['a', 'a', 'b', 'a', 'b']) await runtime.send(id, { type: 'GO' });
    for (let count = 1; count <= 5; count += 1) {
      await settle();
      expect(pending).toHaveLength(1);
      pending.shift()?.();
    }
    await settle();
    expect([...done].sort()).toEqual(['a', 'a', 'a', 'b', 'b']);
  });
});

describe('an activity of a child that is gone', () => {
  it('is not found, though the workflow is there', async () => {
    const machine = createMachine({ id: 'm', version: '1' });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    await runtime.start(machine, { id: 'w' });
    const refused = await runtime.activities.runNow('w', [3, 1]).catch((error: unknown) => error);
    expect(hasErrorCode(refused, 'ACTIVITY_NOT_FOUND')).toBe(true);
  });
});
