/** What the second host's disk knows of machines, against what is registered now. */
import type { MachineRegistry } from '../../src/kernel/machine-registry.ts';
import { compareDefinition, definitionChanged } from '../../src/kernel/machine-registry.ts';
import type { ActorRecord, DefinitionRecord } from '../../src/kernel/record.ts';
import { isClosed } from '../../src/kernel/record.ts';
import type { Documents } from './documents.ts';

type Version = DefinitionRecord['machine'];

/**
 * Writes down the machines that are new or changed.
 *
 * @throws PerdureError `DEFINITION_CHANGED` if one changed while workflows are open on it, and that is not allowed
 */
export async function reconcileDefinitions(documents: Documents, registry: MachineRegistry, roots: readonly ActorRecord[]): Promise<void> {
  const stored = await documents.readDefinitions();
  const open = roots.filter(({ status }) => !isClosed(status));
  for (const machine of registry.machines) {
    const known = stored.find((definition) => isSame(definition.machine, machine.reference));
    const comparison = compareDefinition(machine, known);
    const isInUse = open.some((record) => isSame(record.machine, machine.reference));
    if (comparison.kind === 'changed' && isInUse && registry.onDefinitionChange === 'fail') {
      throw definitionChanged(machine, comparison.differences);
    }
  }
  const registered = registry.machines.map(({ reference, structure }): DefinitionRecord => ({ machine: reference, structure }));
  const others = stored.filter(({ machine }) => !registered.some((definition) => isSame(definition.machine, machine)));
  await documents.writeDefinitions([...registered, ...others]);
}

function isSame(one: Version, other: Version): boolean {
  return one.id === other.id && one.version === other.version;
}
