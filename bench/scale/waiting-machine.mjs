/** A workflow that waits for a signal, or for a day: plain JavaScript, as what reopens its store is. */
import { setup } from 'xstate';

export const waitingMachine = setup({
  delays: { aDay: 86_400_000 },
}).createMachine({
  id: 'waiting',
  version: '1',
  context: { padding: 'x'.repeat(270) },
  initial: 'waiting',
  states: { waiting: { on: { GO: 'done' }, after: { aDay: 'late' } }, late: {}, done: { type: 'final' } },
});
