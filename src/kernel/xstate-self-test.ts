/**
 * Runs a small chart through the seam and compares what comes out with what the seam relies on, so that an XState whose
 * insides changed is refused at start-up instead of misbehaving later. Takes a few milliseconds.
 */
import { assign, createActor, createMachine, fromPromise, raise, sendTo } from 'xstate';
import { activity } from './activity.ts';
import { PerdureError } from './errors.ts';
import type { Place } from './xstate-scope.ts';
import type { ChartAction, ChartLogic } from './xstate-chart-action.ts';
import type { AnyStateMachine, ChartStep } from './xstate-seam.ts';
import { historyOf, reviveChart, startChart, stepChart, withoutActors } from './xstate-seam.ts';
import { Stepper } from './xstate-steps.ts';
import type { SnapshotParts } from './xstate-walk.ts';

/** @throws PerdureError `XSTATE_UNSUPPORTED` saying what was found */
export function selfTestXState(): void {
  const machine = probe();
  const finding = catchFinding(() => findings(machine) ?? comparison() ?? outsideOfHosts());
  if (finding === undefined) return;
  throw new PerdureError(
    'XSTATE_UNSUPPORTED',
    `The installed xstate does not behave as this version of perdure needs: ${finding}. Install xstate ~5.33.3.`,
    {
      finding,
    },
  );
}

function probe(): ChartLogic {
  const machine: AnyStateMachine = createMachine(
    {
      id: 'probe',
      context: ({ input }: { input: unknown }) => ({ input, entered: 0 }),
      initial: 'idle',
      states: {
        idle: { on: { GO: 'busy' } },
        busy: {
          invoke: { src: 'work', id: 'work', input: { size: 1 }, onDone: 'recall', onError: 'recall' },
          after: { 1000: 'recall' },
          entry: [assign({ entered: ({ context }: { context: { entered: number } }) => context.entered + 1 }), raise({ type: 'STEP' })],
          initial: 'one',
          states: { one: { on: { STEP: 'two' } }, two: { on: { STEP: 'three' } }, three: {}, past: { type: 'history' } },
          on: { BACK: 'idle' },
        },
        recall: { on: { AGAIN: 'busy.past' } },
      },
    } as never,
    { actors: { work: activity({ name: 'work', run: () => undefined }) } } as never,
  );
  return { kind: 'machine', logic: withoutActors(machine), actions: new Map(), names: new Map() };
}

/** A chart whose steps are taken by plans, with everything that plans are about. */
function planned(): AnyStateMachine {
  const counted = assign({ count: ({ context }: { context: { count: number } }) => context.count + 1 });
  return createMachine(
    {
      id: 'planned',
      context: ({ input }: { input: unknown }) => ({ input, count: 0 }),
      initial: 'idle',
      output: ({ context }: { context: { count: number } }) => context.count,
      states: {
        idle: { on: { GO: 'busy', STAY: { actions: counted } } },
        busy: {
          tags: ['busy'],
          entry: [counted, sendTo('work', { type: 'HELLO' })],
          exit: raise({ type: 'LEFT' }),
          invoke: { src: 'work', id: 'work', input: ({ context }: { context: { count: number } }) => context.count, onDone: '.two' },
          after: { 1000: 'idle' },
          initial: 'one',
          states: {
            one: { always: { guard: ({ context }: { context: { count: number } }) => context.count > 9, target: 'two' } },
            two: { entry: counted, initial: 'deep', states: { deep: { on: { NEXT: '#planned.busy.over' } } } },
            over: { type: 'final', output: 7 },
          },
          onDone: { target: 'closing', actions: counted },
          on: { AGAIN: { target: '.one', reenter: true }, WITHIN: '.two' },
        },
        closing: { on: { LEFT: 'over' } },
        over: { type: 'final', exit: counted },
      },
    } as never,
    { actors: { work: activity({ name: 'work', run: () => undefined }) } } as never,
  );
}

/** Takes the same steps by plan and by XState. */
function comparison(): string | undefined {
  const logic = withoutActors(planned());
  const stepper = Stepper.of(logic);
  if (stepper === undefined) return 'a plain machine has steps that cannot be planned';
  const names = { kind: 'machine', logic, actions: new Map(), names: new Map() } as const;
  const [own, others] = [{ ...names, stepper }, names].map((ways) => walkThrough(ways)) as [string, string];
  return own === others ? undefined : `by plan a step came to ${own}, by itself to ${others}`;
}

