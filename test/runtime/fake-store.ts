/** A store of which a test gives the parts it is about. */
import type { Store } from '../../src/kernel/ports.ts';

export function fakeStore(parts: Partial<Store>): Store {
  const unexpected = (name: string) => (): never => {
    throw new Error(`The store was not expected to be asked for ${name}.`);
  };
  return {
    location: 'memory',
    lastCommit: 0,
    outbox: {
      scan: unexpected('scan'),
      readOf: unexpected('readOf'),
      count: unexpected('count'),
      readConsumers: () => Promise.resolve([]),
      write: unexpected('write'),
    },
    write: unexpected('write'),
    erase: unexpected('erase'),
    forgetMessages: unexpected('forgetMessages'),
    compact: unexpected('compact'),
    readLatestRun: unexpected('readLatestRun'),
    readTombstone: unexpected('readTombstone'),
    readMailbox: unexpected('readMailbox'),
    readItems: unexpected('readItems'),
    readTree: unexpected('readTree'),
    readMessage: unexpected('readMessage'),
    readJournal: unexpected('readJournal'),
    scanActive: unexpected('scanActive'),
    scanMail: unexpected('scanMail'),
    scanTimers: unexpected('scanTimers'),
    scanActors: unexpected('scanActors'),
    list: unexpected('list'),
    count: unexpected('count'),
    listQueue: unexpected('listQueue'),
    countQueue: unexpected('countQueue'),
    readQueueItem: unexpected('readQueueItem'),
    rebuildListing: unexpected('rebuildListing'),
    readDefinitions: unexpected('readDefinitions'),
    close: unexpected('close'),
    ...parts,
  };
}

/** A promise that a test settles when it likes. */
export interface Held {
  readonly promise: Promise<void>;
  readonly release: () => void;
  readonly fail: (error: Error) => void;
}

export function hold(): Held {
  let release = (): void => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    release = resolve;
    fail = reject;
  });
  return { promise, release, fail };
}
