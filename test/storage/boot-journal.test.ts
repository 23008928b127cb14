import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { BootRecord } from '../../src/kernel/crash-loop.ts';
import { bootAfter } from '../../src/kernel/crash-loop.ts';
import { BootJournal } from '../../src/storage/boot-journal.ts';

const record: BootRecord = {
  phase: 'running',
  // The death of a process that got something done counts half.
  inFlight: [{ place: 'w/1', n: 2, attempt: 3, deaths: 1.5 }],
  hasProgress: true,
  named: ['a'],
  suspects: [{ id: 'b', deaths: 1 }],
};

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'perdure-'));
  onTestFinished(async () => rm(directory, { recursive: true }));
  return directory;
}

test('a boot record is read as it was written, until it is cleared', async () => {
  const journal = new BootJournal(await newDirectory());
  expect(await journal.read()).toBeUndefined();
  await journal.write(record);
  expect(await journal.read()).toEqual(record);
  await journal.clear();
  expect(await journal.read()).toBeUndefined();
});

test.each(['', 'no JSON', '{}', '[]', '{"inFlight":[{"place":1}],"suspects":[{"id":"b"}],"named":[7]}'])(
  'of a boot record that cannot be read, %j, only the death of its process is known',
  async (text) => {
    const directory = await newDirectory();
    await writeFile(join(directory, 'boot.json'), text);
    expect(await new BootJournal(directory).read()).toEqual({ ...bootAfter(undefined), phase: 'running' });
  },
);
