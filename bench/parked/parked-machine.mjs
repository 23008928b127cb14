/** A workflow that waits for a day: plain JavaScript, as what reopens its store is. */
import { setup } from 'xstate';

export const parkedMachine = setup({
  delays: { aDay: 86_400_000 },
}).createMachine({
  id: 'parked',
  version: '1',
  context: { padding: 'x'.repeat(270) },
  initial: 'waiting',
  states: { waiting: { after: { aDay: 'done' } }, done: { type: 'final' } },
});
