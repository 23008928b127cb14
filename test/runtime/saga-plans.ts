/** Sagas drawn at random: steps in sequences and side by side, children as steps, and what becomes of each. */
import * as fc from 'fast-check';
import type { UndoScope } from 'perdure/authoring';
import { activity, compensation } from 'perdure/authoring';
import type { AnyStateMachine } from 'xstate';
import { createMachine } from 'xstate';

/** What the world does with a step that nobody waits for any more. */
export type AfterAbort = 'completes' | 'fails' | 'never ends';

export interface ActivityPlan {
  readonly kind: 'activity';
  readonly undo: 'succeeds' | 'fails' | 'none' | 'irreversible';
  readonly fate: 'completes' | 'fails' | 'times out';
  readonly afterAbort: AfterAbort;
}

export interface ChildPlan {
  readonly kind: 'child';
  readonly saga: SagaPlan;
  /** Whether its parent fails when it ends badly. */
  readonly isFatal: boolean;
}

export type StepPlan = ActivityPlan | ChildPlan;

/** Sequences of steps, side by side. The first step that fails ends the others. */
export interface SagaPlan {
  readonly regions: readonly (readonly StepPlan[])[];
  /** Who undoes it: its chart, with `compensation`, or the engine at the end of the workflow. */
  readonly unwoundBy: 'chart' | 'engine';
}

/** Shorter than what an unwinding waits for what is in flight. */
export const timeoutMs = 700;

const activityPlans: fc.Arbitrary<ActivityPlan> = fc.record({
  kind: fc.constant('activity' as const),
  undo: fc.constantFrom('succeeds', 'succeeds', 'succeeds', 'fails', 'none', 'irreversible'),
  fate: fc.constantFrom('completes', 'completes', 'completes', 'completes', 'completes', 'fails', 'times out'),
  afterAbort: fc.constantFrom('completes', 'fails', 'never ends'),
});

/** @param depth how many levels of children there may be below it */
export function sagaPlans(depth: number): fc.Arbitrary<SagaPlan> {
  const children = depth === 0 ? [] : [{ weight: 2, arbitrary: childPlans(depth - 1) }];
  const steps = fc.oneof({ weight: 3, arbitrary: activityPlans }, ...children);
  return fc.record({
    regions: fc.array(fc.array(steps, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 }),
    unwoundBy: fc.constantFrom('chart', 'engine'),
  });
}

function childPlans(depth: number): fc.Arbitrary<ChildPlan> {
  return fc.record({ kind: fc.constant('child' as const), saga: sagaPlans(depth), isFatal: fc.boolean() });
}

/** The name of a step: its place in the plan. */
export function stepName(saga: string, region: number, index: number): string {
  return `${saga}/${region}.${index}`;
}

export interface WorldCall {
  readonly name: string;
  readonly key: string;
  readonly signal: AbortSignal;
  /** Of an undo: what it was told. */
  readonly undo?: Omit<UndoScope<string, string>, 'signal'>;
  readonly succeed: (output: string) => void;
  readonly fail: (error: Error) => void;
}

/** The world outside: it hears calls and ends them when it is told to, whether they were aborted or not. */
export class SagaWorld {
  readonly calls: WorldCall[] = [];

  call(told: Omit<WorldCall, 'succeed' | 'fail'>): Promise<string> {
    return new Promise((succeed, fail) => {
      this.calls.push({ ...told, succeed, fail });
    });
  }

  last(name: string): WorldCall {
    const call = this.calls.findLast((made) => made.name === name);
    if (call === undefined) throw new Error(`Nobody called ${name}.`);
    return call;
  }

  get undone(): readonly WorldCall[] {
    return this.calls.filter(({ undo }) => undo !== undefined);
  }
}

/** The machine of a plan. Its steps are named by their places; the undo of each is called `undo NAME`. */
export function sagaMachine(plan: SagaPlan, world: SagaWorld, name = 's'): AnyStateMachine {
  const actors: Record<string, unknown> = { compensation };
  const regions = plan.regions.map((steps, region) => {
    const states = steps.map((step, index) => {
      const own = stepName(name, region, index);
      actors[own] = step.kind === 'activity' ? activityOf(step, world, own) : sagaMachine(step.saga, world, own);
      return [`${index}`, { invoke: invocation(step, own, name, index === steps.length - 1 ? 'end' : `${index + 1}`) }] as const;
    });
    return [`r${region}`, { initial: '0', states: { ...Object.fromEntries(states), end: { type: 'final' } } }] as const;
  });
  const bad =
    plan.unwoundBy === 'chart' ? { invoke: { src: 'compensation', onDone: `#${idOf(name)}.failed` } } : { always: `#${idOf(name)}.failed` };
  const config = {
    id: idOf(name),
    version: '1',
    initial: 'working',
    states: {
      working: { type: 'parallel', states: Object.fromEntries(regions), onDone: 'done', on: { LEAVE: 'bad' } },
      bad,
      done: { type: 'final', output: 'good' },
      failed: { type: 'final', tags: ['failed'], output: 'bad' },
    },
    output: ({ event }: { readonly event: { readonly output: unknown } }) => event.output,
  };
  return createMachine(config as never, { actors } as never);
}

/** Dots divide the parts of a state's id. */
function idOf(name: string): string {
  return name.replaceAll('.', '-');
}

function invocation(step: StepPlan, src: string, saga: string, next: string): object {
  const bad = `#${idOf(saga)}.bad`;
  if (step.kind === 'activity') return { src, input: `input of ${src}`, onDone: next, onError: bad };
  const isBad = ({ event }: { readonly event: { readonly output: unknown } }): boolean => event.output === 'bad';
  return { src, onDone: step.isFatal ? [{ guard: isBad, target: bad }, { target: next }] : next };
}

function activityOf({ undo, fate }: ActivityPlan, world: SagaWorld, name: string) {
  const once = { maximumAttempts: 1 };
  const declared = {
    name,
    run: ({ idempotencyKey: key, signal }: { readonly idempotencyKey: string; readonly signal: AbortSignal }) =>
      world.call({ name, key, signal }),
    retry: once,
    startToCloseTimeout: fate === 'times out' ? timeoutMs : ('1h' as const),
  };
  if (undo === 'none') return activity<string, string>(declared);
  if (undo === 'irreversible') return activity<string, string>({ ...declared, irreversible: true });
  return activity<string, string>({
    ...declared,
    compensate: {
      retry: once,
      run: ({ signal, ...told }) => world.call({ name: `undo ${name}`, key: told.idempotencyKey, signal, undo: told }),
    },
  });
}
