/** A machine as hosts know it: checked at the door, its structure hashed, its activities found. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import { checkId } from './address.ts';
import { hasErrorCode, PerdureError } from './errors.ts';
import { runnableDescriptor } from './plain-promise.ts';
import type { MachineReference } from './record.ts';
import type { Json } from './json.ts';
import { formatValue } from './value-encoding.ts';
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
  const ofId = idProblems(id);
  // Activities without a name of their own are named after the machine, and would only repeat what is wrong with its id.
  const ofNames = ofId.length > 0 ? [] : invokes.flatMap((site) => nameProblems(id, site));
  const ofParts = [...invokes.flatMap(invokeProblems), ...ofNames, ...code.flatMap(actionProblems)];
  const problems = [...ofId, ...versionProblems(machine.version), ...ofParts];
  if (problems.length > 0) {
    const message = `Machine ${formatValue(id)} cannot be run:\n${bullets(problems)}`;
    throw new PerdureError('MACHINE_INVALID', message, { machine: id, problems });
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

function idProblems(id: unknown): string[] {
  // XState names a machine without an id "(machine)".
  if (typeof id !== 'string' || id === '(machine)') return ['it has no id; give createMachine({ id: … }) one'];
  return wordProblems(id).map((problem) => `its id ${problem}; give createMachine({ id: … }) another`);
}

function versionProblems(version: unknown): string[] {
  if (typeof version !== 'string' || version === '') {
    return [`it has no version; give createMachine({ version: '1', … }) one, and raise it when the chart changes`];
  }
  return wordProblems(version).map((problem) => `its version ${problem}; give createMachine({ version: … }) another`);
}

function nameProblems(machineId: string, site: InvokeSite): string[] {
  const descriptor = runnableDescriptor(site.logic);
  if (descriptor === undefined) return [];
  const place = `state "${site.state}" invokes "${site.src}", whose name`;
  return wordProblems(nameOf(machineId, site, descriptor)).map((problem) => `${place} ${problem}; give activity({ name: … }) another`);
}

/** Words that become part of keys and records keep the rules of ids. */
function wordProblems(word: string): string[] {
  try {
    checkId(word, 'word');
    return [];
  } catch (error) {
    if (!hasErrorCode(error, 'ID_INVALID')) throw error;
    return [`${formatValue(word)} ${error.details.reason}`];
  }
}

function invokeProblems(site: InvokeSite): string[] {
  if (site.systemId !== undefined) return [`state "${site.state}" gives "${site.src}" a systemId, which is not supported; leave it out`];
  if (site.hasOnSnapshot) {
    return [`state "${site.state}" listens to snapshots of "${site.src}" (onSnapshot), but an activity has none; leave it out`];
  }
  if (site.logic === undefined || runnableDescriptor(site.logic) !== undefined) return [];
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
  const hasCode = runnableDescriptor(site.logic)?.run !== undefined;
  return hasCode ? [] : [`activity "${site.src}" invoked in state "${site.state}"`];
}

function describeMissing(site: CodeSite): string {
  return `${site.kind} "${site.name}" in state "${site.state}" (${site.slot})`;
}

function registeredActivity(machineId: string, site: InvokeSite): RegisteredActivity {
  const descriptor = runnableDescriptor(site.logic);
  if (descriptor === undefined) throw new TypeError(`"${site.src}" passed the checks without being an activity.`);
  return { src: site.src, name: nameOf(machineId, site, descriptor), descriptor };
}

function nameOf(machineId: string, site: InvokeSite, descriptor: ActivityDescriptor): string {
  return descriptor.name ?? `${machineId}.${site.src}`;
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `  - ${line}`).join('\n');
}
