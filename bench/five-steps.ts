/** The job that everything is measured with: five sequential activities that return at once, 300 bytes of context, one small input. */
import { activity } from 'perdure';
import type { AnyStateMachine } from 'xstate';
import { assign, fromPromise, setup } from 'xstate';

const padding = 'x'.repeat(240);

interface JobContext {
  readonly merchant: string;
  readonly padding: string;
  readonly sum: number;
}

const work = ({ input }: { readonly input: { readonly n: number } }): Promise<number> => Promise.resolve(input.n + 1);

const steps = [1, 2, 3, 4, 5] as const;

function jobOf(id: string, step: unknown): AnyStateMachine {
  const machine = setup({
    types: { context: {} as JobContext, input: {} as { readonly merchant: string } },
    actors: { step: step as ReturnType<typeof fromPromise<number, { readonly n: number }>> },
  });
  const invoking = (n: number) => ({
    invoke: {
      src: 'step' as const,
      input: { n },
      onDone: {
        target: n === steps.length ? 'done' : `step${n + 1}`,
        actions: assign<JobContext, { readonly type: string; readonly output: number }, undefined, never, never>({
          sum: ({ context, event }) => context.sum + event.output,
        }),
      },
      onError: 'failed',
    },
  });
  return machine.createMachine({
    id,
    version: '1',
    context: ({ input }: { readonly input: { readonly merchant: string } }) => ({ merchant: input.merchant, padding, sum: 0 }),
    initial: 'step1',
    states: {
      ...Object.fromEntries(steps.map((n) => [`step${n}`, invoking(n)])),
      done: { type: 'final' },
      failed: { type: 'final', tags: ['failed'] },
    },
    output: ({ context }: { readonly context: JobContext }) => ({ sum: context.sum }),
  } as never) as unknown as AnyStateMachine;
}

/** As users of Perdure write it. */
export const durableJob = jobOf('job', activity<{ readonly n: number }, number>({ run: work }));

/** As users of XState alone write it. */
export const plainJob = jobOf('job', fromPromise<number, { readonly n: number }>(work));
