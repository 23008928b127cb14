/** Very many items at once, each of which leaves a line in the ledger outside. */
import { activity, fanOut } from 'perdure';
import { assign, setup } from 'xstate';
import type { OutsideLedger } from './outside-ledger.ts';

export const manyId = 'many';
/** An item that fails for good, each time it is called. */
export const badItem = 777;

/** @param size how many items there are */
export function manyIn(ledger: Pick<OutsideLedger, 'append'>, size: number) {
  const item = activity<number, number>({
    name: 'item',
    run: ({ input, idempotencyKey, attempt }) => {
      ledger.append({ kind: 'called', id: manyId, step: String(input), key: idempotencyKey, attempt });
      if (input === badItem) throw new RangeError(`item ${input} cannot be done`);
      return 2 * input;
    },
    retry: { maximumAttempts: 50, nonRetryableErrorTypes: ['RangeError'] },
  });
  return setup({
    types: { context: {} as { heard: number; succeeded: number; failed: number } },
    actors: { items: fanOut(item, { concurrency: 64, tolerate: { count: 1 }, results: 'paged' }) },
  }).createMachine({
    id: 'many',
    version: '1',
    context: { heard: 0, succeeded: 0, failed: 0 },
    initial: 'doing',
    states: {
      doing: {
        invoke: {
          src: 'items',
          input: Array.from({ length: size }, (_, n) => n + 1),
          onDone: {
            target: 'done',
            actions: assign(({ context, event }) => ({
              heard: context.heard + 1,
              succeeded: event.output.succeeded,
              failed: event.output.failed,
            })),
          },
        },
      },
      done: { type: 'final' },
    },
    output: ({ context }) => context,
  });
}
