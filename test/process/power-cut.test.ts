import { appendFile, copyFile, mkdir, readdir, stat, truncate } from 'node:fs/promises';
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { openRuntime } from 'perdure';
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../../playground/inputs/seeded-random.ts';
import { copyStore, temporaryFolder } from '../storage/folders.ts';
import { openLedger } from './outside-ledger.ts';
import { deliverAll } from './parcel-client.ts';
import { parcelIn } from './parcel-machine.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import type { LedgerEntry } from './outside-ledger.ts';
import { findMissingOn, finishOn, liveUntilCut } from './memory-lives.ts';
import type { Place } from './places.ts';
import { expectRecovery, newPlace, placeIn } from './places.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import type { SyncPoint } from './sync-points.ts';
import { visitSyncPoints } from './sync-points.ts';

const images = isSoak ? 2_000 : 20;
const imagesPerRun = 20;
const batches = 200;
const runs = isSoak ? 2_000 : 40;
const livesPerRun = 4;
const replay = replayOf('power-cut.test.ts');

/** When a copy of the files is made: right before a batch is handed over, while it is written, or after, when nobody knows yet. */
type Moment = 'before' | 'during' | 'after';

interface Image extends Place {
  readonly what: string;
}

/**
 * Takes images of a store while a runtime works on it. In the copied log, everything after what had been acknowledged is cut off
 * at a random byte, and sometimes followed by garbage: a disk may have kept any part of it.
 */
class Camera {
  readonly images: Image[] = [];
  readonly #place: Place;
  readonly #folder: string;
  readonly #random: () => number;
  readonly #plan: ReadonlyMap<number, Moment>;
  #acknowledgedBytes = 0;
  #copying: Promise<Image> | undefined;

  constructor(place: Place, folder: string, random: () => number, plan: ReadonlyMap<number, Moment>) {
    this.#place = place;
    this.#folder = folder;
    this.#random = random;
    this.#plan = plan;
  }

  async visit({ number, side }: SyncPoint): Promise<void> {
    const moment = this.#plan.get(number);
    if (side === 'before') {
      if (moment === 'before' || moment === 'during') this.#copying = this.#copy(`${moment} batch ${number}`);
      if (moment === 'before') await this.#develop();
      return;
    }
    if (moment === 'after') this.#copying = this.#copy(`after batch ${number}`);
    await this.#develop();
    // From here on it is acknowledged.
    this.#acknowledgedBytes = (await stat(await logOf(this.#place.path))).size;
  }

  async #copy(what: string): Promise<Image> {
    const folder = join(this.#folder, `image-${this.images.length + 1}`);
    await mkdir(folder);
    const image = { ...placeIn(folder), what };
    await copyStore(this.#place.path, image.path);
    return image;
  }

  /** Takes the ledger along, in which is what was acknowledged before this batch, and tears the log. */
  async #develop(): Promise<void> {
    const image = await this.#copying;
    this.#copying = undefined;
    if (image === undefined) return;
    await copyFile(this.#place.ledger, image.ledger);
    const log = await logOf(image.path);
    const unacknowledged = (await stat(log)).size - this.#acknowledgedBytes;
    const kept = Math.floor(this.#random() * (unacknowledged + 1));
    await truncate(log, this.#acknowledgedBytes + kept);
    const garbage = new Uint8Array(this.#random() < 0.5 ? Math.floor(this.#random() * 2_000) : 0);
    if (this.#random() < 0.5) randomFillSync(garbage);
    await appendFile(log, garbage);
    const torn = `${kept} of ${unacknowledged} bytes kept, ${garbage.length} of garbage`;
    this.images.push({ ...image, what: `${image.what}, ${torn}` });
  }
}

async function logOf(path: string): Promise<string> {
  const names = (await readdir(join(path, 'level'))).filter((name) => name.endsWith('.log'));
  expect(names).toHaveLength(1);
  return join(path, 'level', names[0] ?? '');
}

/** Works on a store until every image of the plan is taken; then everything stands still. */
async function takeImages(random: () => number): Promise<Image[]> {
  const place = await newPlace();
  const moments = ['before', 'during', 'after'] as const;
  const plan = new Map<number, Moment>();
  while (plan.size < imagesPerRun) plan.set(10 + Math.floor(random() * (batches - 10)), moments[Math.floor(random() * 3)] ?? 'after');
  const camera = new Camera(place, await temporaryFolder(), random, plan);
  const stopVisiting = visitSyncPoints((point) => camera.visit(point));
  const ledger = openLedger(place.ledger);
  const machine = parcelIn({ ledger });
  const runtime = await openRuntime({ path: place.path, machines: [machine] });
  try {
    await deliverAll(
      { runtime, machine, ledger },
      numbersWhile(() => camera.images.length < imagesPerRun),
      3,
    );
    return camera.images;
  } finally {
    await runtime.close();
    stopVisiting();
  }
}

function* numbersWhile(isWanted: () => boolean): Generator<number> {
  for (let number = 1; isWanted(); number += 1) yield number;
}

describe('after a power cut everything acknowledged is there, and the runtime goes on to the end', () => {
  test(
    `with the files of ${images} moments, torn behind what had been synced`,
    async () => {
      const random = mulberry32(seed);
      for (let taken = 0; taken < images; taken += imagesPerRun) {
        for (const image of await takeImages(random)) await expectRecovery(image, `${image.what}; ${replay}`);
      }
    },
    isSoak ? 3_600_000 : 60_000,
  );

  test(
    `in ${runs} lives of a store whose last batch was dropped, or kept though nobody was told`,
    async () => {
      for (let number = 0; number < runs / livesPerRun; number += 1) {
        const runReplay = `run ${number}; ${replay}`;
        const random = mulberry32(seed + number);
        const disk = await createMemoryDatabase();
        const ledger: LedgerEntry[] = [];
        for (let life = 1; life <= livesPerRun; life += 1) {
          await liveUntilCut({ disk, ledger, random });
          expect(await findMissingOn(disk, ledger), runReplay).toEqual([]);
        }
        expect(await finishOn(disk, ledger), runReplay).toEqual([]);
      }
    },
    isSoak ? 3_600_000 : 60_000,
  );
});
