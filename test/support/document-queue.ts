/** The queue of the second host: it stands in the documents of the workflows; what a filter and an item are is the kernel's. */
import { addTo } from '../../src/kernel/count-query.ts';
import { matchesQueueFilter, queueGroupsOf } from '../../src/kernel/queue-query.ts';
import type { CheckedQueueFilter } from '../../src/kernel/queue-query.ts';
import type { QueuePlace, QueueRecord } from '../../src/kernel/queue-record.ts';
import { isSameItem, queueItemId, queueKinds } from '../../src/kernel/queue-record.ts';
import type { QueueSource } from '../../src/runtime/queue-view.ts';
import type { Documents } from './documents.ts';
import { runOf, treeIn } from './documents.ts';

export function queueSourceOf(documents: Documents): QueueSource {
  const itemsOf = async (filter: CheckedQueueFilter): Promise<QueueRecord[]> => {
    const all = (await documents.readAll()).flatMap(({ document }) => document?.queue ?? []);
    return all.filter((item) => matchesQueueFilter(item, filter)).sort(compare);
  };
  const readRun: QueueSource['readRun'] = async ({ workflowId, run }) => {
    const found = await documents.readIfWhole(workflowId);
    const kept = found && runOf(found.document, run);
    return kept && treeIn(kept);
  };
  return {
    readRun,
    async listQueue({ filter, limit, after }) {
      const items = (await itemsOf(filter)).filter((item) => after === undefined || compare(item, after) > 0);
      const page = items.slice(0, limit);
      const last = page.at(-1);
      return last === undefined || page.length === items.length ? { items: page } : { items: page, next: last };
    },
    async countQueue({ filter, groupBy }) {
      const counts = new Map<string, number>();
      for (const item of await itemsOf(filter)) for (const group of queueGroupsOf(item, groupBy)) addTo(counts, group, 1);
      return { counts, exact: true };
    },
    async readQueueItem(place) {
      return (await itemsOf({})).find((item) => isSameItem(item, place));
    },
    async readMailbox({ workflowId, run }, limit) {
      const found = await documents.readIfWhole(workflowId);
      return (found && runOf(found.document, run)?.[0]?.mail.slice(0, limit)) ?? [];
    },
  };
}

function compare(a: QueuePlace, b: QueuePlace): number {
  const byKind = queueKinds.indexOf(a.kind) - queueKinds.indexOf(b.kind);
  return byKind || a.atMs - b.atMs || Buffer.compare(Buffer.from(queueItemId(a)), Buffer.from(queueItemId(b)));
}
