/** What the machines of simulations are put together from: their context, their signals, and the code they leave to the world outside. */
import { assign, cancel, enqueueActions, fromCallback, setup } from 'xstate';
import type { ActivityScope, UndoScope } from '../../src/authoring.ts';
import { activity } from '../../src/authoring.ts';

export interface SimulationInput {
  readonly variant: string;
  readonly delayMs: number;
}

export interface Context extends SimulationInput {
  readonly outcomes: readonly string[];
  readonly heard: readonly number[];
  readonly rounds: number;
  /** How often other actors of the workflow told it something. */
  readonly told: number;
  /** How many custom actions the chart asked for. */
  readonly marks: number;
  /** How many events it emitted. */
  readonly said: number;
}

/** What machines emit, each of an actor with another number, from 1. */
export interface Said {
  readonly type: 'SAID';
  readonly said: number;
}

export const signalTypes = ['GO', 'LEAVE', 'BACK', 'HOLD', 'POISON', 'END'] as const;

export interface SimulationSignal {
  readonly type: (typeof signalTypes)[number];
  /** Number of the client call that carries it. */
  readonly call: number;
}

/** What actors of one workflow tell each other, and themselves. */
const innerTypes = ['NUDGE', 'SECOND', 'ASK', 'ANSWER', 'QUERY', 'REPLY', 'REPORT', 'BREAK', 'PING', 'PONG', 'ADD', 'BEAT', 'HUM'] as const;

export type Events = SimulationSignal | { readonly type: (typeof innerTypes)[number] | 'workflow.cancel' | 'workflow.deadline' };

/** What the code of the machines does: set by whoever runs a simulation. */
export interface OutsideWorld {
  /** Whether charts emit something: only where somebody listens, for the sake of speed. */
  isHeard: boolean;
  run: (name: ActivityName, scope: ActivityScope<unknown>) => Promise<unknown>;
  undo: (name: ActivityName, scope: UndoScope<unknown, unknown>) => Promise<unknown>;
  /** A custom action of the actor with this session id. */
  act: (owner: string, tag: string) => Promise<void>;
  /** A callback began below the actor with this session id; answers what ends it. */
  listen: (owner: string, sendBack: (event: { readonly type: 'BEAT' }) => void) => () => void;
}

const nobody = (): never => {
  throw new Error('No simulation is running.');
};

export const outside: OutsideWorld = { isHeard: false, run: nobody, undo: nobody, act: nobody, listen: nobody };

type PlainName = 'steady' | 'once' | 'patient' | 'scarce' | 'later';
type UndoableName = 'book' | 'charge' | 'pledge';
export type ActivityName = PlainName | UndoableName | `${UndoableName}:undo`;
export const maximumAttempts: Readonly<Record<ActivityName, number>> = {
  ...{ steady: 3, once: 1, patient: 4, scarce: 3, later: 3 },
  ...{ book: 3, charge: 1, pledge: 2 },
  ...{ 'book:undo': 3, 'charge:undo': 2, 'pledge:undo': 1 },
};
export const undoableNames: readonly string[] = ['book', 'charge', 'pledge'] satisfies UndoableName[];
/** Those whose outcome may come from outside. */
export const laterNames: readonly ActivityName[] = ['later', 'pledge'];
/** Of activities that may not run as often at once as there are places. */
export const placesOf: Readonly<Partial<Record<ActivityName, number>>> = { scarce: 1 };
/** Attempts that the custom actions of one step have. */
export const actionAttemptsMax = 10;
export const finalErrorName = 'Fatal';

