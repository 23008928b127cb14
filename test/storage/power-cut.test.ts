import { appendFile, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import { openLevelStore } from '../../src/storage/open-level-store.ts';
import { copyStore, temporaryFolder } from './folders.ts';
import { sampleActivity, sampleBatch, sampleCommit, sampleTimer } from './samples.ts';

/** LevelDB writes its log in blocks of this size; a record that crosses their border is split, and a rest too short for a header left out. */
const logBlockBytes = 32_768;

const actors = 3;

/** Commit `number` of a history in which three actors take turns, each with an activity pending after its odd steps. */
function commitOf(number: number): Commit {
  const sequence = Math.ceil(number / actors);
  const address = rootAddress(`order-${number % actors}`, 1);
  const chart = { ...sampleCommit(1).record.chart, context: { text: 'x'.repeat((number * 397) % 3_000) } };
  const isPending = sequence % 2 === 1;
  const record = { chart, activities: isPending ? [{ n: 1, childId: '1.order.paying' }] : [] };
  const timer = sampleTimer(1, 5_000);
  return isPending
    ? sampleCommit(sequence, { address, record, activitiesPut: [sampleActivity(1)], timersArmed: [timer] })
    : sampleCommit(sequence, { address, record, activitiesRemoved: [1], timersDisarmed: [timer] });
}

async function logOf(path: string): Promise<string> {
  const names = (await readdir(join(path, 'level'))).filter((name) => name.endsWith('.log'));
  expect(names).toHaveLength(1);
  return join(path, 'level', names[0] ?? '');
}

/** A store that is open, with the size of its log after each acknowledged commit; the index is the commit's number. */
async function writtenStore(commits: number): Promise<{ readonly image: string; readonly acknowledged: readonly number[] }> {
  const path = join(await temporaryFolder(), 'store');
  // Opened a second time, so that the first records are in a table and the log is new.
  await (await openLevelStore({ path })).close();
  const store = await openLevelStore({ path });
  const log = await logOf(path);
  const acknowledged = [(await stat(log)).size];
  for (let number = 1; number <= commits; number += 1) {
    await store.write(sampleBatch(number, [commitOf(number)]));
    acknowledged.push((await stat(log)).size);
  }
  const image = join(await temporaryFolder(), 'image');
  await copyStore(path, image);
  await store.close();
  return { image, acknowledged };
}

/** Opens what is left and checks that it is exactly the state after one commit; gives its number. */
async function stateOf(path: string): Promise<number> {
  const store = await openLevelStore({ path });
  try {
    const last = store.lastCommit;
    for (let turn = 0; turn < actors && turn < last; turn += 1) {
      const commit = commitOf(last - turn);
      const actor = await store.readActor(commit.record.address);
      expect(actor).toEqual({ record: commit.record, activities: commit.activitiesPut });
      expect(await store.readJournal(commit.record.address, 1, 1_000)).toHaveLength(commit.record.sequence);
    }
    expect((await store.scanActors(100)).rows).toHaveLength(Math.min(last, actors));
    return last;
  } finally {
    await store.close();
  }
}

async function tornImage(image: string, length: number, garbage: Uint8Array): Promise<string> {
  const torn = join(await temporaryFolder(), 'torn');
  await copyStore(image, torn);
  const log = await logOf(torn);
  await truncate(log, length);
  await appendFile(log, garbage);
  return torn;
}

describe('a power cut loses nothing acknowledged and keeps whole batches only', () => {
  const commits = 60;

  test('with the log cut at any point', async () => {
    const { image, acknowledged } = await writtenStore(commits);
    const size = acknowledged.at(-1) ?? 0;
    expect(size).toBeGreaterThan(3 * logBlockBytes);
    // Around the borders of batches and blocks, and anywhere.
    const borders = [...acknowledged, logBlockBytes, 2 * logBlockBytes, 3 * logBlockBytes];
    const anyCut = fc.oneof(
      fc.tuple(fc.constantFrom(...borders), fc.integer({ min: -9, max: 9 })).map(([border, offset]) => border + offset),
      fc.nat({ max: size }),
    );
    await fc.assert(
      fc.asyncProperty(
        anyCut.filter((cut) => cut >= 0 && cut <= size),
        async (cut) => {
          const kept = acknowledged.findLastIndex((length) => length <= cut);
          expect(await stateOf(await tornImage(image, cut, Uint8Array.of()))).toBe(Math.max(kept, 0));
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  test('with garbage after what was acknowledged', async () => {
    const { image, acknowledged } = await writtenStore(commits);
    const anyGarbage = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 40_000 }).map((length) => new Uint8Array(length)),
      fc.integer({ min: 1, max: 40_000 }).map((length) => new Uint8Array(length).fill(0xff)),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: commits }), anyGarbage, async (number, garbage) => {
        expect(await stateOf(await tornImage(image, acknowledged[number] ?? 0, garbage))).toBe(number);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
