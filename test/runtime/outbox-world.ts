/** A machine that says what it is told to say, and consumers that hear it. */
import { emit, setup } from 'xstate';
import type { AnyEventObject } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import type { OutboxConsumer, OutboxMessage } from '../../src/kernel/outbox-consumer.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { openTestRuntime } from './local-runtime.ts';
import type { TestRuntime, TestRuntimeOptions } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

/** Says what it is told to say. */
export const teller = setup({
  types: {
    events: {} as { type: 'SAY'; word: string } | { type: 'SAY_TWO'; word: string } | { type: 'HUSH' } | { type: 'END' },
    emitted: {} as AnyEventObject,
  },
}).createMachine({
  id: 'teller',
  version: '1',
  initial: 'telling',
  states: {
    telling: {
      on: {
        SAY: { actions: emit(({ event }) => ({ type: 'SAID', word: event.word })) },
        SAY_TWO: {
          actions: [
            emit(({ event }) => ({ type: 'SAID', word: `${event.word}1` })),
            emit(({ event }) => ({ type: 'SAID', word: `${event.word}2` })),
          ],
        },
        HUSH: {},
        END: 'over',
      },
    },
    over: { type: 'final', entry: emit({ type: 'SAID', word: 'bye' }) },
  },
});

const machines = [teller];
export const retry = { initialInterval: '1s', maximumAttempts: 3, jitter: 'none' } as const;

/** Takes everything, but refuses what it is told to refuse. */
export function listener() {
  const taken: OutboxMessage[] = [];
  const tried: OutboxMessage[] = [];
  const refused = new Set<string>();
  const handle = (message: OutboxMessage): void => {
    tried.push(message);
    if (refused.has(wordOf(message))) throw new Error(`no ${wordOf(message)}`);
    taken.push(message);
  };
  return {
    taken,
    tried,
    refused,
    handle,
    consumer: { handle, retry },
    words: (id?: string) => taken.filter(({ workflowId }) => id === undefined || workflowId === id).map(wordOf),
  };
}

export function wordOf({ event }: OutboxMessage): string {
  return (event as unknown as { readonly word: string }).word;
}

export async function open(
  outbox: { readonly [name: string]: OutboxConsumer },
  options: Partial<TestRuntimeOptions> = {},
): Promise<TestRuntime> {
  return openTestRuntime({ machines, outbox, ...options });
}

export async function say(opened: TestRuntime, id: string, ...words: readonly string[]): Promise<void> {
  await opened.runtime.start(teller, { id });
  for (const word of words) await tell(opened, id, { type: 'SAY', word });
}

export async function tell({ runtime }: TestRuntime, id: string, event: AnyEventObject): Promise<void> {
  await runtime.send(id, event);
}

/** Until everything delivered is written down. */
export async function write({ clock }: TestRuntime): Promise<void> {
  await clock.pass(limits.outboxWriteDelayMs);
  await settle();
}

/** The outbox rows that are on disk. */
export async function keptIn(database: MemoryDatabase): Promise<number> {
  return (await database.keys({ from: Buffer.from('E'), to: Buffer.from('F') })).length;
}

/** As a process that dies: nothing that was not written is. */
export async function reopened(
  opened: TestRuntime,
  outbox: { readonly [name: string]: OutboxConsumer },
  options: Partial<TestRuntimeOptions> = {},
): Promise<TestRuntime> {
  return open(outbox, { database: opened.database.reopen(), clock: opened.clock, ...options });
}
