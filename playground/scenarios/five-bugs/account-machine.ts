/** The same small onboarding as a statechart: an account is opened, and a while later a letter is written. */
import { activity } from 'perdure';
import type { ActivityScope } from 'perdure';
import { setup } from 'xstate';
import type { Bank } from '../hand-rolled/bank.ts';

export interface MerchantInput {
  readonly merchant: string;
}

/** @param afterOpening is called between the effect and its record */
export function accountMachine(bank: Bank, letterAfterMs: number, afterOpening: () => Promise<void> | void = () => undefined) {
  const open = activity<MerchantInput, void>({
    name: 'open',
    run: async ({ input, idempotencyKey, attempt }) => {
      bank.open(input.merchant, idempotencyKey, attempt);
      await afterOpening();
    },
  });
  const write = letter(bank);
  return setup({ types: typed, actors: { open, write }, delays: { letterAfterMs } }).createMachine({
    id: 'account',
    version: '1',
    context: ({ input }) => input,
    initial: 'opening',
    states: {
      opening: { invoke: { src: 'open', input: ({ context }) => context, onDone: 'waiting' } },
      waiting: { after: { letterAfterMs: 'writing' } },
      writing: { invoke: { src: 'write', input: ({ context }) => context, onDone: 'done' } },
      done: { type: 'final' },
    },
  });
}

/** The next version: whoever opens an account is screened before. */
export function screenedMachine(bank: Bank, letterAfterMs: number) {
  const screen = activity<MerchantInput, void>({ name: 'screen', run: ({ input, ...scope }) => ask(bank.screen, input, scope) });
  const open = activity<MerchantInput, void>({ name: 'open', run: ({ input, ...scope }) => ask(bank.open, input, scope) });
  return setup({ types: typed, actors: { screen, open, write: letter(bank) }, delays: { letterAfterMs } }).createMachine({
    id: 'account',
    version: '2',
    context: ({ input }) => input,
    initial: 'screening',
    states: {
      screening: { invoke: { src: 'screen', input: ({ context }) => context, onDone: 'opening' } },
      opening: { invoke: { src: 'open', input: ({ context }) => context, onDone: 'waiting' } },
      waiting: { after: { letterAfterMs: 'writing' } },
      writing: { invoke: { src: 'write', input: ({ context }) => context, onDone: 'done' } },
      done: { type: 'final' },
    },
  });
}

const typed = { context: {} as MerchantInput, input: {} as MerchantInput };

type Given = Pick<ActivityScope<MerchantInput>, 'idempotencyKey' | 'attempt'>;

function letter(bank: Bank) {
  return activity<MerchantInput, void>({ name: 'write', run: ({ input, ...scope }) => ask(bank.write, input, scope) });
}

function ask(act: Bank['open'], { merchant }: MerchantInput, { idempotencyKey, attempt }: Given): void {
  act(merchant, idempotencyKey, attempt);
}
