/** Journeys that all fail at their last booking: what was booked is undone, by the engine or by the chart itself. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from 'perdure';
import { hasErrorCode, WorkflowFailedError } from 'perdure';
import { activity, compensation } from 'perdure/authoring';
import { setup } from 'xstate';
import type { OutsideLedger } from './outside-ledger.ts';

export interface JourneyWorld {
  readonly ledger: OutsideLedger;
  /** How long an undo takes. */
  readonly undoMs: number;
}

interface JourneyInput {
  readonly id: string;
  /** Whether the hotel takes nothing back. */
  readonly isStuck: boolean;
}

export type JourneyMachines = ReturnType<typeof journeysIn>;

/** What is to be undone of each journey, in order: the tour is a child, one entry where it completed. */
export const undosInOrder: readonly string[] = ['car', 'hotel', 'museum', 'ferry', 'flight'];

export function journeyInput(number: number): JourneyInput {
  return { id: `j-${number}`, isStuck: number % 3 === 0 };
}

export function journeysIn(world: JourneyWorld) {
  return { byEngine: journeyIn(world, 'engine'), byChart: journeyIn(world, 'chart') };
}

/** Every other one is undone by its chart. */
function machineOf({ byEngine, byChart }: JourneyMachines, number: number): JourneyMachines['byEngine'] {
  return number % 2 === 0 ? byEngine : byChart;
}

function bookingIn({ ledger, undoMs }: JourneyWorld): (step: string) => ReturnType<typeof activity<JourneyInput, string>> {
  // A process is killed many times in these tests: lost attempts must not use up the policy.
  const retry = { initialInterval: '2ms', maximumInterval: '10ms', maximumAttempts: 10_000 } as const;
  return (step) =>
    activity<JourneyInput, string>({
      name: step,
      retry: { ...retry, nonRetryableErrorTypes: ['SoldOut'] },
      run: ({ input: { id }, idempotencyKey: key, attempt }) => {
        ledger.append({ kind: 'called', id, step, key, attempt });
        if (step === 'car') throw Object.assign(new Error('there is none'), { name: 'SoldOut' });
        return key;
      },
      compensate: {
        retry: { ...retry, nonRetryableErrorTypes: ['Stuck'] },
        run: async ({ input: { id, isStuck }, idempotencyKey: key, attempt, outcome }) => {
          ledger.append({ kind: 'undoing', id, step, key, attempt, outcome });
          await delay(undoMs);
          if (isStuck && step === 'hotel') throw Object.assign(new Error('nothing is taken back'), { name: 'Stuck' });
        },
      },
    });
}

function journeyIn(world: JourneyWorld, unwoundBy: 'engine' | 'chart') {
  const booking = bookingIn(world);
  const types = { input: {} as JourneyInput, context: {} as JourneyInput };
  const tour = setup({ types, actors: { ferry: booking('ferry'), museum: booking('museum') } }).createMachine({
    id: 'tour',
    context: ({ input }) => input,
    initial: 'ferry',
    states: {
      ferry: { invoke: { src: 'ferry', input: ({ context }) => context, onDone: 'museum' } },
      museum: { invoke: { src: 'museum', input: ({ context }) => context, onDone: 'done' } },
      done: { type: 'final' },
    },
  });
  const actors = { flight: booking('flight'), hotel: booking('hotel'), car: booking('car'), tour, compensation };
  return setup({ types, actors }).createMachine({
    id: `journey-undone-by-${unwoundBy}`,
    version: '1',
    context: ({ input }) => input,
    initial: 'flying',
    states: {
      flying: { invoke: { src: 'flight', input: ({ context }) => context, onDone: 'touring' } },
      touring: { invoke: { src: 'tour', input: ({ context }) => context, onDone: 'staying' } },
      staying: { invoke: { src: 'hotel', input: ({ context }) => context, onDone: 'driving' } },
      driving: {
        invoke: { src: 'car', input: ({ context }) => context, onDone: 'done', onError: unwoundBy === 'chart' ? 'undoing' : 'failed' },
      },
      undoing: { invoke: { src: 'compensation', onDone: 'failed' } },
      done: { type: 'final' },
      failed: { type: 'final', tags: ['failed'] },
    },
  });
}

export interface JourneyRun {
  readonly runtime: Runtime;
  readonly machines: JourneyMachines;
  readonly ledger: OutsideLedger;
}

/** Starts journeys until there are no more numbers, so many at once, and waits for their ends. */
export async function travelAll(run: JourneyRun, numbers: Iterable<number>, atOnce: number): Promise<void> {
  const queue = numbers[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await travel(run, next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function travel({ runtime, machines, ledger }: JourneyRun, number: number): Promise<void> {
  const input = journeyInput(number);
  const { id } = input;
  const handle = await runtime.start(machineOf(machines, number), { id, input });
  ledger.append({ kind: 'started', id });
  const status = await handle.result().then(
    () => 'completed',
    async (error: unknown) => {
      if (error instanceof WorkflowFailedError) return 'failed';
      // Killed with it again and again, it was taken for what kills: a person knows better.
      if (!hasErrorCode(error, 'WORKFLOW_PARKED')) throw error;
      await runtime.unpark(id);
      return undefined;
    },
  );
  if (status === undefined) await travel({ runtime, machines, ledger }, number);
  else ledger.append({ kind: 'closed', id, status });
}
