/** Lists and counts of the second host: all documents of one moment, in order; what a filter, a group and a cursor are is the kernel's. */
import type { CountOptions, ListOptions, WorkflowCount, WorkflowFilter, WorkflowGroups, WorkflowList } from 'perdure';
import { addTo, checkCount, countShown, groupsOf } from '../../src/kernel/count-query.ts';
import { matchesFilter } from '../../src/kernel/list-filter.ts';
import type { ListPosition, ListSort } from '../../src/kernel/list-query.ts';
import { checkList, formatCursor } from '../../src/kernel/list-query.ts';
import type { IsMissing, ListedWorkflow } from '../../src/kernel/listing.ts';
import { listedWorkflow, unreadableWorkflow } from '../../src/kernel/listing.ts';
import type { MachineRegistry } from '../../src/kernel/machine-registry.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Documents } from './documents.ts';

export class DocumentLists {
  readonly #documents: Documents;
  readonly #isMissing: IsMissing;

  constructor(documents: Documents, registry: MachineRegistry) {
    this.#documents = documents;
    this.#isMissing = (machine, version) => registry.find(machine, version) === undefined;
  }

  async list(filter: WorkflowFilter = {}, options: ListOptions = {}): Promise<WorkflowList> {
    const query = checkList(filter, options, this.#isMissing);
    const direction = query.isDescending ? -1 : 1;
    const compare = (a: ListPosition, b: ListPosition): number =>
      direction * (a.atMs - b.atMs || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
    const isBehind = (place: ListPosition): boolean => query.after === undefined || compare(place, query.after) > 0;
    const places = (await this.#workflows())
      .flatMap((workflow) => placeOf(workflow, query.sort) ?? [])
      .filter((place) => isBehind(place) && matchesFilter(place.workflow, query.filter))
      .sort(compare);
    const page = places.slice(0, query.limit);
    const last = page.at(-1);
    const workflows = page.map(({ workflow }) => workflow);
    return last === undefined || places.length === page.length ? { workflows } : { workflows, next: formatCursor(last, query) };
  }

  async count(filter: WorkflowFilter = {}, options: CountOptions = {}): Promise<WorkflowCount | WorkflowGroups> {
    const query = checkCount(filter, options, this.#isMissing);
    const counts = new Map<string, number>();
    for (const workflow of (await this.#workflows()).filter((each) => matchesFilter(each, query.filter))) {
      for (const group of groupsOf(workflow, query.groupBy)) addTo(counts, group, 1);
    }
    return countShown({ counts, exact: true }, query);
  }

  async #workflows(): Promise<ListedWorkflow[]> {
    const all = await this.#documents.readAll();
    return all.flatMap(({ id, document }) => {
      if (document === undefined) return unreadableWorkflow(rootAddress(id, 1), {});
      const root = document.runs.at(-1)?.[0]?.record;
      return root === undefined ? [] : listedWorkflow(root, this.#isMissing);
    });
  }
}

function placeOf(workflow: ListedWorkflow, sort: ListSort): (ListPosition & { readonly workflow: ListedWorkflow }) | undefined {
  const atMs = sort === 'id' ? 0 : workflow[`${sort}AtMs`];
  return atMs === undefined ? undefined : { atMs, id: workflow.id, run: workflow.run, workflow };
}
