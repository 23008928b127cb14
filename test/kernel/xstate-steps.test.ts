import { describe, expect, test } from 'vitest';
import type { AnyStateMachine, EventObject } from 'xstate';
import { assign, createMachine, emit, raise } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { Stepper } from '../../src/kernel/xstate-steps.ts';
import type { ChartLogic } from '../../src/kernel/xstate-chart-action.ts';
import type { Place } from '../../src/kernel/xstate-scope.ts';
import type { ChartStep } from '../../src/kernel/xstate-seam.ts';
import { historyOf, reviveChart, startChart, stepChart, withoutActors } from '../../src/kernel/xstate-seam.ts';
import type { SeededRandom } from '../simulation/seeded-random.ts';
import { createRandom } from '../simulation/seeded-random.ts';
import { drawMachine, eventTypes } from './random-machine.ts';

const place: Place = {
  sessionId: 'w:1:',
  id: 'w',
  surroundings: { snapshotOf: () => undefined, shownOf: () => undefined, find: () => undefined, named: () => new Map() },
};

/** The same machine twice: with steps by plan, and with steps that XState takes. */
function bothWays(machine: AnyStateMachine): { readonly planned: ChartLogic; readonly plain: ChartLogic } {
  const logic = withoutActors(machine);
  const plain: ChartLogic = { kind: 'machine', logic, actions: new Map(), names: new Map() };
  return { planned: { ...plain, stepper: Stepper.of(logic) }, plain };
}

/** Everything there is to see after a step; an action of the chart's own is told by its name, as hosts do. */
function pictureOf({ chart: { snapshot }, actions, childCounter, isHandled, isMeant }: ChartStep): unknown {
  const { status, value, context, tags, output, error, children, historyValue } = snapshot;
  const nodes = (snapshot._nodes as readonly { readonly id: string }[]).map(({ id }) => id);
  const references = Object.entries(children as Record<string, { readonly sessionId: string; readonly systemId?: string }>);
  return {
    ...{ status, value, context, output, nodes, tags: [...tags], historyValue, error, actions, childCounter, isHandled, isMeant },
    children: references.map(([id, { sessionId, systemId }]) => [id, sessionId, systemId]),
    can: eventTypes.map((type) => snapshot.can({ type })),
    json: JSON.stringify(snapshot),
  };
}

type Outcome = { readonly step: ChartStep } | { readonly thrown: string };

function attempt(take: () => ChartStep): Outcome {
  try {
    return { step: take() };
  } catch (error) {
    return { thrown: String(error) };
  }
}

function same(one: Outcome, other: Outcome, what: string): void {
  const seen = (outcome: Outcome): unknown => ('step' in outcome ? pictureOf(outcome.step) : outcome);
  expect(seen(one), what).toEqual(seen(other));
}

function drawEvent(random: SeededRandom, { chart: { snapshot } }: ChartStep): EventObject {
  const children = Object.keys(snapshot.children as object);
  const timed = (snapshot._nodes as readonly { readonly ownEvents: readonly string[] }[]).flatMap(({ ownEvents }) => ownEvents);
  const types = [
    ...eventTypes,
    'UP.one',
    'NOBODY',
    'xstate.stop',
    'xstate.init',
    ...timed.filter((type) => type.startsWith('xstate.after')),
  ];
  if (children.length > 0 && random.chance(0.4)) {
    const actorId = random.pick(children);
    return random.chance(0.7)
      ? ({ type: `xstate.done.actor.${actorId}`, output: 1, actorId } as EventObject)
      : ({ type: `xstate.error.actor.${actorId}`, error: 'broken', actorId } as EventObject);
  }
  return { type: random.pick(types) };
}

/** The step as it comes back from disk. */
function revived(logic: ChartLogic, step: ChartStep): ChartStep {
  const { status, value, context } = step.chart.snapshot;
  const children = Object.entries(step.chart.snapshot.children as Record<string, { readonly sessionId: string }>).map(
    ([childId, child]) => ({
      n: Number(child.sessionId.slice(place.sessionId.length)),
      childId,
      src: 'work',
    }),
  );
  const record = { status, value, context, history: historyOf(step.chart.snapshot) } as never;
  return { ...step, chart: reviveChart(logic, place, record, children) };
}

const walks = 250;
const timeoutMs = 60_000;
const eventsAWalk = 12;

