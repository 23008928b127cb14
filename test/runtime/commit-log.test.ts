import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { logCommit } from '../../src/runtime/commit-log.ts';
import { recordingLogger } from '../support/logged.ts';
import { began, signal, took } from '../kernel/workflows.ts';
import type { Taken } from '../kernel/workflows.ts';

const keeper = setup({
  types: {
    context: {} as { kept: string; n: number },
    input: {} as string,
    events: {} as { type: 'KEEP'; value: string } | { type: 'COUNT' },
  },
  actors: { work: activity<string, string>({ name: 'work', run: ({ input }) => input }) },
}).createMachine({
  id: 'keeper',
  version: '1',
  context: ({ input }) => ({ kept: input, n: 0 }),
  on: {
    KEEP: { actions: assign({ kept: ({ event }) => event.value }) },
    COUNT: { actions: assign({ n: ({ context }) => context.n + 1 }) },
  },
});

const large = 'x'.repeat(limits.payloadBytesWarned);

function toldOf({ commit }: Taken): readonly unknown[] {
  const logger = recordingLogger();
  logCommit(logger, commit);
  return logger.lines.map(({ level, data }) => [level, (data as { payload?: string }).payload ?? data]);
}

describe('a payload of a quarter of a megabyte', () => {
  test('is told of by its place and size, never by what is in it', () => {
    const logger = recordingLogger();
    logCommit(logger, began(keeper, large).commit);
    expect(logger.lines).toMatchObject([
      { level: 'warn', data: { id: 'w-1', run: 1, path: [], payload: 'start', bytes: large.length + 2 } },
      { level: 'warn', data: { id: 'w-1', run: 1, path: [], payload: 'context' } },
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain('xxxx');
  });

  test('is told of when it comes, also in an event, and not again at each step it is kept', () => {
    const first = began(keeper, 'small');
    expect(toldOf(first)).toEqual([]);
    const second = took(first.actor, signal('KEEP', { value: large }));
    expect(toldOf(second)).toEqual([
      ['warn', 'signal'],
      ['warn', 'context'],
    ]);
    expect(toldOf(took(second.actor, signal('NOBODY')))).toEqual([]);
  });

  test('one byte less is not', () => {
    expect(toldOf(began(keeper, large.slice(3)))).toEqual([['warn', 'context']]);
  });
});

test('an actor of ten thousand steps is told of, and again after as many', () => {
  const { commit } = began(keeper, 'small');
  const at = (sequence: number): Taken['commit'] => ({ ...commit, record: { ...commit.record, sequence } });
  for (const [sequence, times] of [
    [limits.stepsWarned - 1, 0],
    [limits.stepsWarned, 1],
    [limits.stepsWarned + 1, 0],
    [2 * limits.stepsWarned, 1],
  ] as const) {
    const logger = recordingLogger();
    logCommit(logger, at(sequence));
    expect(logger.lines).toHaveLength(times);
    for (const { message } of logger.lines) expect(message).toContain('of its history the first and the newest stay');
  }
});

test('a logger that says nothing is not asked', () => {
  expect(() => logCommit(silentLogger, undefined as never)).not.toThrow();
});
