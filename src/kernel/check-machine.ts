/** `checkMachine`: what a chart's structure alone says against it. Whether anything is done about it is its author's decision. */
import { ChartPaths } from './chart-paths.ts';
import {
  findAlwaysCycles,
  findDeadEnds,
  findMissingTimers,
  findUnacceptedEvents,
  findUnhandledErrors,
  findUnreachableStates,
} from './check-states.ts';
import type { MachinePaths } from './check-undos.ts';
import { findEarlyIrreversible, findMissingUndos, findUnnoticedEnds, findUnwoundEnds } from './check-undos.ts';
import { actorLogicOf } from './machine-check.ts';
import type { MachineFinding, MachineFindingCode, RuleFinding } from './machine-finding.ts';
import { formatValue } from './value-encoding.ts';
import { chartGraphOf } from './xstate-chart-graph.ts';
import { fanOutIn } from './xstate-fan-out.ts';
import { kindOfLogic } from './xstate-logic.ts';
import type { AnyStateMachine } from './xstate-seam.ts';

/** Findings about one state are in this order. */
const codes: readonly MachineFindingCode[] = [
  'undo-missing',
  'irreversible-early',
  'unwinding-missing',
  'error-unhandled',
  'timer-missing',
  'state-unreachable',
  'dead-end',
  'event-unaccepted',
  'always-cycle',
];

/**
 * Looks at a machine and the machines among its actors without running them, and says what may go wrong. An empty answer is no proof,
 * and not every finding is a fault.
 *
 * It knows the structure only. A guarded transition may be taken or not; one behind an unguarded one for the same event is never taken; each
 * region of a parallel state is looked at by itself; a history state may recall whatever was reached. Rules that need more than that:
 *
 * - `irreversible-early`: of steps that come after what cannot be undone (`irreversible: true`), those whose failure may lead to an end that
 *   is unwound: one tagged `failed` or `cancelled`, a state that invokes `compensation`, or none at all, since nothing handles the error.
 * - `unwinding-missing`: the engine unwinds when the root ends `failed` or `cancelled`. It does not unwind an end without these tags, which is
 *   found if nothing but errors (`onError`) and time-outs (an `after` beside another way on) lead there and no state on the way invokes
 *   `compensation`; nor a child machine that ended like that or badly, which is found if its parent's `onDone` has no guard and leads on
 *   to an end that counts as completed and to none that does not.
 * - `timer-missing`: not where the root declares a deadline (`meta: { deadline: '72h' }`), where a delayed event or a region beside it
 *   ends the waiting, or where some action is `enqueueActions`, which may arm timers. A child machine may also be limited by an `after`
 *   around each of its invokes.
 * - `event-unaccepted`: events given to `raise` as objects. Types declared in `setup` do not exist at run time, and what other actors, people,
 *   custom actions and `enqueueActions` send is not seen.
 * - `always-cycle`: it says “may” unless all transitions of the circle are without guards.
 *
 * @returns findings by machine, in each by state in document order
 * @throws TypeError if it is no machine
 */
export function checkMachine(machine: AnyStateMachine): MachineFinding[] {
  if (kindOfLogic(machine) !== 'machine') {
    throw new TypeError(`checkMachine() takes a machine made by createMachine(); found ${formatValue(machine)}.`);
  }
  const known = new Map<AnyStateMachine, MachinePaths>();
  const root = pathsOf(machine, known);
  const all = [...known.values()];
  return all.flatMap((checked) => {
    const { paths } = checked;
    const place = new Map(paths.graph.states.map(({ id }, index) => [id, index]));
    const order = ({ state, code }: RuleFinding): number => Number(place.get(state)) * codes.length + codes.indexOf(code);
    const found = findingsOf(checked, root, all);
    return found.sort((a, b) => order(a) - order(b)).map((finding) => ({ machine: paths.graph.machine, ...finding }));
  });
}

function pathsOf(machine: AnyStateMachine, known: Map<AnyStateMachine, MachinePaths>): MachinePaths {
  const children = new Map<string, MachinePaths>();
  const found = { paths: new ChartPaths(chartGraphOf(machine)), children };
  // First of all: a machine may be among its own actors.
  known.set(machine, found);
  for (const [src, given] of actorLogicOf(machine)) {
    const logic = fanOutIn(given)?.child ?? given;
    if (kindOfLogic(logic) !== 'machine') continue;
    const child = logic as AnyStateMachine;
    children.set(src, known.get(child) ?? pathsOf(child, known));
  }
  return found;
}

function findingsOf(checked: MachinePaths, root: MachinePaths, all: readonly MachinePaths[]): RuleFinding[] {
  const { paths } = checked;
  return [
    ...findMissingUndos(paths),
    ...findEarlyIrreversible(paths),
    ...(checked === root ? findUnwoundEnds(checked) : []),
    ...findUnnoticedEnds(checked),
    ...findUnhandledErrors(paths),
    ...(root.paths.graph.hasDeadline || isLimited(checked, all) ? [] : findMissingTimers(paths)),
    ...findUnreachableStates(paths),
    ...findDeadEnds(paths),
    ...findUnacceptedEvents(paths),
    ...findAlwaysCycles(paths),
  ];
}

/** Whether each state that invokes it as a child has a timer, so that it does not run for ever. */
function isLimited(checked: MachinePaths, all: readonly MachinePaths[]): boolean {
  const around = all.flatMap(({ paths, children }) => {
    const invoking = paths.graph.states.filter(({ invokes }) => invokes.some(({ src }) => children.get(src) === checked));
    return invoking.map(({ id }) =>
      paths
        .leavesOf(id)
        .every((leaf) => paths.movesFrom(leaf).some(({ transition: { kind, source } }) => kind === 'after' && paths.isWithin(id, source))),
    );
  });
  return around.length > 0 && around.every(Boolean);
}
