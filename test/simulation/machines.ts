/**
 * The family of machines that simulations run. Each is finite: once signals stop and activities succeed it ends, or waits for
 * a signal. `outcomes` and `heard` note what the chart was told, so that being told twice shows.
 */
import type { AnyStateMachine } from 'xstate';
import { raise } from 'xstate';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import type { MachineRegistry } from '../../src/kernel/machine-registry.ts';
import { base, context, ends, step } from './machine-parts.ts';
import { machinesOfTrees } from './machines-of-trees.ts';
import { machinesWithUndos } from './machines-with-undos.ts';

const sequence = base.createMachine({
  id: 'sequence',
  version: '1',
  context,
  initial: 'first',
  on: { GO: { actions: 'hear' } },
  states: {
    first: { invoke: { src: 'steady', input: step('first'), onDone: { target: 'second', actions: 'keep' }, onError: 'failed' } },
    second: {
      invoke: { src: 'patient', input: step('second'), onDone: { target: 'third', actions: 'keep' }, onError: 'failed' },
      on: { LEAVE: { target: 'left', actions: 'hear' } },
    },
    third: { invoke: { src: 'steady', input: step('third'), onDone: { target: 'done', actions: 'keep' }, onError: 'failed' } },
    ...ends,
  },
});

const fragile = base.createMachine({
  id: 'fragile',
  version: '1',
  context,
  initial: 'risky',
  states: {
    risky: {
      invoke: { src: 'once', input: step('risky'), onDone: { target: 'resting', actions: 'keep' }, onError: 'repair' },
      on: { LEAVE: { target: 'left', actions: 'hear' }, GO: { actions: 'hear' } },
    },
    repair: { invoke: { src: 'steady', input: step('repair'), onDone: { target: 'done', actions: 'keep' }, onError: 'failed' } },
    resting: { on: { END: { target: 'done', actions: 'hear' }, BACK: { target: 'risky', guard: 'isFresh', actions: ['hear', 'count'] } } },
    ...ends,
  },
});

const pair = base.createMachine({
  id: 'pair',
  version: '1',
  context,
  initial: 'both',
  states: {
    both: {
      type: 'parallel',
      states: {
        left: {
          initial: 'busy',
          states: {
            busy: { invoke: { src: 'steady', input: step('left'), onDone: { target: 'rest', actions: 'keep' }, onError: 'rest' } },
            rest: { type: 'final' },
          },
        },
        right: {
          initial: 'busy',
          states: {
            busy: {
              invoke: { src: 'patient', input: step('right'), onDone: { target: 'rest', actions: 'keep' }, onError: 'rest' },
              after: { 2500: 'rest' },
            },
            rest: { type: 'final' },
          },
        },
        ear: {
          initial: 'open',
          states: {
            open: {
              on: { GO: { actions: 'hear' }, POISON: { target: 'shut', guard: 'refuses' }, END: { target: 'shut', actions: 'hear' } },
              after: { 9000: 'shut' },
            },
            shut: { type: 'final' },
          },
        },
      },
      onDone: 'done',
    },
    ...ends,
  },
});

const race = base.createMachine({
  id: 'race',
  version: '1',
  context,
  initial: 'racing',
  states: {
    racing: {
      invoke: { src: 'patient', input: step('racing'), onDone: { target: 'done', actions: 'keep' }, onError: 'failed' },
      after: { 1500: 'late' },
      on: {
        BACK: { target: 'racing', reenter: true, guard: 'isFresh', actions: ['hear', 'count'] },
        LEAVE: { target: 'left', actions: 'hear' },
      },
    },
    late: { entry: 'count', always: { guard: 'isWorn', target: 'failed' }, after: { wait: 'racing' }, on: { GO: { actions: 'hear' } } },
    ...ends,
  },
});

const approval = base.createMachine({
  id: 'approval',
  version: '1',
  context,
  initial: 'waiting',
  states: {
    waiting: {
      invoke: { src: 'steady', input: step('check'), onDone: { actions: 'keep' }, onError: { actions: 'count' } },
      after: { 5000: { actions: 'count' }, wait: { actions: 'count' } },
      on: {
        GO: { target: 'approved', actions: 'hear' },
        LEAVE: { target: 'left', actions: 'hear' },
        BACK: { target: 'waiting', reenter: true, guard: 'isFresh', actions: ['hear', 'count'] },
        POISON: { guard: 'refuses', target: 'failed' },
        'workflow.cancel': 'approved',
        'workflow.deadline': 'approved',
      },
    },
    approved: { invoke: { src: 'once', input: step('approved'), onDone: { target: 'done', actions: 'keep' }, onError: 'failed' } },
    ...ends,
  },
});

