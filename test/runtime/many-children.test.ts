import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import { recordingLogger } from '../support/logged.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';

const part = setup({ types: { input: {} as number, context: {} as { n: number } } }).createMachine({
  id: 'part',
  version: '1',
  context: ({ input }) => ({ n: input }),
  initial: 'waiting',
  states: { waiting: { after: { 1_000: 'ended' } }, ended: { type: 'final' } },
  output: ({ context }) => context.n,
});

const parent = setup({
  types: { input: {} as number, context: {} as { count: number; sum: number; heard: number } },
  actors: { part },
}).createMachine({
  id: 'parent',
  version: '1',
  context: ({ input }) => ({ count: input, sum: 0, heard: 0 }),
  entry: assign(({ context, spawn }) => {
    for (let n = 1; n <= context.count; n += 1) spawn('part', { id: `part-${n}`, input: n });
    return {};
  }),
  on: {
    'xstate.done.actor.*': {
      actions: assign({
        heard: ({ context }) => context.heard + 1,
        sum: ({ context, event }) => context.sum + (event as unknown as { readonly output: number }).output,
      }),
    },
  },
  initial: 'adding',
  states: { adding: { always: { guard: ({ context }) => context.heard === context.count, target: 'ended' } }, ended: { type: 'final' } },
  output: ({ context }) => context.sum,
});

const warningsIn = ({ lines }: ReturnType<typeof recordingLogger>): readonly unknown[] =>
  lines.filter(({ message }) => message.includes('fanOut(child')).map(({ data }) => data);

describe('an actor with several hundred children', () => {
  test('hears of each of them once, also over the end of a process, and the logger of fanOut once', async () => {
    const count = limits.childrenWarned + 100;
    const logger = recordingLogger();
    const first = await openTestRuntime({ machines: [parent, part], logger });
    await first.runtime.start(parent, { id: 'w-1', input: count });
    expect(warningsIn(logger)).toEqual([{ id: 'w-1', run: 1, path: [], children: count }]);
    await closeTestRuntime(first);
    const { clock, database } = first;
    const second = await openTestRuntime({ machines: [parent, part], logger, clock, database: database.reopen() });
    await clock.pass(1_000);
    const handle = await second.runtime.get('w-1');
    expect(await handle.result()).toBe((count * (count + 1)) / 2);
    expect(warningsIn(logger)).toHaveLength(1);
  });

  test('is not told of below that', async () => {
    const logger = recordingLogger();
    const { runtime } = await openTestRuntime({ machines: [parent, part], logger });
    await runtime.start(parent, { id: 'w-1', input: limits.childrenWarned - 1 });
    expect(warningsIn(logger)).toEqual([]);
  });
});
