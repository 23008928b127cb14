/** Rules about the states of one chart: whether they are reached, left, and wait for something that is sure to come. */
import type { ChartInvoke, ChartState, ChartTransition } from './chart-graph.ts';
import type { ChartPaths, Move } from './chart-paths.ts';
import { covers } from './chart-paths.ts';
import type { Rule, RuleFinding } from './machine-finding.ts';
import { listed } from './machine-finding.ts';

const failing: readonly ChartInvoke['kind'][] = ['activity', 'promise', 'machine'];
/** What comes without anybody sending it. */
const comingByItself: readonly ChartTransition['kind'][] = ['after', 'child-done', 'child-failed', 'child-news'];

/** XState asks for a transition of exactly this name, in any state the chart is in: wildcards do not take errors. */
export const findUnhandledErrors: Rule = (paths) =>
  paths.graph.states.flatMap(({ id, invokes }) =>
    invokes
      .filter(({ kind, childId }) => failing.includes(kind) && !isErrorHandled(paths, id, childId))
      .map(({ src }) => ({
        code: 'error-unhandled' as const,
        state: id,
        src,
        reason: `"${src}" is invoked without onError: its failure ends the whole machine in error.`,
        remedy: `Give the invoke of "${src}" an onError.`,
      })),
  );

export const findUnreachableStates: Rule = (paths) => {
  const entered = new Set([...paths.reached].flatMap((leaf) => paths.chain(leaf).map(({ id }) => id)));
  return paths.graph.states
    .filter(({ id, type, above }) => type !== 'history' && !entered.has(id) && above !== undefined && entered.has(above))
    .map(({ id }) => ({
      code: 'state-unreachable' as const,
      state: id,
      reason: `There is no structural path from the initial state to "${id}".`,
      remedy: 'Add a transition that leads to it, or take the state out.',
    }));
};

export const findDeadEnds: Rule = (paths) =>
  waitingStates(paths)
    .filter((state) => isDeadEnd(paths, state))
    .map(({ id }) => ({
      code: 'dead-end' as const,
      state: id,
      reason: `There is no structural path out of "${id}", which is not final: no transition, nothing invoked, no timer.`,
      remedy: `Make it final (type: 'final'), or add the transition it waits for.`,
    }));

/** States that wait for events and nothing else. Where code makes actions (`enqueueActions`), it may arm timers, so nothing is said. */
export const findMissingTimers: Rule = (paths) => {
  if (paths.graph.hasHiddenActions) return [];
  return waitingStates(paths)
    .filter((state) => !isDeadEnd(paths, state) && !isDeciding(paths, state) && !isWoken(paths, state))
    .map(({ id }) => ({
      code: 'timer-missing' as const,
      state: id,
      reason: `"${id}" waits for events only: if none comes, it waits for ever.`,
      remedy: `Give it or a state above it an after, or the root of the workflow a deadline: meta: { deadline: '72h' }.`,
    }));
};

export const findUnacceptedEvents: Rule = ({ graph }) => {
  const accepting = graph.states.flatMap(({ transitions }) => transitions.map(({ on }) => on));
  const isAccepted = (type: string): boolean => accepting.some((descriptor) => descriptor !== '' && covers(descriptor, type));
  const lost = graph.raised.filter(({ type, isOwn }) => isOwn && !isAccepted(type));
  const once = new Map(lost.map((raised) => [JSON.stringify(raised), raised]));
  return [...once.values()].map(({ state, type }) => ({
    code: 'event-unaccepted' as const,
    state,
    event: type,
    reason: `"${state}" raises "${type}", which no state accepts.`,
    remedy: `Add a transition for "${type}", or do not raise it.`,
  }));
};