/** In a plain `createActor` the ledger of undos goes by who invoked an activity. */
function outsideOfHosts(): string | undefined {
  let invoker: unknown;
  const work = fromPromise(async ({ self }) => Promise.resolve(void (invoker = self._parent)));
  const actor = createActor(createMachine({ invoke: { src: work } })).start();
  return invoker === actor ? undefined : 'a plain promise does not know the actor that invoked it';
}

const path = ['STAY', 'NOBODY', 'GO', 'AGAIN', 'WITHIN', 'xstate.after.1000.planned.busy', 'GO', 'xstate.done.actor.work', 'NEXT'];

function walkThrough(logic: ChartLogic): string {
  let step = startChart(logic, place, 5);
  const seen: unknown[] = [];
  for (const type of path) {
    step = stepChart(logic, step.chart, { type, output: 1 } as never, step.childCounter);
    const { status, value, context, tags, output, children } = step.chart.snapshot as SnapshotParts;
    seen.push([status, value, context, [...tags], output, Object.keys(children), describe(step.actions), step.isHandled]);
  }
  return JSON.stringify(seen);
}

const place: Place = {
  sessionId: 'probe:1:',
  id: 'probe',
  surroundings: { snapshotOf: () => undefined, shownOf: () => undefined, find: () => undefined, named: () => new Map() },
};

function findings(machine: ChartLogic): string | undefined {
  const first = startChart(machine, place, { a: 1 });
  const unknown = stepChart(machine, first.chart, { type: 'NOBODY_KNOWS' }, 0);
  if (unknown.isHandled || unknown.chart.snapshot !== first.chart.snapshot) return 'an unknown event changed something';
  const busy = stepChart(machine, first.chart, { type: 'GO' }, 0);
  const entering = describe(busy.actions);
  if (entering !== 'schedule xstate.after.1000.probe.busy 1000, spawn 1 work work') return `entering a state asked for "${entering}"`;
  if (!busy.isHandled || JSON.stringify(busy.chart.snapshot.value) !== '{"busy":"two"}') return 'a raised event was not taken in its step';
  if ((busy.chart.snapshot.context as { entered: number }).entered !== 1) return 'an assign was not applied once';
  return leaving(machine, busy);
}

function leaving(machine: ChartLogic, busy: ChartStep): string | undefined {
  const done = { type: 'xstate.done.actor.work', output: 1, actorId: 'work' };
  const record = {
    status: 'active' as const,
    value: { busy: 'two' },
    context: { input: null, entered: 1 },
    history: {},
  };
  const revived = reviveChart(machine, place, record, [{ n: 1, childId: 'work', src: 'work' }]);
  for (const [name, chart] of Object.entries({ live: busy.chart, revived })) {
    const left = stepChart(machine, chart, done, 1);
    const actions = describe(left.actions);
    if (actions !== 'cancel xstate.after.1000.probe.busy, stop 1') return `leaving a state (${name}) asked for "${actions}"`;
    const recorded = { ...record, value: 'recall', history: historyOf(left.chart.snapshot) };
    for (const before of [left.chart, reviveChart(machine, place, recorded, [])]) {
      const again = stepChart(machine, before, { type: 'AGAIN' }, 1);
      // Recalled in `two`, it takes the event raised on entry as `two` does.
      if (JSON.stringify(again.chart.snapshot.value) !== '{"busy":"three"}') return `a history state (${name}) was not recalled`;
      if (again.childCounter !== 2) return `a child (${name}) was not numbered from the counter`;
    }
  }
  const failed = stepChart(machine, revived, { type: 'xstate.error.actor.other', error: new Error('x') } as never, 1);
  return failed.chart.snapshot.status === 'error' ? undefined : 'an unhandled error did not end the chart';
}

function describe(actions: readonly ChartAction[]): string {
  return actions
    .map((action) => {
      switch (action.kind) {
        case 'schedule':
          return `schedule ${String(action.id)} ${action.delay}`;
        case 'cancel':
          return `cancel ${action.id}`;
        case 'spawn':
          return `spawn ${action.n} ${action.childId} ${action.src}`;
        case 'stop':
          return `stop ${action.n}`;
        default:
          return action.kind;
      }
    })
    .join(', ');
}

function catchFinding(find: () => string | undefined): string | undefined {
  try {
    return find();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
