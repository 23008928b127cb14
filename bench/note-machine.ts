/** A workflow that takes notes: what is measured with it is what an event costs. */
import { assign, setup } from 'xstate';

export interface NoteEvent {
  readonly type: 'NOTE';
  readonly text: string;
}

export const noteMachine = setup({
  types: { context: {} as { readonly notes: number; readonly padding: string }, events: {} as NoteEvent },
}).createMachine({
  id: 'notes',
  version: '1',
  context: { notes: 0, padding: 'x'.repeat(260) },
  initial: 'waiting',
  states: { waiting: { on: { NOTE: { actions: assign({ notes: ({ context }) => context.notes + 1 }) } } } },
});

export const note: NoteEvent = { type: 'NOTE', text: 'sixty bytes, as from a form that somebody has just sent off…' };
