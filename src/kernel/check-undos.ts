/** Rules about undoing: what a workflow that does not end well leaves behind. */
import type { ChartInvoke, ChartState, ChartTransition } from './chart-graph.ts';
import type { ChartPaths, Move } from './chart-paths.ts';
import type { Rule, RuleFinding } from './machine-finding.ts';
import { listed } from './machine-finding.ts';

/** What goes on as it should. */
const waysOn: readonly ChartTransition['kind'][] = ['event', 'child-done', 'state-done'];
const steps: readonly ChartInvoke['kind'][] = ['activity', 'promise', 'machine'];

/** A machine with the machines that its states invoke, by the names it has them under. */
export interface MachinePaths {
  readonly paths: ChartPaths;
  readonly children: ReadonlyMap<string, MachinePaths>;
}

/** An activity that says nothing of being undone; where it is not invoked but spawned, the root stands for its place. */
export const findMissingUndos: Rule = (paths) =>
  paths.graph.actors
    .filter(({ kind, undo }) => kind === 'activity' && undo === 'none')
    .map(({ src }) => ({
      code: 'undo-missing' as const,
      state: invokesOf(paths).find((invoke) => invoke.src === src)?.state ?? paths.root.id,
      src,
      reason: `The activity "${src}" says neither how what it does is undone nor that it cannot be.`,
      remedy: 'Give it an undo (compensate: { run }), or say irreversible: true.',
    }));

/** What cannot be undone is best done last: a step after it whose failure leads to an end that is unwound comes too late. */
export const findEarlyIrreversible: Rule = (paths) =>
  invokesOf(paths)
    .filter(({ undo }) => undo === 'irreversible')
    .flatMap((invoke) => {
      const later = laterSteps(paths, invoke).filter((step) => failureUnwinds(paths, step));
      if (later.length === 0) return [];
      const names = listed([...new Set(later.map(({ src }) => src))]);
      return {
        code: 'irreversible-early' as const,
        state: invoke.state,
        src: invoke.src,
        reason: `"${invoke.src}" cannot be undone, and ${names} can still fail after it and lead to an end that is unwound.`,
        remedy: `Invoke "${invoke.src}" after them, or give it an undo (compensate).`,
      };
    });

/** Steps with an undo from which an error leads to an end of the root that counts as completed, past every `compensation`. */
export function findUnwoundEnds(machine: MachinePaths): RuleFinding[] {
  const { paths } = machine;
  const silent = silentFailures(paths);
  return undoableInvokes(machine).flatMap((invoke) => {
    const ends = silent.filter((end) => isReachedUnwound(paths, invoke, end));
    if (ends.length === 0) return [];
    return {
      code: 'unwinding-missing' as const,
      state: invoke.state,
      src: invoke.src,
      reason:
        `After "${invoke.src}", which has an undo, an error or time-out can lead to ${listed(ends)}: the workflow counts as ` +
        `completed there, and nothing unwinds it.`,
      remedy: `Tag ${listed(ends)} 'failed' or 'cancelled', or pass a state on the way that invokes compensation.`,
    };
  });
}

/** Children that end badly without having unwound, below a chart that takes any end of theirs for a success. */
export function findUnnoticedEnds({ paths, children }: MachinePaths): RuleFinding[] {
  return invokesOf(paths).flatMap((invoke) => {
    const child = children.get(invoke.src);
    if (child === undefined) return [];
    const ends = badEnds(child.paths).filter((end) => undoableInvokes(child).some((step) => isReachedUnwound(child.paths, step, end)));
    const completed = ends.length === 0 ? [] : endsAfterSuccess(paths, invoke);
    if (completed.length === 0) return [];
    return {
      code: 'unwinding-missing' as const,
      state: invoke.state,
      src: invoke.src,
      reason:
        `The child "${invoke.src}" can end in ${listed(ends)} with undos left. That is no error here: its onDone leads on to ` +
        `${listed(completed)}, and nothing unwinds it.`,
      remedy: `Invoke compensation in the child before it ends there, or tell by its output how it ended and end '${paths.graph.machine}' badly, too.`,
    };
  });
}

/** The ends of a chart. One whose root is parallel ends without an own state for it. */
function endsOf(paths: ChartPaths): readonly ChartState[] {
  return paths.root.below.map((id) => paths.state(id)).filter(({ id, type }) => type === 'final' && paths.reached.has(id));
}

function isTaggedBad(paths: ChartPaths, id: string): boolean {
  return paths.chain(id).some(({ tags }) => tags.includes('failed') || tags.includes('cancelled'));
}

