import { appendFile, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { findLogDamage } from '../../src/storage/log-check.ts';
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
      const actor = await store.readTree(commit.record.address);
      expect(actor?.root).toEqual({ record: commit.record, activities: commit.activitiesPut, children: [] });
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

describe('a damaged log is found before the store is used', () => {
  const commits = 60;

  test('any flipped bit of any batch but the last', async () => {
    const { image, acknowledged } = await writtenStore(commits);
    const lastBegin = acknowledged[commits - 1] ?? 0;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: (acknowledged.at(-1) ?? 0) - 1 }), fc.nat({ max: 7 }), async (position, bit) => {
        const torn = await tornImage(image, acknowledged.at(-1) ?? 0, Uint8Array.of());
        await flipBit(await logOf(torn), position, bit);
        const outcome = await stateOf(torn).catch((error: unknown) => {
          if (!hasErrorCode(error, 'STORE_DAMAGED')) throw error;
          return 'damaged';
        });
        // Where no header fits any more, a block ends with the end of a piece or with bytes that hold nothing.
        const mayBePadding = logBlockBytes - (position % logBlockBytes) < 7;
        const beforeLast = mayBePadding ? ['damaged', commits] : ['damaged'];
        expect(position < lastBegin ? beforeLast : [commits - 1, commits]).toContain(outcome);
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  test('a block in the middle that was zeroed', async () => {
    const { image } = await writtenStore(commits);
    const log = await logOf(image);
    const bytes = await readFile(log);
    await writeFile(log, bytes.fill(0, logBlockBytes, 2 * logBlockBytes));
    await expect(openLevelStore({ path: image })).rejects.toThrow(
      /its log level\/\d+\.log is damaged at byte 32768, before commits that were written later/,
    );
  });

  test('a log that is gone', async () => {
    const { image } = await writtenStore(commits);
    await rm(await logOf(image));
    await expect(openLevelStore({ path: image })).rejects.toThrow(/its log, number \d+, is missing/);
  });

  test('a manifest cut short that names a log which is in tables by now', async () => {
    const { image } = await writtenStore(commits);
    await (await openLevelStore({ path: image })).close();
    const [name] = (await readdir(join(image, 'level'))).filter((file) => file.startsWith('MANIFEST'));
    const manifest = join(image, 'level', name ?? '');
    await truncate(manifest, (await stat(manifest)).size - 7);
    await expect(openLevelStore({ path: image })).rejects.toSatisfy((error) => hasErrorCode(error, 'STORE_DAMAGED'));
  });

  test('what a log looks like while its owner is at work is no damage', async () => {
    const path = join(await temporaryFolder(), 'store');
    const store = await openLevelStore({ path });
    const level = join(path, 'level');
    const big = { ...sampleCommit(1).record.chart, context: { text: 'x'.repeat(900_000) } };
    const checks: Promise<string | undefined>[] = [];
    // More than two write buffers, so that logs are changed and deleted meanwhile.
    for (let number = 1; number <= 80; number += 1) {
      checks.push(findLogDamage(level));
      await store.write(sampleBatch(number, [sampleCommit(number, { record: { chart: big } })]));
    }
    expect(new Set(await Promise.all(checks))).toEqual(new Set([undefined]));
    await store.close();
    const again = await openLevelStore({ path });
    expect(again.lastCommit).toBe(80);
    await again.close();
  }, 60_000);
});

async function flipBit(path: string, position: number, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << bit), position);
  await writeFile(path, bytes);
}
