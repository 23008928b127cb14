/** One workflow that kills its process, in an activity, in a step or in a callback, and others beside it that harm nobody. */
import { activity } from 'perdure/authoring';
import { fromCallback, setup } from 'xstate';
import type { OutsideLedger } from './outside-ledger.ts';
import { killThisProcess } from './sync-points.ts';

/** How `deadly` kills the process. */
export type Deadliness = 'exit in the activity' | 'out of memory' | 'kill in a step' | 'exit in a callback';

export const deadlyId = 'deadly';

export function deadlyMachine(ledger: OutsideLedger, how: Deadliness) {
  const work = activity<{ readonly id: string }, string>({
    name: 'work',
    startToCloseTimeout: '1h',
    run: async ({ input: { id }, idempotencyKey: key, attempt }) => {
      ledger.append({ kind: 'called', id, step: 'work', key, attempt });
      if (id !== deadlyId) return 'done';
      if (how === 'exit in the activity') process.exit(3);
      const hoard: string[][] = [];
      for (;;) {
        hoard.push(Array.from({ length: 100_000 }, (_none, index) => `${index} ${hoard.length}`));
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  });
  return setup({
    types: { input: {} as { id: string }, context: {} as { id: string } },
    actors: {
      work,
      listen: fromCallback<{ type: 'HEARD' }, string>(({ input, sendBack }) => {
        if (input === deadlyId && how === 'exit in a callback') process.exit(3);
        sendBack({ type: 'HEARD' });
      }),
    },
    guards: {
      kills: ({ context }) => {
        if (context.id === deadlyId && how === 'kill in a step') killThisProcess();
        return false;
      },
    },
  }).createMachine({
    id: 'deadly',
    version: '1',
    context: ({ input }) => input,
    initial: 'waiting',
    states: {
      waiting: { after: { 500: [{ guard: 'kills', target: 'done' }, { target: 'listening' }] } },
      listening: { invoke: { src: 'listen', input: ({ context }) => context.id }, on: { HEARD: 'working' } },
      working: { invoke: { src: 'work', input: ({ context }) => ({ id: context.id }), onDone: 'done' } },
      done: { type: 'final' },
    },
  });
}
