/** A machine as hosts know it: checked at the door, its structure hashed, its activities found. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import { activityDescriptor } from './activity-descriptor.ts';
import { PerdureError } from './errors.ts';
import type { MachineReference } from './record.ts';
import type { Json } from './json.ts';
import type { AnyStateMachine } from './xstate-seam.ts';
import type { CodeSite, InvokeSite } from './xstate-structure.ts';
import { codeSites, hashStructure, invokeSites, structureOf } from './xstate-structure.ts';

export interface RegisteredActivity {
  readonly src: string;
  readonly name: string;
  readonly descriptor: ActivityDescriptor;
}

export interface RegisteredMachine {
  readonly reference: MachineReference;
  readonly structure: Json;
  readonly machine: AnyStateMachine;
  /** By `src`, which with the machine's id and version is the durable reference of an activity. */
  readonly activities: ReadonlyMap<string, RegisteredActivity>;
}

/** Actions of XState that change only the chart; all others would act on the world. */
const pureActions: ReadonlySet<string> = new Set(['xstate.assign', 'xstate.raise', 'xstate.cancel', 'xstate.enqueueActions']);

/**
 * Checks a machine and reads what hosts need of it.
 *
 * @throws PerdureError `MACHINE_INVALID` with every problem at once, `IMPLEMENTATION_MISSING` with everything missing
 */
export function registerMachine(machine: AnyStateMachine): RegisteredMachine {
  const id = machine.id;
  const invokes = invokeSites(machine);
  const code = codeSites(machine);
  const problems = [...identityProblems(machine), ...invokes.flatMap(invokeProblems), ...code.flatMap(actionProblems)];
  if (problems.length > 0) {
    throw new PerdureError('MACHINE_INVALID', `Machine "${id}" cannot be run:\n${bullets(problems)}`, { machine: id, problems });
  }
  const missing = [...invokes.flatMap(missingActivity), ...code.filter((site) => site.code === undefined).map(describeMissing)];
  if (missing.length > 0) {
    const unique = [...new Set(missing)];
    const remedy = 'Provide it with machine.provide({ … }), activities with implement().';
    throw new PerdureError('IMPLEMENTATION_MISSING', `Machine "${id}" lacks code:\n${bullets(unique)}\n${remedy}`, { missing: unique });
  }
  const structure = structureOf(machine);
  return {
    reference: { id, version: machine.version as string, structureHash: hashStructure(structure) },
    structure,
    machine,
    activities: new Map(invokes.map((site) => [site.src, registeredActivity(id, site)])),
  };
}

function identityProblems(machine: AnyStateMachine): string[] {
  const problems: string[] = [];
  // XState names a machine without an id "(machine)".
  if (machine.id === '(machine)') problems.push('it has no id; give createMachine({ id: … }) one');
  if (typeof machine.version !== 'string' || machine.version === '') {
    problems.push(`it has no version; give createMachine({ version: '1', … }) one, and raise it when the chart changes`);
  }
  return problems;
}

function invokeProblems(site: InvokeSite): string[] {
  if (site.systemId !== undefined) return [`state "${site.state}" gives "${site.src}" a systemId, which is not supported; leave it out`];
  if (site.hasOnSnapshot)
    return [`state "${site.state}" listens to snapshots of "${site.src}" (onSnapshot), but an activity has none; leave it out`];
  if (site.logic === undefined || activityDescriptor(site.logic) !== undefined) return [];
  return [`state "${site.state}" invokes "${site.src}", which is not an activity; write it with activity({ run })`];
}

function actionProblems(site: CodeSite): string[] {
  if (site.kind !== 'action' || site.code === undefined) return [];
  const type = (site.code as { readonly type?: unknown }).type;
  if (typeof type === 'string' && pureActions.has(type)) return [];
  const name = typeof type === 'string' ? type : site.name;
  return [`state "${site.state}" has the action "${name}" (${site.slot}), which would act outside of a commit; make it an activity`];
}

function missingActivity(site: InvokeSite): string[] {
  const hasCode = activityDescriptor(site.logic)?.run !== undefined;
  return hasCode ? [] : [`activity "${site.src}" invoked in state "${site.state}"`];
}

function describeMissing(site: CodeSite): string {
  return `${site.kind} "${site.name}" in state "${site.state}" (${site.slot})`;
}

function registeredActivity(machineId: string, site: InvokeSite): RegisteredActivity {
  const descriptor = activityDescriptor(site.logic);
  if (descriptor === undefined) throw new TypeError(`"${site.src}" passed the checks without being an activity.`);
  return { src: site.src, name: descriptor.name ?? `${machineId}.${site.src}`, descriptor };
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `  - ${line}`).join('\n');
}
