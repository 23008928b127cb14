/** Mistakes an engine could make with what there is to undo; see `planted-faults.ts`. */
import type { LedgerRecord } from '../../src/kernel/ledger-record.ts';
import { RowChanges } from '../../src/kernel/row-changes.ts';
import type { PlantedFault, Undo } from './planted-faults.ts';
import { actsBeforeTheCommit, patch, patchBatches } from './planted-faults.ts';
import { isUnwinding } from './undo-rules.ts';

/** Changes the entries of ledgers as steps put them. */
function patchEntries(change: (entry: LedgerRecord) => LedgerRecord): Undo {
  return patch(
    RowChanges.prototype,
    'set',
    (set) =>
      function (this: RowChanges<unknown>, n, row) {
        set.call(this, n, isEntry(row) ? change(row) : row);
      },
  );
}

function isEntry(row: unknown): row is LedgerRecord {
  return typeof row === 'object' && row !== null && 'outcome' in row;
}

const later = 1_000_000;

function oldestFirst(entry: LedgerRecord): LedgerRecord {
  const { settledAt = later, undo } = entry;
  return undo === undefined && settledAt < later / 2 ? { ...entry, settledAt: later - settledAt } : entry;
}

/** Once for each. */
function undoesAgain(): Undo {
  const known = new Set<string>();
  return patchEntries((entry) => {
    const { undo, undoEndedAtMs: _, ...rest } = entry;
    const { idempotencyKey: key } = entry;
    if (undo !== 'undone' || key === undefined || known.has(key)) return entry;
    known.add(key);
    return rest;
  });
}

export const plantedFaultsOfUndos: readonly PlantedFault[] = [
  { name: 'undoes the oldest first', plant: () => patchEntries(oldestFirst) },
  {
    name: 'leaves out what completed',
    plant: () =>
      patchEntries((entry) => (entry.outcome === 'completed' && entry.undo === undefined ? { ...entry, undo: 'undone' } : entry)),
  },
  {
    name: 'leaves out what may have taken effect',
    plant: () => patchEntries((entry) => (entry.outcome === 'unknown' && entry.undo === undefined ? { ...entry, undo: 'undone' } : entry)),
  },
  {
    name: 'undoes before the commit is on disk',
    plant: () => actsBeforeTheCommit(({ commit }) => isUnwinding(commit.record)),
  },
  { name: 'undoes again what was undone', plant: undoesAgain },
  {
    name: 'does not keep what an undo that failed owes a person',
    plant: () =>
      patchBatches((batch) => ({
        ...batch,
        commits: batch.commits.map(({ queuePut, ...commit }) => {
          const others = queuePut?.filter(({ cause }) => cause !== 'undo') ?? [];
          return others.length === 0 ? commit : { ...commit, queuePut: others };
        }),
      })),
  },
  {
    name: 'undoes without waiting for what is in flight',
    plant: () => patchEntries((entry) => (entry.outcome === 'leaving' ? { ...entry, outcome: 'unknown', settledAt: 1 } : entry)),
  },
  {
    name: 'tells an undo nothing of what was done',
    plant: () => patchEntries(({ output: _output, ...entry }) => entry),
  },
];
