/** Mistakes about what lists and counts go by; see `planted-faults.ts`. */
import type { Commit } from '../../src/kernel/commit.ts';
import type { ListingChange } from '../../src/kernel/listing.ts';
import { ListingRows } from '../../src/storage/listing-rows.ts';
import type { PlantedFault, Undo } from './planted-faults.ts';
import { patch, patchBatches } from './planted-faults.ts';

/** @param change undefined: nothing changes */
function patchListed(change: (listed: ListingChange, commit: Commit) => ListingChange | undefined): Undo {
  return patchBatches((batch) => ({
    ...batch,
    commits: batch.commits.map((commit) => {
      if (commit.listed === undefined) return commit;
      const { listed, ...rest } = commit;
      const changed = change(listed, commit);
      return changed === undefined ? rest : { ...rest, listed: changed };
    }),
  }));
}

export const plantedFaultsOfLists: readonly PlantedFault[] = [
  {
    name: 'does not move a workflow that closes into the lists of closed ones',
    plant: () => patchListed((listed) => (listed.before !== undefined && listed.after?.closedAtMs !== undefined ? undefined : listed)),
  },
  {
    name: 'does not count a workflow in its new state',
    plant: () => patchListed((listed) => (listed.before?.status === listed.after?.status ? undefined : listed)),
  },
  {
    name: 'leaves the run before in the lists',
    plant: () => patchListed((listed, { base }) => (base === 0 && listed.after !== undefined ? { after: listed.after } : listed)),
  },
  {
    name: 'leaves deleted workflows in the lists',
    plant: () =>
      patch(
        ListingRows.prototype,
        'change',
        (change) =>
          function (this: ListingRows, changes) {
            return change.call(
              this,
              changes?.filter(({ after }) => after !== undefined),
            );
          },
      ),
  },
];
