import type { Actor } from './actor.ts';
import { reviveActor } from './actor.ts';
import { hasErrorCode, PerdureError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { failureOf } from './failure.ts';
import type { StoredActor } from './ports.ts';
import type { DefinitionRecord, ParkReason } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import { registerMachine } from './registered-machine.ts';
import type { AnyStateMachine } from './xstate-seam.ts';
import { differingStates } from './xstate-structure.ts';

/** The machines a host runs, by id and version. */
export interface MachineRegistry {
  readonly machines: readonly RegisteredMachine[];
  find(id: string, version: string): RegisteredMachine | undefined;
}

/** Why an actor on disk cannot be run now. */
export interface Park {
  readonly reason: ParkReason;
  readonly failure: FailureRecord;
}

export type Revival = { readonly kind: 'actor'; readonly actor: Actor } | { readonly kind: 'parked'; readonly park: Park };

/**
 * Registers machines.
 *
 * @throws PerdureError `MACHINE_INVALID`, `MACHINE_DUPLICATE`, or `IMPLEMENTATION_MISSING` naming what all of them lack
 */
export function createRegistry(machines: readonly AnyStateMachine[]): MachineRegistry {
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
  return { machines: [...byKey.values()], find: (id, version) => byKey.get(keyOf(id, version)) };
}

/** Makes an actor of what is on disk, or says why it has to wait. */
export function revive(registry: MachineRegistry, stored: StoredActor): Revival {
  const { record, activities } = stored;
  const { id, version } = record.machine;
  const machine = registry.find(id, version);
  if (machine === undefined) {
    return park('version-missing', `Machine "${id}" version "${version}" is not registered; give it to openRuntime.`);
  }
  const lost = activities.find((activity) => !machine.activities.has(activity.src));
  if (lost !== undefined) return park('activity-missing', `Machine "${id}" version "${version}" has no activity "${lost.src}" any more.`);
  try {
    return { kind: 'actor', actor: reviveActor(machine, stored) };
  } catch (error) {
    return { kind: 'parked', park: { reason: 'record-damaged', failure: failureOf(error) } };
  }
}

/** A record that cannot be read parks its workflow. */
export function damaged(error: unknown): Park {
  return { reason: 'record-damaged', failure: failureOf(error) };
}

/** What a registered machine and the stored definition of its version have to say to each other. */
export function compareDefinition(
  machine: RegisteredMachine,
  stored: DefinitionRecord | undefined,
): { readonly kind: 'new' | 'same' } | { readonly kind: 'changed'; readonly differences: readonly string[] } {
  if (stored === undefined) return { kind: 'new' };
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

function park(reason: ParkReason, message: string): Revival {
  return { kind: 'parked', park: { reason, failure: { class: 'Parked', message } } };
}
