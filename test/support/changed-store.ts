import type { Store } from '../../src/kernel/ports.ts';

/** The store with a method that does something else; the rest stays bound to it. */
export function changedStore(store: Store, changes: Partial<Store>): Store {
  return {
    location: store.location,
    lastCommit: store.lastCommit,
    outbox: store.outbox,
    write: (batch) => store.write(batch),
    erase: (workflowId, lastRun, limit) => store.erase(workflowId, lastRun, limit),
    forgetMessages: (beforeMs, limit, after) => store.forgetMessages(beforeMs, limit, after),
    compact: (isWanted) => store.compact(isWanted),
    readTombstone: (workflowId) => store.readTombstone(workflowId),
    readMailbox: (root, limit) => store.readMailbox(root, limit),
    readItems: (fanOut, from, limit) => store.readItems(fanOut, from, limit),
    readLatestRun: (id) => store.readLatestRun(id),
    readTree: (root, closedMax) => store.readTree(root, closedMax),
    readMessage: (workflowId, messageId) => store.readMessage(workflowId, messageId),
    readJournal: (address, from, limit) => store.readJournal(address, from, limit),
    scanActive: (limit, after) => store.scanActive(limit, after),
    scanMail: (limit, after) => store.scanMail(limit, after),
    scanTimers: (untilMs, limit, after) => store.scanTimers(untilMs, limit, after),
    scanActors: (limit, after) => store.scanActors(limit, after),
    list: (query) => store.list(query),
    count: (query) => store.count(query),
    listQueue: (query) => store.listQueue(query),
    countQueue: (query) => store.countQueue(query),
    readQueueItem: (place) => store.readQueueItem(place),
    rebuildListing: () => store.rebuildListing(),
    readDefinitions: () => store.readDefinitions(),
    close: () => store.close(),
    ...changes,
  };
}