test('a chart that is in one state at a time takes the steps that XState would take', { timeout: timeoutMs }, () => {
  let planned = 0;
  for (let seed = 1; seed <= walks; seed += 1) {
    const random = createRandom(seed);
    const ways = bothWays(drawMachine(random));
    const what = `machine drawn with seed ${seed}`;
    expect(ways.planned.stepper, what).toBeDefined();
    let [own, others] = [ways.planned, ways.plain].map((logic) => attempt(() => startChart(logic, place, 5))) as [Outcome, Outcome];
    same(own, others, what);
    for (let count = 0; count < eventsAWalk && 'step' in own && 'step' in others; count += 1) {
      if (own.step.chart.snapshot.status !== 'active') break;
      const isReborn = random.chance(0.2);
      const event = drawEvent(random, own.step);
      const [left, right] = [own, others].map(({ step }, way) =>
        isReborn ? revived(way === 0 ? ways.planned : ways.plain, step) : step,
      ) as [ChartStep, ChartStep];
      own = attempt(() => stepChart(ways.planned, left.chart, event, left.childCounter));
      others = attempt(() => stepChart(ways.plain, right.chart, event, right.childCounter));
      same(own, others, `${what}, event ${count + 1}: ${event.type}`);
      planned += 1;
    }
  }
  expect(planned).toBeGreaterThan(walks);
});

describe('XState takes the steps itself', () => {
  const refused = (config: object): boolean => Stepper.of(withoutActors(createMachine({ id: 'm', ...config } as never))) === undefined;

  test.each<[string, object]>([
    ['with parallel states', { type: 'parallel', states: { a: {}, b: {} } }],
    ['that is nothing but a final state', { type: 'final' }],
    ['with history', { initial: 'a', states: { a: { initial: 'x', states: { x: {}, past: { type: 'history' } } } } }],
    ['with a limit of its own on microsteps', { options: { maxIterations: 5 } }],
    ['with actors that are given in place', { invoke: { src: activity({ run: () => undefined }) } }],
  ])('of a machine %s', (_which, config) => {
    expect(refused(config)).toBe(true);
    expect(refused({})).toBe(false);
  });

  test('that leaves and enters the whole machine, and what was decided until then is forgotten', () => {
    sameSteps({
      initial: 'a',
      states: { a: { on: { GO: 'b' } }, b: { entry: raise({ type: 'ALL' }), invoke: { src: 'work', id: 'work' } } },
      on: { ALL: { target: '.a', reenter: true } },
    });
  });
});

test('whoever changes a snapshot changes it for nobody else', () => {
  const { planned } = bothWays(
    createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { tags: ['t'], initial: 'b', states: { b: { on: { GO: { target: '#m.a', reenter: true } } } } } },
    }),
  );
  const { snapshot } = startChart(planned, place, null).chart;
  expect(() => ((snapshot.value as Record<string, unknown>)['a'] = 'gone')).toThrow(TypeError);
  snapshot.tags.delete('t');
  for (const { chart } of [
    startChart(planned, place, null),
    stepChart(planned, startChart(planned, place, null).chart, { type: 'GO' }, 0),
  ]) {
    expect(chart.snapshot.value).toEqual({ a: 'b' });
    expect(chart.snapshot.hasTag('t')).toBe(true);
  }
});

test('a system id that a step gives up can be taken in the same step', () => {
  const invoking = (id: string): object => ({ invoke: { src: 'work', id, systemId: 'shared' } });
  sameSteps({
    initial: 'a',
    states: { a: { on: { GO: 'b' } }, b: { ...invoking('first'), always: 'c' }, c: { ...invoking('second'), on: { ALL: 'a' } } },
  });
  const { planned } = bothWays(
    createMachine(
      {
        id: 'm',
        initial: 'a',
        states: { a: { on: { GO: 'b' } }, b: { ...invoking('first'), always: 'c' }, c: invoking('second') },
      } as never,
      { actors: { work: activity({ run: () => undefined }) } },
    ),
  );
  const { snapshot } = stepChart(planned, startChart(planned, place, null).chart, { type: 'GO' }, 0).chart;
  expect(snapshot.value).toBe('c');
});

test('what code makes of a step that is given up does not matter', () => {
  const trying = assign(({ spawn }: { readonly spawn: (src: string) => unknown }) => {
    try {
      return { child: String(spawn('work')) };
    } catch {
      return { child: 'none' };
    }
  });
  sameSteps({ context: {}, on: { GO: { actions: trying } } });
});

test('a transition that waits for no event and changes nothing is taken once', () => {
  sameSteps({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: { always: { actions: emit({ type: 'TOLD' }) } } } });
});

/** Sends the same events both ways, twice around. */
function sameSteps(config: object): void {
  const machine = createMachine({ id: 'm', ...config } as never, { actors: { work: activity({ run: () => undefined }) } });
  const { planned, plain } = bothWays(machine);
  const [own, others] = [planned, plain].map((logic) => {
    let step = startChart(logic, place, null);
    const pictures = ['GO', 'ALL', 'GO', 'ALL'].map((type) =>
      pictureOf((step = stepChart(logic, step.chart, { type }, step.childCounter))),
    );
    return [pictureOf(step), ...pictures];
  });
  expect(own).toEqual(others);
}
