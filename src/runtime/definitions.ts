/** What the store knows of machines, against what is registered now. */
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { compareDefinition, definitionChanged } from '../kernel/machine-registry.ts';
import type { Store } from '../kernel/ports.ts';
import type { DefinitionRecord } from '../kernel/record.ts';
import { isClosed } from '../kernel/record.ts';
import type { RegisteredMachine } from '../kernel/registered-machine.ts';

/** What is stored against what is registered. */
interface Differences {
  /** Registered and not stored as they are: to be written. */
  readonly toWrite: readonly RegisteredMachine[];
  /** Those of them of which another structure is stored, with what differs. */
  readonly changed: readonly { readonly machine: RegisteredMachine; readonly differences: readonly string[] }[];
  /** Stored and not registered, with workflows that were open when last looked at, or never looked at. */
  readonly missing: readonly DefinitionRecord[];
}

/** A version of a machine. */
type Version = Pick<DefinitionRecord['machine'], 'id' | 'version'>;

/** Counts the open workflows of a version. */
type OpenCount = (version: Version) => number;

/**
 * Stores the definitions that are new, marks those that nobody needs any more as retired, and counts the open workflows whose
 * version is not registered. Opening costs what is active: all workflows are looked through, once, only if a structure changed
 * or a version that is not retired is missing.
 *
 * @throws PerdureError `DEFINITION_CHANGED` if a version's structure changed while workflows are open on it
 */
export async function reconcileDefinitions(
  store: Store,
  registry: MachineRegistry,
  logger: Logger,
): Promise<{ readonly versionMissing: number }> {
  const { toWrite, changed, missing } = compare(await store.readDefinitions(), registry);
  const openOn = changed.length + missing.length > 0 ? await countOpen(store) : () => 0;
  for (const { machine, differences } of changed) {
    const open = openOn(machine.reference);
    if (open === 0) continue;
    if (registry.onDefinitionChange === 'fail') throw definitionChanged(machine, differences);
    const { id: name, version } = machine.reference;
    logger.warn({ machine: name, version, open, differences }, 'A machine changed under its version while workflows are open on it.');
  }
  const definitions: readonly DefinitionRecord[] = [
    ...toWrite.map(({ reference, structure }) => ({ machine: reference, structure })),
    ...missing.filter(({ machine }) => openOn(machine) === 0).map((definition) => ({ ...definition, isRetired: true as const })),
  ];
  if (definitions.length > 0) await store.write({ firstCommit: store.lastCommit + 1, commits: [], definitions });
  return { versionMissing: missing.reduce((sum, { machine }) => sum + openOn(machine), 0) };
}

function compare(stored: readonly DefinitionRecord[], registry: MachineRegistry): Differences {
  const toWrite: RegisteredMachine[] = [];
  const changed: { readonly machine: RegisteredMachine; readonly differences: readonly string[] }[] = [];
  for (const machine of registry.machines) {
    const { id, version } = machine.reference;
    const known = stored.find((definition) => definition.machine.id === id && definition.machine.version === version);
    const comparison = compareDefinition(machine, known);
    if (comparison.kind !== 'same') toWrite.push(machine);
    if (comparison.kind === 'changed') changed.push({ machine, differences: comparison.differences });
  }
  const isMissing = ({ machine, isRetired }: DefinitionRecord): boolean =>
    isRetired !== true && registry.find(machine.id, machine.version) === undefined;
  return { toWrite, changed, missing: stored.filter(isMissing) };
}

async function countOpen(store: Store): Promise<OpenCount> {
  const counts = new Map<string, number>();
  const keyOf = ({ id, version }: Version): string => JSON.stringify([id, version]);
  let page = await store.scanActors(limits.scanPageMax);
  for (;;) {
    for (const { record } of page.rows) {
      // A child runs on the machine its parent has for it, whatever is registered under the same name.
      if (record === undefined || record.address.path.length > 0 || isClosed(record.status)) continue;
      const key = keyOf(record.machine);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    if (page.next === undefined) return (version) => counts.get(keyOf(version)) ?? 0;
    page = await store.scanActors(limits.scanPageMax, page.next);
  }
}
