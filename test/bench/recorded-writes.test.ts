import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bytesOf, recordWrites, Replay } from '../../bench/recorded-writes.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perdure-recorded-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function open(name: string): Promise<Level<Uint8Array, Uint8Array>> {
  const level = new Level<Uint8Array, Uint8Array>(join(folder, name), { keyEncoding: 'view', valueEncoding: 'view' });
  await level.open();
  return level;
}

test('what is written is recorded batch by batch, and written again for another id', async () => {
  const keep = { level: undefined as Level<Uint8Array, Uint8Array> | undefined };
  const batches = await recordWrites(
    async () => {
      keep.level = await open('recorded');
      await keep.level.put(Buffer.from('before'), Buffer.from('not recorded'));
      return keep.level;
    },
    async (level) => {
      await level.batch().put(Buffer.from('a:job-1'), Buffer.from('one')).put(Buffer.from('head'), Buffer.from('2')).write();
      await level.batch().del(Buffer.from('b:job-1')).write();
    },
  );
  await keep.level?.put(Buffer.from('after'), Buffer.from('not recorded'));
  await keep.level?.close();
  expect(batches.map((batch) => batch.map(({ key, value }) => [key.toString(), value?.toString()]))).toEqual([
    [
      ['a:job-1', 'one'],
      ['head', '2'],
    ],
    [['b:job-1', undefined]],
  ]);
  expect(bytesOf(batches)).toBe(22);

  const level = await open('replayed');
  await level.put(Buffer.from('b:job-7'), Buffer.from('to be deleted'));
  await new Replay(batches, 'job-1').write(level, 'job-7');
  const rows = await level.iterator().all();
  expect(rows.map(([key, value]) => [Buffer.from(key).toString(), Buffer.from(value).toString()])).toEqual([
    ['a:job-7', 'one'],
    ['head', '2'],
  ]);
  await level.close();
});

test('recording nothing is an error, not a free ride for the others', async () => {
  const recorded = recordWrites(
    () => open('idle'),
    (level) => level.close(),
  );
  await expect(recorded).rejects.toThrow('Nothing was recorded');
});
