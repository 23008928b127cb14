import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LocalDisk } from '../../src/hosts/local/local-disk.ts';
import { limits } from '../../src/kernel/limits.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { temporaryFolder } from '../storage/folders.ts';
import { recordingLogger } from '../support/logged.ts';

const { freeSpaceFloorBytes: floorBytes, reserveBytes } = limits;
const plenty = floorBytes + reserveBytes;
const full = Object.assign(new Error('refused'), { cause: new Error('IO error: 000007.log: No space left on device') });

async function bench(freeBytes: number) {
  const directory = await temporaryFolder();
  await mkdir(join(directory, 'level'));
  const clock = new ManualClock();
  const logger = recordingLogger();
  const space = { freeBytes };
  const disk = new LocalDisk({
    directory,
    clock,
    logger,
    measure: () => Promise.resolve(space.freeBytes),
    open: () => Promise.reject(new Error('not opened here')),
  });
  onTestFinished(() => disk.end());
  const hasReserve = async (): Promise<boolean> => (await readdir(directory)).includes('reserve');
  await disk.begin();
  return { directory, clock, logger, space, disk, hasReserve };
}

test('a disk with room has a reserve and no shortage', async () => {
  const { disk, hasReserve } = await bench(plenty);
  await vi.waitFor(async () => expect(await hasReserve()).toBe(true));
  expect(disk.shortage()).toBeUndefined();
});

test('below the floor there is a shortage, noticed within a second; the reserve does not make it worse', async () => {
  const { disk, clock, space, hasReserve } = await bench(floorBytes - 1);
  expect(disk.shortage()).toEqual({ freeBytes: floorBytes - 1, floorBytes });
  expect(await hasReserve()).toBe(false);
  space.freeBytes = floorBytes;
  await clock.pass(1_000);
  await vi.waitFor(() => expect(disk.shortage()).toBeUndefined());
  expect(await hasReserve()).toBe(false);
  space.freeBytes = plenty;
  await clock.pass(1_000);
  await vi.waitFor(async () => expect(await hasReserve()).toBe(true));
});

test('a full disk releases the reserve; it is kept again when there is room', async () => {
  const { disk, clock, space, logger, hasReserve } = await bench(plenty);
  await vi.waitFor(async () => expect(await hasReserve()).toBe(true));
  space.freeBytes = reserveBytes;
  expect(await disk.isPromising(full)).toBe(true);
  expect(await hasReserve()).toBe(false);
  expect(logger.lines.map(({ message }) => message)).toEqual(['The disk is full: the reserve was released.']);
  space.freeBytes = plenty;
  await clock.pass(1_000);
  await vi.waitFor(async () => expect(await hasReserve()).toBe(true));
});

test('any other failure leaves the reserve alone', async () => {
  const { disk, hasReserve } = await bench(plenty);
  await vi.waitFor(async () => expect(await hasReserve()).toBe(true));
  expect(await disk.isPromising(new Error('IO error: Input/output error'))).toBe(true);
  expect(await hasReserve()).toBe(true);
});

test('opening has no prospect while what becomes of the log would not fit', async () => {
  const { disk, directory, space } = await bench(plenty);
  await writeFile(join(directory, 'level', '000007.log'), Buffer.alloc(3_000_000));
  space.freeBytes = limits.reopenSpaceBytes + 999_999;
  expect(await disk.isPromising(full)).toBe(false);
  space.freeBytes = limits.reopenSpaceBytes + 1_000_000;
  expect(await disk.isPromising(full)).toBe(true);
});