/** Ends that count as completed although only an error or a time-out leads to them. */
function silentFailures(paths: ChartPaths): readonly string[] {
  const reachedWell = paths.from(paths.initial, (move) => !isFailure(paths, move));
  return endsOf(paths)
    .map(({ id }) => id)
    .filter((id) => !isTaggedBad(paths, id) && !reachedWell.has(id));
}

function badEnds(paths: ChartPaths): readonly string[] {
  const silent = silentFailures(paths);
  return endsOf(paths)
    .map(({ id }) => id)
    .filter((id) => isTaggedBad(paths, id) || silent.includes(id));
}

/** A timer is a time-out where its state has another way on; where it has none, waiting for it is all there is to do. */
function isFailure(paths: ChartPaths, { transition, from }: Move): boolean {
  if (transition.kind === 'child-failed') return true;
  if (transition.kind !== 'after') return false;
  return paths
    .movesFrom(from)
    .some(({ transition: { kind, source }, to }) => waysOn.includes(kind) && to.length > 0 && paths.isWithin(source, transition.source));
}

function isCompensating(paths: ChartPaths, leaf: string): boolean {
  return paths.invokesAt(leaf).some(({ kind }) => kind === 'compensation');
}

/** Whether there is a way from where a step runs to this end on which the chart does not unwind. */
function isReachedUnwound(paths: ChartPaths, { state }: ChartInvoke, end: string): boolean {
  return paths.from(runningAt(paths, state), ({ from }) => !isCompensating(paths, from)).has(end);
}

function endsAfterSuccess(paths: ChartPaths, invoke: ChartInvoke): readonly string[] {
  const moves = movesOn(paths, invoke, 'xstate.done.actor.');
  // With a guard the chart looks at how the child has ended.
  if (moves.some(({ transition }) => transition.isGuarded)) return [];
  const starts = moves.flatMap(({ to, from }) => (to.length > 0 ? to : [from]));
  const onward = [...paths.from(starts, (move) => !isFailure(paths, move))];
  if (onward.some((leaf) => isCompensating(paths, leaf) || isTaggedBad(paths, leaf))) return [];
  const anyhow = paths.from(starts, ({ from }) => !isCompensating(paths, from));
  return endsOf(paths)
    .map(({ id }) => id)
    .filter((id) => anyhow.has(id) && !isTaggedBad(paths, id));
}

/** What is invoked once a step is completed; what is invoked beside it or around it is not later. */
function laterSteps(paths: ChartPaths, invoke: ChartInvoke): readonly ChartInvoke[] {
  const completed = movesOn(paths, invoke, 'xstate.done.actor.').flatMap(({ to }) => to);
  const anyhow = runningAt(paths, invoke.state).flatMap((leaf) => paths.movesFrom(leaf).flatMap(({ to }) => to));
  const found = [...paths.from(completed.length > 0 ? completed : anyhow)].flatMap((leaf) => paths.invokesAt(leaf));
  return [...new Set(found)].filter(({ kind, state }) => steps.includes(kind) && !paths.isWithin(invoke.state, state));
}

/** Without a way from the root, which may be taken at any time and says nothing of this failure. */
function failureUnwinds(paths: ChartPaths, invoke: ChartInvoke): boolean {
  const failed = movesOn(paths, invoke, 'xstate.error.actor.');
  // Nobody handles it: the machine ends in error.
  if (failed.length === 0) return true;
  const starts = failed.flatMap(({ to, from }) => (to.length > 0 ? to : [from]));
  const onward = [...paths.from(starts, ({ transition }) => transition.source !== paths.root.id)];
  return onward.some((leaf) => isCompensating(paths, leaf) || isTaggedBad(paths, leaf));
}

function undoableInvokes({ paths, children }: MachinePaths, above: readonly ChartPaths[] = []): readonly ChartInvoke[] {
  return invokesOf(paths).filter(({ src, undo }) => {
    if (undo === 'undo') return true;
    const child = children.get(src);
    return child !== undefined && !above.includes(child.paths) && undoableInvokes(child, [...above, paths]).length > 0;
  });
}

/** The transitions that an invoked child's end or error takes. */
function movesOn(paths: ChartPaths, { state, childId }: ChartInvoke, what: string): readonly Move[] {
  return runningAt(paths, state).flatMap((leaf) => paths.movesFrom(leaf).filter(({ transition }) => transition.on === what + childId));
}

function runningAt(paths: ChartPaths, state: string): readonly string[] {
  return paths.leavesOf(state).filter((leaf) => !paths.isPassing(leaf));
}

function invokesOf({ graph }: ChartPaths): readonly ChartInvoke[] {
  return graph.states.flatMap(({ invokes }) => invokes);
}
