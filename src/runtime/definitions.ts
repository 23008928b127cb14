/** What the store knows of machines, against what is registered now. */
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { compareDefinition, definitionChanged } from '../kernel/machine-registry.ts';
import type { Store } from '../kernel/ports.ts';
import type { ActorRecord, DefinitionRecord } from '../kernel/record.ts';
import { isClosed } from '../kernel/record.ts';

/**
 * Stores the definitions that are new and counts the open workflows whose version is not registered.
 *
 * @throws PerdureError `DEFINITION_CHANGED` if a version's structure changed while workflows are open on it
 */
export async function reconcileDefinitions(store: Store, registry: MachineRegistry): Promise<{ readonly versionMissing: number }> {
  const stored = await store.readDefinitions();
  const definitions: DefinitionRecord[] = [];
  for (const machine of registry.machines) {
    const { id, version } = machine.reference;
    const known = stored.find((definition) => definition.machine.id === id && definition.machine.version === version);
    const comparison = compareDefinition(machine, known);
    if (comparison.kind === 'same') continue;
    if (comparison.kind === 'changed') {
      const rests = await countOpen(store, (record) => record.machine.id === id && record.machine.version === version);
      if (rests > 0) throw definitionChanged(machine, comparison.differences);
    }
    definitions.push({ machine: machine.reference, structure: machine.structure });
  }
  if (definitions.length > 0) await store.write({ firstCommit: store.lastCommit + 1, commits: [], definitions });
  const isMissing = ({ machine }: { readonly machine: { readonly id: string; readonly version: string } }): boolean =>
    registry.find(machine.id, machine.version) === undefined;
  // Looked through only if some version is missing at all: opening costs what is active.
  return { versionMissing: stored.some(isMissing) ? await countOpen(store, isMissing) : 0 };
}

async function countOpen(store: Store, matches: (record: ActorRecord) => boolean): Promise<number> {
  let count = 0;
  let page = await store.scanActors(limits.scanPageMax);
  for (;;) {
    count += page.rows.filter(({ record }) => record !== undefined && !isClosed(record.status) && matches(record)).length;
    if (page.next === undefined) return count;
    page = await store.scanActors(limits.scanPageMax, page.next);
  }
}