export const actors = {
  steady: activity<{ step: string }, { key: string }>({
    name: 'steady',
    run: (scope) => outside.run('steady', scope) as Promise<{ key: string }>,
    startToCloseTimeout: '2s',
    retry: { maximumAttempts: 3, initialInterval: '400ms', nonRetryableErrorTypes: [finalErrorName] },
  }),
  once: activity<{ step: string }, { key: string }>({
    name: 'once',
    run: (scope) => outside.run('once', scope) as Promise<{ key: string }>,
    startToCloseTimeout: '3s',
    retry: { maximumAttempts: 1 },
  }),
  patient: activity<{ step: string }, { key: string }>({
    name: 'patient',
    run: (scope) => outside.run('patient', scope) as Promise<{ key: string }>,
    startToCloseTimeout: '1s',
    retry: { maximumAttempts: 4, initialInterval: '1s', jitter: 'none', nonRetryableErrorTypes: [finalErrorName] },
  }),
  scarce: activity<{ step: string }, { key: string }>({
    name: 'scarce',
    run: (scope) => outside.run('scarce', scope) as Promise<{ key: string }>,
    startToCloseTimeout: '2s',
    maxConcurrentAttempts: 1,
    retry: { maximumAttempts: 3, initialInterval: '300ms', nonRetryableErrorTypes: [finalErrorName] },
  }),
  later: activity<{ step: string }, { key: string }>({
    name: 'later',
    run: (scope) => outside.run('later', scope) as Promise<{ key: string }>,
    startToCloseTimeout: '6s',
    retry: { maximumAttempts: 3, initialInterval: '500ms', nonRetryableErrorTypes: [finalErrorName] },
  }),
  ears: fromCallback<{ type: 'HUM' }, { owner: string }>(({ input, sendBack }) => outside.listen(input.owner, sendBack)),
};

type Tags = 'failed' | 'cancelled';

export const types = {
  context: {} as Context,
  events: {} as Events,
  input: {} as SimulationInput,
  tags: {} as Tags,
  emitted: {} as Said,
};

export const delays = { wait: ({ context }: { context: Context }): number => context.delayMs };

export const guards = {
  isFresh: ({ context }: { context: Context }): boolean => context.rounds < 3,
  isWorn: ({ context }: { context: Context }): boolean => context.rounds >= 2,
  isShort: ({ context }: { context: Context }): boolean => context.variant === 'short',
  refuses: (): never => {
    throw new Error('This guard never answers.');
  },
};

/** What machines without children are made of. */
export const base = setup({
  types,
  actors,
  actions: {
    hear: enqueueActions(({ enqueue }) => {
      enqueue.assign({ heard: ({ context, event }) => [...context.heard, (event as SimulationSignal).call] });
      for (let times = outside.isHeard ? 2 : 0; times > 0; times -= 1) {
        enqueue.assign({ said: ({ context }) => context.said + 1 });
        enqueue.emit(({ context }) => ({ type: 'SAID', said: context.said }));
      }
    }),
    keep: enqueueActions(({ enqueue }) => {
      enqueue.assign({ outcomes: ({ context, event }) => [...context.outcomes, keyOf(event)] });
      if (!outside.isHeard) return;
      enqueue.assign({ said: ({ context }) => context.said + 1 });
      enqueue.emit(({ context }) => ({ type: 'SAID', said: context.said }));
    }),
    count: assign({ rounds: ({ context }) => context.rounds + 1 }),
    tell: assign({ told: ({ context }) => context.told + 1 }),
    mark: assign({ marks: ({ context }) => context.marks + 1 }),
    // What it returns is awaited by a durable host.
    act: ({ self }, { tag }: { tag: string }): unknown => outside.act(self.sessionId, tag),
    withdraw: cancel('nudge'),
  },
  delays,
  guards,
});

function keyOf(event: unknown): string {
  return (event as { readonly output: { readonly key: string } }).output.key;
}

export const context = ({ input }: { input: SimulationInput }): Context => ({
  ...input,
  outcomes: [],
  heard: [],
  rounds: 0,
  told: 0,
  marks: 0,
  said: 0,
});
export const step = (name: string): { step: string } => ({ step: name });
export const ends = {
  done: { type: 'final' },
  failed: { type: 'final', tags: ['failed'] },
  left: { type: 'final', tags: ['cancelled'] },
} as const;