const nudge = base.createMachine({
  id: 'nudge',
  version: '1',
  context,
  initial: 'idle',
  states: {
    idle: {
      entry: [raise({ type: 'NUDGE' }, { delay: 'wait', id: 'nudge' }), raise({ type: 'SECOND' }, { delay: 700, id: 'nudge' })],
      on: {
        HOLD: { actions: ['hear', 'withdraw'] },
        GO: { actions: ['hear', 'withdraw', raise({ type: 'NUDGE' }, { delay: 900, id: 'nudge' })] },
        NUDGE: 'nudged',
        SECOND: { actions: 'count' },
        END: { target: 'done', actions: 'hear' },
      },
    },
    nudged: { invoke: { src: 'steady', input: step('nudged'), onDone: { target: 'resting', actions: 'keep' }, onError: 'failed' } },
    resting: { on: { BACK: { target: 'idle', guard: 'isFresh', actions: ['hear', 'count'] }, END: { target: 'done', actions: 'hear' } } },
    ...ends,
  },
});

const recall = base.createMachine({
  id: 'recall',
  version: '1',
  context,
  initial: 'work',
  states: {
    work: {
      initial: 'one',
      states: {
        one: { invoke: { src: 'steady', input: step('one'), onDone: { target: 'two', actions: 'keep' }, onError: '#recall.failed' } },
        two: { after: { wait: 'three' } },
        three: {
          invoke: { src: 'patient', input: step('three'), onDone: { target: '#recall.done', actions: 'keep' }, onError: '#recall.failed' },
        },
        past: { type: 'history' },
      },
      on: { HOLD: { target: 'paused', guard: 'isFresh', actions: ['hear', 'count'] } },
    },
    paused: {
      after: { 4000: 'work.past' },
      on: { BACK: { target: 'work.past', actions: 'hear' }, LEAVE: { target: 'left', actions: 'hear' } },
    },
    ...ends,
  },
});

const careless = base.createMachine({
  id: 'careless',
  version: '1',
  context,
  initial: 'going',
  states: {
    going: { invoke: { src: 'once', input: step('going'), onDone: { target: 'more', actions: 'keep' } }, on: { GO: { actions: 'hear' } } },
    more: {
      entry: 'count',
      always: { guard: ({ context: { variant } }) => variant === 'short', target: 'done' },
      invoke: { src: 'patient', input: step('more'), onDone: { target: 'done', actions: 'keep' } },
    },
    ...ends,
  },
});

/** Cannot bear that its activity fails. */
const brittle = base.createMachine({
  id: 'brittle',
  version: '1',
  context,
  initial: 'trying',
  states: {
    trying: {
      invoke: {
        src: 'once',
        input: step('trying'),
        onDone: { target: 'resting', actions: 'keep' },
        onError: { target: 'failed', guard: 'refuses' },
      },
      on: { GO: { actions: 'hear' }, LEAVE: { target: 'left', actions: 'hear' } },
    },
    resting: { on: { BACK: { target: 'trying', guard: 'isFresh', actions: ['hear', 'count'] }, END: { target: 'done', actions: 'hear' } } },
    ...ends,
  },
});

export const machines: readonly AnyStateMachine[] = [
  ...[sequence, fragile, pair, race, approval, nudge, recall, careless, brittle],
  ...machinesOfTrees,
];
/** Those that only some seeds run. */
export { machinesWithUndos };
export const registry: MachineRegistry = createRegistry([...machines, ...machinesWithUndos]);

/** Some of the family. */
export function registryOf(ids: readonly string[]): MachineRegistry {
  return {
    ...registry,
    machines: registry.machines.filter(({ reference }) => ids.includes(reference.id)),
    find: (id, version) => (ids.includes(id) ? registry.find(id, version) : undefined),
    onDefinitionChange: registry.onDefinitionChange,
  };
}
