/** A machine that emits what it is told, one event or two, and its client, which never has enough. */
import type { Runtime } from 'perdure';
import { assign, emit, setup } from 'xstate';
import type { OutsideLedger } from './outside-ledger.ts';

export const crierIds = ['c-1', 'c-2', 'c-3', 'c-4'] as const;

export const crier = setup({
  types: {
    context: {} as { readonly cried: number },
    events: {} as { readonly type: 'CRY'; readonly isTwice: boolean },
    emitted: {} as { readonly type: 'CRIED'; readonly number: number; readonly text: string },
  },
  actions: {
    count: assign({ cried: ({ context }) => context.cried + 1 }),
    cry: emit(({ context }) => ({ type: 'CRIED' as const, number: context.cried, text: 'hear ye '.repeat(context.cried % 40) })),
  },
  guards: { isTwice: ({ event }) => event.isTwice },
}).createMachine({
  id: 'crier',
  version: '1',
  context: { cried: 0 },
  on: { CRY: [{ guard: 'isTwice', actions: ['count', 'cry', 'count', 'cry'] }, { actions: ['count', 'cry'] }] },
});

/** Without end. */
export async function cryAll(runtime: Runtime, ledger: OutsideLedger): Promise<void> {
  await Promise.all(
    crierIds.map(async (id) => {
      const handle = await runtime.start(crier, { id });
      for (let nth = 1; ; nth += 1) {
        const { sequence, outcome } = await handle.send({ type: 'CRY', isTwice: nth % 3 === 0 });
        ledger.append({ kind: 'sent', id, messageId: '', sequence, outcome });
      }
    }),
  );
}
