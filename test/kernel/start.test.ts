import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import type { Json } from '../../src/kernel/json.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import type { StartPolicy } from '../../src/kernel/start-policy.ts';
import type { Actor } from '../../src/kernel/actor.ts';
import type { ExistingRun } from '../../src/kernel/start.ts';
import { decideNewRun, inputOf } from '../../src/kernel/start.ts';
import { Family } from './families.ts';
import { at, began, controlled, signal, took, treeOf } from './workflows.ts';

const machine = setup({
  types: { context: {} as { size: number }, input: {} as { size: number } },
}).createMachine({
  id: 'job',
  version: '1',
  context: ({ input }) => ({ size: input.size }),
  entry: assign(({ context }) => (context.size < 0 ? refuse() : {})),
  initial: 'a',
  states: { a: { on: { END: 'b' } }, b: { type: 'final' } },
});

function refuse(): never {
  throw new RangeError('a negative size');
}

const registered = registerMachine(machine);
const decideStartOf = (existing: ExistingRun | undefined, size: number, policy: StartPolicy = 'same-input') =>
  decideNewRun('w-1', 0, existing, { machine: registered, input: { size }, policy }, at(9_000));

const first = began(machine, { size: 1 });
const existing = (actor: Actor): ExistingRun => ({ record: actor.record, tree: treeOf(actor), input: { size: 1 } });
const open = (): ExistingRun => existing(first.actor);
const closed = existing(took(first.actor, signal('END')).actor);

describe('a start', () => {
  test('of an id that was never used is run 1, in one step', () => {
    const decision = decideStartOf(undefined, 1);
    expect(decision).toMatchObject({
      kind: 'commit',
      steps: [{ commit: { base: 0, record: { address: { workflowId: 'w-1', run: 1 }, sequence: 1 } } }],
    });
    expect(decision).toHaveProperty('steps.length', 1);
  });

  test('of an id with the same machine and input writes nothing', () => {
    expect(decideStartOf(open(), 1)).toEqual({ kind: 'use-existing' });
    expect(decideStartOf(closed, 1)).toEqual({ kind: 'use-existing' });
  });

  test('of an id with another input is refused', () => {
    expect(decideStartOf(open(), 2)).toMatchObject({ kind: 'refuse', error: { code: 'WORKFLOW_EXISTS' } });
  });

  test('that ends the open run is one unit: the end, then the first step of the next run', () => {
    const decision = decideStartOf(open(), 2, 'terminate-existing');
    expect(decision).toMatchObject({
      kind: 'commit',
      steps: [
        { commit: { record: { address: { run: 1 }, status: 'terminated', sequence: 2, failure: { class: 'Terminated' } } } },
        { commit: { base: 0, record: { address: { run: 2 }, status: 'running', sequence: 1, chart: { context: { size: 2 } } } } },
      ],
    });
  });

  test('whose first step throws ends nobody', () => {
    expect(decideStartOf(undefined, -1)).toMatchObject({ kind: 'refuse', error: { code: 'STEP_FAILED' } });
    const run = open();
    expect(decideStartOf(run, -1, 'terminate-existing')).toMatchObject({ kind: 'refuse', error: { code: 'STEP_FAILED' } });
    expect(run.tree?.root.record.status).toBe('running');
  });
});

describe('a start with a signal', () => {
  const go = signal('END');
  const withSignal = (run: ExistingRun | undefined, told: typeof go, policy: StartPolicy = 'same-input') =>
    decideNewRun('w-1', 0, run, { machine: registered, input: { size: 1 }, policy, signal: told }, at(9_000));

  test('tells whoever has the id then, new or old, in the same unit', () => {
    const fresh = withSignal(undefined, go);
    expect(fresh).toMatchObject({ kind: 'commit', isNewRun: true, signalled: { record: { sequence: 2, status: 'completed' } } });
    expect(withSignal(open(), go)).toMatchObject({ kind: 'commit', isNewRun: false, signalled: { journal: { envelope: go } } });
  });

  test('that is refused starts nothing', () => {
    const update = { ...signal('NOPE'), isUpdate: true } as const;
    expect(withSignal(undefined, update)).toMatchObject({ kind: 'refuse', error: { code: 'EVENT_NOT_ACCEPTED' } });
    expect(withSignal(open(), update)).toMatchObject({ kind: 'refuse', error: { code: 'EVENT_NOT_ACCEPTED' } });
  });

  test('is refused by what is closed, its machine there or not', () => {
    for (const run of [closed, { ...closed, tree: undefined }]) {
      expect(withSignal(run, go)).toMatchObject({ kind: 'refuse', error: { code: 'WORKFLOW_CLOSED' } });
    }
  });

  test('waits until what is in the mailbox was applied: the host sees to that', () => {
    const paused = controlled(first.actor, 'pause');
    const resumed = controlled(took(paused.actor, signal('X')).actor, 'resume');
    expect(() => withSignal(existing(resumed.actor), go)).toThrow('has to be applied before a signal');
  });
});

test('an id whose closed run has a child that goes on is not started again before that ends', () => {
  const part = setup({}).createMachine({ id: 'part', on: { 'workflow.cancel': {} } });
  const family = new Family(
    setup({ actors: { part } }).createMachine({
      id: 'job',
      version: '1',
      initial: 'on',
      states: { on: { invoke: { src: 'part' }, on: { END: 'off' } }, off: { type: 'final' } },
    }),
  );
  family.send('END');
  const { tree } = family;
  const request = { machine: tree.machine, input: null, policy: 'allow' as const };
  const decision = decideNewRun('w-1', 0, { record: tree.root.record, tree, input: null }, request, at(9_000));
  expect(decision).toMatchObject({ kind: 'refuse', error: { code: 'WORKFLOW_EXISTS', message: expect.stringContaining('still run') } });
});

test('the input of a run is that of its first record', () => {
  expect(inputOf(first.commit.journal)).toEqual({ size: 1 } satisfies Json);
  expect(inputOf(took(first.actor, signal('END')).commit.journal)).toBeNull();
  expect(inputOf(undefined)).toBeNull();
});
