/** Ways to run the job, each from its start to its end. */
import { join } from 'node:path';
import { Level } from 'level';
import { createActor } from 'xstate';
import { openCalmRuntime } from './calm-runtime.ts';
import { durableJob, plainJob } from './five-steps.ts';
import type { RecordedBatch } from './recorded-writes.ts';
import { Replay } from './recorded-writes.ts';
import { newFolder, removeFolder } from './temp-folder.ts';

/** Runs one job to its end. */
type RunOne = (id: string) => Promise<void>;

export interface OpenContender {
  readonly runOne: RunOne;
  /** Takes everything away again. */
  readonly close: () => Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly open: () => Promise<OpenContender>;
}

async function inFolder(open: (folder: string) => Promise<OpenContender>): Promise<OpenContender> {
  const folder = newFolder();
  const opened = await open(folder);
  const close = async (): Promise<void> => {
    await opened.close();
    removeFolder(folder);
  };
  return { ...opened, close };
}

/** With the options that Perdure opens its own with, so that what is between the two is Perdure alone. */
export async function openRawLevel(folder: string): Promise<Level<Uint8Array, Uint8Array>> {
  const mebibyte = 1024 * 1024;
  const sizes = { writeBufferSize: 32 * mebibyte, maxFileSize: 16 * mebibyte, cacheSize: 64 * mebibyte };
  const level = new Level<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view', ...sizes });
  await level.open();
  return level;
}

export const perdure: Contender = {
  name: 'perdure',
  open: () =>
    inFolder(async (folder) => {
      const runtime = await openCalmRuntime(join(folder, 'store'), [durableJob]);
      const runOne: RunOne = async (id) => void (await (await runtime.start(durableJob, { id, input: { merchant: id } })).result());
      return { runOne, close: () => runtime.close() };
    }),
};

/** Nothing is kept. */
export const inMemory: Contender = {
  name: 'XState in memory',
  open: () =>
    Promise.resolve({
      runOne: (id) =>
        new Promise((resolve, reject) => {
          const actor = createActor(plainJob, { id, input: { merchant: id } });
          actor.subscribe({ complete: resolve, error: reject });
          actor.start();
        }),
      close: () => Promise.resolve(),
    }),
};

/** The twenty lines that everybody writes first: the whole snapshot after every step, nothing recorded of the activities. */
export const handRolled: Contender = {
  name: 'hand-rolled',
  open: () =>
    inFolder(async (folder) => {
      const level = await openRawLevel(folder);
      const runOne: RunOne = (id) =>
        new Promise((resolve, reject) => {
          const actor = createActor(plainJob, { id, input: { merchant: id } });
          let last: Promise<void> = Promise.resolve();
          const keep = (): void => {
            const snapshot = Buffer.from(JSON.stringify(actor.getPersistedSnapshot()));
            // One write in flight a key: LevelDB may reorder them otherwise.
            last = last.then(() => level.put(Buffer.from(id), snapshot, { sync: true }));
          };
          actor.subscribe({ next: keep, complete: () => void last.then(resolve, reject), error: reject });
          actor.start();
        });
      return { runOne, close: () => level.close() };
    }),
};

/** What Perdure writes for a job, batch after batch, without anything that decides on it. */
export function rawBatches(batches: readonly RecordedBatch[], recordedId: string): Contender {
  return {
    name: 'raw LevelDB',
    open: () =>
      inFolder(async (folder) => {
        const level = await openRawLevel(folder);
        const replay = new Replay(batches, recordedId);
        return { runOne: (id) => replay.write(level, id), close: () => level.close() };
      }),
  };
}
