import { reviveActor } from './actor.ts';
import { hasErrorCode, PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import type { StoredTree } from './ports.ts';
import type { ActorRecord, DefinitionRecord, ParkReason } from './record.ts';
import { isClosed } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import { registerMachine } from './register-machine.ts';
import { Tree } from './tree.ts';
import type { AnyStateMachine } from './xstate-seam.ts';
import { differingStates } from './xstate-structure.ts';

/** The machines a host runs, by id and version. */
export interface MachineRegistry {
  readonly machines: readonly RegisteredMachine[];
  find(id: string, version: string): RegisteredMachine | undefined;
  /** Whether a version whose structure changed under its workflows is refused, or run with a warning. */
  readonly onDefinitionChange: OnDefinitionChange;
}

/** What to do when the structure of a version is another than that its open workflows were started on. */
export type OnDefinitionChange = 'fail' | 'warn';

/** Why an actor on disk cannot be run now. */
export interface Park {
  readonly reason: ParkReason;
  readonly failure: FailureRecord;
  /** What is on disk, if it can be read and goes on some day: messages are stored with it meanwhile. */
  readonly record?: ActorRecord;
}

export type Revival =
  | { readonly kind: 'tree'; readonly tree: Tree }
  /** closed on a machine that is not registered any more, or not as it was: what there is to know is in the record */
  | { readonly kind: 'closed'; readonly record: ActorRecord; /** Whether nothing of it is left to go on. */ readonly isOver: boolean }
  | { readonly kind: 'parked'; readonly park: Park };

/**
 * Registers machines.
 *
 * @throws PerdureError `MACHINE_INVALID`, `MACHINE_DUPLICATE`, or `IMPLEMENTATION_MISSING` naming what all of them lack
 */
export function createRegistry(machines: readonly AnyStateMachine[], onDefinitionChange: OnDefinitionChange = 'fail'): MachineRegistry {
  const byKey = new Map<string, RegisteredMachine>();
  const lacking: PerdureError<'IMPLEMENTATION_MISSING'>[] = [];
  for (const machine of machines) {
    const key = keyOf(machine.id, String(machine.version));
    if (byKey.has(key)) {
      throw new PerdureError(
        'MACHINE_DUPLICATE',
        `Machine "${machine.id}" version "${machine.version}" is given twice; give each version once.`,
        {
          machine: machine.id,
          version: String(machine.version),
        },
      );
    }
    try {
      byKey.set(key, registerMachine(machine));
    } catch (error) {
      if (!hasErrorCode(error, 'IMPLEMENTATION_MISSING')) throw error;
      lacking.push(error);
    }
  }
  if (lacking.length > 0) {
    const missing = lacking.flatMap((error) => error.details.missing);
    throw new PerdureError('IMPLEMENTATION_MISSING', lacking.map((error) => error.message).join('\n'), { missing });
  }
  return { machines: [...byKey.values()], find: (id, version) => byKey.get(keyOf(id, version)), onDefinitionChange };
}

/** Makes actors of what is on disk, or says why they have to wait. A closed workflow never waits: it needs no machine. */
export function revive(registry: MachineRegistry, stored: StoredTree): Revival {
  const { record } = stored.root;
  const machine = registry.find(record.machine.id, record.machine.version);
  const isChanged = machine !== undefined && machine.reference.structureHash !== record.machine.structureHash;
  const isRefused = isChanged && registry.onDefinitionChange === 'fail';
  const found = machine === undefined ? missingMachine(record) : (obstacleTo(machine, stored, isRefused) ?? machine);
  const isObstacle = 'reason' in found;
  // Its end needs no machine; what may be left of it, a child or the last custom actions, waits for one.
  if (isClosed(record.status)) return reviveClosed(isObstacle ? undefined : found, stored);
  if (isObstacle) return { kind: 'parked', park: { ...found, record } };
  try {
    return { kind: 'tree', tree: reviveTree(found, stored) };
  } catch (error) {
    return { kind: 'parked', park: isChanged ? { ...unfit(record, error), record } : damaged(error) };
  }
}

function missingMachine(record: ActorRecord): Park {
  return parkFor('version-missing', `${nameOf(record)} is not registered; give it to openRuntime.`);
}

function reviveClosed(machine: RegisteredMachine | undefined, stored: StoredTree): Revival {
  const { record } = stored.root;
  try {
    if (machine !== undefined) return { kind: 'tree', tree: reviveTree(machine, stored) };
  } catch {
    // The chart has changed since; its end has not.
  }
  const isOver = [stored.root, ...stored.others].every((actor) => isClosed(actor.record.status) && actor.activities.length === 0);
  return { kind: 'closed', record, isOver };
}

function reviveTree(machine: RegisteredMachine, { root, others }: StoredTree): Tree {
  const tree = new Tree(machine, root.record.address);
  for (const stored of [root, ...others]) {
    // An actor without a machine is an obstacle.
    const own = tree.machineOf(stored.record.birth?.lineage ?? []) as RegisteredMachine;
    tree.add(reviveActor(own, stored, tree.surroundings));
  }
  return tree;
}

/** The machine changed under a workflow, and has no place for it any more. */
function unfit(record: ActorRecord, error: unknown): Park {
  const { message } = failureOf(error);
  return parkFor('version-missing', `${nameOf(record)} changed, and this workflow does not fit into it: ${message}`);
}

function obstacleTo(machine: RegisteredMachine, { root, others }: StoredTree, isRefused: boolean): Park | undefined {
  const { record } = root;
  const tree = new Tree(machine, record.address);
  for (const { record: own, activities } of [root, ...others]) {
    const lineage = own.birth?.lineage ?? [];
    const ownMachine = tree.machineOf(lineage);
    if (ownMachine === undefined) return parkFor('activity-missing', `${nameOf(record)} has no actor "${lineage.join('" / "')}" any more.`);
    const lost = activities.find(({ src, kind }) => kind !== 'actions' && !ownMachine.activities.has(src) && !ownMachine.children.has(src));
    if (lost !== undefined) return parkFor('activity-missing', `${nameOf(own)} has no activity "${lost.src}" any more.`);
  }
  if (!isRefused) return undefined;
  const remedy = 'give the one this workflow was started on to openRuntime';
  return parkFor('version-missing', `${nameOf(record)} is registered with another structure; ${remedy}.`);
}

function nameOf({ machine }: ActorRecord): string {
  return `Machine "${machine.id}" version "${machine.version}"`;
}

/** Whether a workflow waits for its machine version: closed ones do not. */
export function isVersionMissing(registry: MachineRegistry, { status, machine }: ActorRecord): boolean {
  return !isClosed(status) && registry.find(machine.id, machine.version) === undefined;
}

/** A record that cannot be read parks its workflow. */
export function damaged(error: unknown): Park {
  return { reason: 'record-damaged', failure: failureOf(error) };
}

/**
 * What a registered machine and the stored definition of its version have to say to each other. One that was retired is as good
 * as none: it has to be written again, and no workflow rests on its structure.
 */
export function compareDefinition(
  machine: RegisteredMachine,
  stored: DefinitionRecord | undefined,
): { readonly kind: 'new' | 'same' } | { readonly kind: 'changed'; readonly differences: readonly string[] } {
  if (stored === undefined || stored.isRetired === true) return { kind: 'new' };
  if (stored.machine.structureHash === machine.reference.structureHash) return { kind: 'same' };
  return { kind: 'changed', differences: differingStates(stored.structure, machine.structure) };
}

export function definitionChanged(machine: RegisteredMachine, differences: readonly string[]): PerdureError {
  const { id, version } = machine.reference;
  const list = differences.map((difference) => `  - ${difference}`).join('\n');
  return new PerdureError(
    'DEFINITION_CHANGED',
    `Machine "${id}" changed under the version "${version}", on which workflows are open:\n${list}\nGive the changed machine another version and register both.`,
    { machine: id, version, differences },
  );
}

function keyOf(id: string, version: string): string {
  return JSON.stringify([id, version]);
}

function parkFor(reason: ParkReason, message: string): Park {
  return { reason, failure: { class: 'Parked', message } };
}