export const findAlwaysCycles: Rule = (paths) => {
  const within = (leaf: string): ReadonlySet<string> =>
    paths.from(
      alwaysFrom(paths, leaf).flatMap(({ to }) => to),
      isAlways,
    );
  const leaves = paths.graph.states.map(({ id }) => id).filter((id) => paths.reached.has(id));
  const circling = leaves.filter(
    (id) => [...within(id)].some((other) => other !== id && within(other).has(id)) || isAssigningForEver(paths, id),
  );
  const [told, found] = [new Set<string>(), [] as RuleFinding[]];
  for (const state of circling) {
    if (told.has(state)) continue;
    const circle = circling.filter((id) => id === state || (within(state).has(id) && within(id).has(state)));
    for (const id of circle) told.add(id);
    const isSure = circle.every((id) => alwaysFrom(paths, id).length === 1 && !alwaysFrom(paths, id)[0]?.transition.isGuarded);
    const verb = isSure ? 'go' : 'may go';
    found.push({
      code: 'always-cycle',
      state,
      reason: `The always transitions of ${listed(circle)} ${verb} round in a circle, which ends with an error at the limit of microsteps.`,
      remedy: isSure
        ? 'Take one of them out, or guard it.'
        : 'See to it that some guard on the way becomes false, or take one of them out.',
    });
  }
  return found;
};

function isErrorHandled(paths: ChartPaths, state: string, childId: string): boolean {
  return paths.graph.states.some(
    ({ id, transitions }) =>
      (paths.isWithin(id, state) || paths.isWithin(state, id)) &&
      transitions.some(({ on, isInert }) => !isInert && on === `xstate.error.actor.${childId}`),
  );
}

/** Where a chart rests with nothing running that would move it. */
function waitingStates(paths: ChartPaths): readonly ChartState[] {
  return paths.graph.states.filter(({ id, type }) => {
    if (type !== 'atomic' || !paths.reached.has(id) || paths.isPassing(id)) return false;
    return paths.invokesAt(id).length === 0 && !paths.movesFrom(id).some(({ transition }) => comingByItself.includes(transition.kind));
  });
}

function isDeadEnd(paths: ChartPaths, { id }: ChartState): boolean {
  return paths.movesFrom(id).length === 0 && !isMovedFromBeside(paths, id, () => true);
}

/** Guarded `always` and nothing else: whether one of them is sure to hold is not to be seen. */
function isDeciding(paths: ChartPaths, { id }: ChartState): boolean {
  return paths.movesFrom(id).every(({ transition }) => transition.kind === 'always') && paths.movesFrom(id).length > 0;
}

/** Something raised or sent later is what it waits for, or a region beside it has a clock that ends both. */
function isWoken(paths: ChartPaths, { id }: ChartState): boolean {
  const accepts = paths.movesFrom(id).map(({ transition }) => transition.on);
  const isRaised = paths.graph.raised.some(({ type }) => accepts.some((on) => on !== '' && covers(on, type)));
  return isRaised || isMovedFromBeside(paths, id, ({ transition }) => comingByItself.includes(transition.kind));
}

/** Whether another region of a parallel state has a transition of a kind that leads out of that region. */
function isMovedFromBeside(paths: ChartPaths, leaf: string, isMeant: (move: Move) => boolean): boolean {
  const chain = paths.chain(leaf);
  return chain.some((region, index) => {
    const above = chain[index + 1];
    if (above?.type !== 'parallel') return false;
    return above.below.some((beside) => {
      const leaves = beside === region.id ? [] : paths.leavesOf(beside);
      return leaves.flatMap((id) => paths.movesFrom(id)).some((move) => isMeant(move) && move.to.some((to) => !paths.isWithin(to, beside)));
    });
  });
}

function alwaysFrom(paths: ChartPaths, leaf: string): readonly Move[] {
  return paths.movesFrom(leaf).filter(isAlways);
}

function isAlways({ transition }: Move): boolean {
  return transition.kind === 'always';
}

/** XState goes on with `always` that lead to where it is for as long as the context changes. */
function isAssigningForEver(paths: ChartPaths, leaf: string): boolean {
  return alwaysFrom(paths, leaf).some(({ transition, to }) => {
    const { isGuarded, isAssigning } = transition;
    if (to.length === 0) return isAssigning && !isGuarded;
    return to.includes(leaf) && (isAssigning || paths.chain(leaf).some((state) => state.isAssigning));
  });
}
