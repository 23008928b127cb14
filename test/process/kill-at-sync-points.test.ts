import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../../playground/inputs/seeded-random.ts';
import { temporaryFolder } from '../storage/folders.ts';
import { expectRecovery, placeIn } from './places.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { startWorkload } from './workload-process.ts';
import type { StorePoint } from './workload.ts';

const points = 200;
/** One process brings so many stores to their points: each is held still there, until all are and the process is killed. */
const storesPerLife = 25;

interface Point {
  readonly number: number;
  readonly side: StorePoint['side'];
}

const sides = ['before', 'after'] as const;

function pointsBetween(first: number, last: number): Point[] {
  return Array.from({ length: last - first + 1 }, (_none, index) => sides.map((side) => ({ number: first + index, side }))).flat();
}

async function killAt(chosen: readonly Point[]): Promise<void> {
  const folder = await temporaryFolder();
  for (let from = 0; from < chosen.length; from += storesPerLife) {
    const stores = await Promise.all(
      chosen.slice(from, from + storesPerLife).map(async (point): Promise<StorePoint> => {
        const own = join(folder, `${point.number}-${point.side}`);
        await mkdir(own);
        return { ...point, ...placeIn(own) };
      }),
    );
    const life = startWorkload({ kind: 'reach points', stores });
    expect(await life.ended).toEqual({ code: null, signal: 'SIGKILL', stderr: '' });
    for (const store of stores) await expectRecovery(store, replayOf('kill-at-sync-points.test.ts', `${store.side} batch ${store.number}`));
  }
}

describe('killed right before a batch is handed to LevelDB, or right after its sync, a process loses nothing and repeats nothing recorded', () => {
  const everyPoint = 30;
  const sample = 20;

  if (isSoak) {
    test(`at every one of ${points} batches`, async () => killAt(pointsBetween(1, points)), 600_000);
    return;
  }

  test(`at every one of the first ${everyPoint} batches of a store`, async () => killAt(pointsBetween(1, everyPoint)), 120_000);

  test(`at ${sample} of the later batches up to ${points}`, async () => {
    const random = mulberry32(seed);
    const later = pointsBetween(everyPoint + 1, points);
    const chosen = Array.from({ length: sample }, () => later.splice(Math.floor(random() * later.length), 1)).flat();
    await killAt(chosen);
  }, 120_000);
});
