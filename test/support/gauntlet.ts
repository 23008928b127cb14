/** Much of what a chart can do, in one machine, to be compared with a plain `createActor`. */
import { assign, cancel, enqueueActions, raise, setup } from 'xstate';

/** Parallel regions, deep and shallow history, `always`, raised and delayed events, cancelling, re-entering, tags, nested ends. */
export const gauntlet = setup({
  types: {
    input: {} as { readonly laps: number },
    context: {} as { readonly laps: number; readonly ran: number; readonly log: readonly string[] },
    events: {} as {
      readonly type: 'PAUSE' | 'RESUME' | 'RETURN' | 'AGAIN' | 'LAP' | 'HURRY' | 'CALM' | 'WARN' | 'HUSH' | 'QUIT' | 'bell' | 'echo';
    },
    tags: {} as 'live' | 'still' | 'cancelled',
    output: {} as { readonly ran: number; readonly log: readonly string[] },
  },
  guards: { hasRunAll: ({ context }) => context.ran >= context.laps },
  actions: {
    count: assign({ ran: ({ context }) => context.ran + 1 }),
    log: assign({ log: ({ context }, params: { readonly line: string }) => [...context.log, params.line] }),
  },
}).createMachine({
  id: 'gauntlet',
  version: '1',
  context: ({ input }) => ({ laps: input.laps, ran: 0, log: [] }),
  initial: 'show',
  states: {
    show: {
      type: 'parallel',
      on: { QUIT: { target: 'left', actions: { type: 'log', params: { line: 'quit' } } } },
      onDone: 'ended',
      states: {
        stage: {
          initial: 'playing',
          states: {
            playing: {
              initial: 'slow',
              tags: 'live',
              entry: { type: 'log', params: { line: 'play' } },
              exit: { type: 'log', params: { line: 'stop' } },
              on: { PAUSE: 'paused', AGAIN: { target: 'playing', reenter: true } },
              states: {
                slow: { on: { HURRY: 'fast' }, after: { 3000: 'fast' } },
                fast: {
                  initial: 'steady',
                  on: { CALM: 'slow' },
                  states: { steady: { after: { 2000: 'reckless' } }, reckless: { tags: 'still' } },
                },
                before: { type: 'history', history: 'deep' },
                lately: { type: 'history' },
              },
            },
            paused: { tags: 'still', on: { RESUME: 'playing.before', RETURN: 'playing.lately' } },
          },
        },
        track: {
          initial: 'running',
          states: {
            running: {
              always: { guard: 'hasRunAll', target: 'finished' },
              on: {
                LAP: {
                  actions: enqueueActions(({ context, enqueue, check }) => {
                    enqueue('count');
                    if (context.ran === 0) enqueue.raise({ type: 'echo' });
                    if (check('hasRunAll')) enqueue({ type: 'log', params: { line: 'enough' } });
                  }),
                },
                echo: { actions: { type: 'log', params: { line: 'echo' } } },
              },
            },
            finished: { type: 'final' },
          },
        },
        tower: {
          initial: 'quiet',
          states: {
            quiet: { on: { WARN: { target: 'warned', actions: raise({ type: 'bell' }, { id: 'bell', delay: 4000 }) } } },
            warned: {
              on: {
                HUSH: { target: 'quiet', actions: cancel('bell') },
                bell: { target: 'rung', actions: { type: 'log', params: { line: 'bell' } } },
              },
            },
            rung: { type: 'final' },
          },
        },
        lobby: { initial: 'open', states: { open: { always: { guard: 'hasRunAll', target: 'shut' } }, shut: { type: 'final' } } },
      },
    },
    left: { type: 'final', tags: 'cancelled' },
    ended: { type: 'final' },
  },
  output: ({ context }) => ({ ran: context.ran, log: context.log }),
});
