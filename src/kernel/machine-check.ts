/** What keeps a machine from being run: found when it is registered, all of it at once. */
import { problemOfId } from './address.ts';
import { runnableDescriptor } from './plain-promise.ts';
import { formatValue } from './value-encoding.ts';
import { fanOutIn } from './xstate-fan-out.ts';
import { kindOfLogic } from './xstate-logic.ts';
import type { AnyStateMachine } from './xstate-seam.ts';
import type { InvokeSite } from './xstate-structure.ts';
import { codeSites, invokeSites } from './xstate-structure.ts';

/** Actor logic of a machine by the name its charts use, from `setup` or written in place. */
export function actorLogicOf(machine: AnyStateMachine): ReadonlyMap<string, unknown> {
  const named = Object.entries(machine.implementations.actors as Record<string, unknown>);
  return new Map([...named, ...invokeSites(machine).map((site) => [site.src, site.logic] as const)]);
}

export function idProblems(id: unknown): string[] {
  // XState names a machine without an id "(machine)".
  if (typeof id !== 'string' || id === '(machine)') return ['it has no id; give createMachine({ id: … }) one'];
  return wordProblems(id).map((problem) => `its id ${problem}; give createMachine({ id: … }) another`);
}

export function versionProblems(version: unknown): string[] {
  if (typeof version !== 'string' || version === '') {
    return [`it has no version; give createMachine({ version: '1', … }) one, and raise it when the chart changes`];
  }
  return wordProblems(version).map((problem) => `its version ${problem}; give createMachine({ version: … }) another`);
}

/** Actor logic that cannot be kept, and names that cannot become part of records. */
export function actorProblems(machine: AnyStateMachine): string[] {
  const places = new Map(invokeSites(machine).map((site) => [site.src, site]));
  return [...actorLogicOf(machine)].flatMap(([src, logic]) => {
    const site = places.get(src);
    const what = site === undefined ? `its actor "${src}"` : `state "${site.state}" invokes "${src}", which`;
    return [...logicProblems(what, logic), ...nameProblems(machine.id, src, logic, site), ...snapshotProblems(src, logic, site)];
  });
}

/** Everything that is named and has no code. */
export function missingCode(machine: AnyStateMachine): string[] {
  const invokes = new Map(invokeSites(machine).map((site) => [site.src, site]));
  const actors = [...actorLogicOf(machine)].flatMap(([src, given]) => {
    const source = runnableDescriptor(fanOutIn(given)?.source);
    if (source !== undefined && source.run === undefined) return [`the source of fan-out "${src}"`];
    const logic = fanOutIn(given)?.child ?? given;
    const descriptor = runnableDescriptor(logic);
    const undo = descriptor?.undo !== undefined && descriptor.undo.run === undefined ? [`the undo of activity "${src}" (compensate)`] : [];
    if (logic !== undefined && (descriptor === undefined || descriptor.run !== undefined)) return undo;
    const site = invokes.get(src);
    return [site === undefined ? `actor "${src}"` : `activity "${src}" invoked in state "${site.state}"`, ...undo];
  });
  const code = codeSites(machine).filter((site) => site.code === undefined);
  return [...actors, ...code.map((site) => `${site.kind} "${site.name}" in state "${site.state}" (${site.slot})`)];
}

function logicProblems(what: string, logic: unknown): string[] {
  if (logic === undefined || kindOfLogic(logic) !== 'unknown') return [];
  return [`${what} is no actor logic of XState's; write it with activity({ run }), as a machine, or with fromPromise, fromCallback, …`];
}

function snapshotProblems(src: string, logic: unknown, site: InvokeSite | undefined): string[] {
  // A fan-out shows how far it is.
  if (site?.hasOnSnapshot !== true || fanOutIn(logic) !== undefined || !['activity', 'promise'].includes(kindOfLogic(logic))) return [];
  return [`state "${site.state}" listens to snapshots of "${src}" (onSnapshot), but an activity has none; leave it out`];
}

function nameProblems(machineId: string, src: string, given: unknown, site: InvokeSite | undefined): string[] {
  const logic = fanOutIn(given)?.child ?? given;
  const descriptor = runnableDescriptor(logic);
  // Activities without a name of their own are named after the machine, and would only repeat what is wrong with its id.
  if (descriptor === undefined || (descriptor.name === undefined && idProblems(machineId).length > 0)) return [];
  const place = site === undefined ? `its actor "${src}"` : `state "${site.state}" invokes "${src}"`;
  const name = activityName(machineId, src, descriptor.name);
  return wordProblems(name).map((problem) => `${place}, whose name ${problem}; give activity({ name: … }) another`);
}

/** What an activity is called in records, limits and measurements. */
export function activityName(machineId: string, src: string, name: string | undefined): string {
  return name ?? `${machineId}.${src}`;
}

/** Words that become part of keys and records keep the rules of ids. */
function wordProblems(word: string): string[] {
  const problem = problemOfId(word);
  return problem === undefined ? [] : [`${formatValue(word)} ${problem}`];
}
