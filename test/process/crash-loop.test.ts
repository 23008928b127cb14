import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openReader } from 'perdure';
import { expect, test } from 'vitest';
import type { Deadliness } from './deadly-machine.ts';
import { entriesOf, readLedger } from './outside-ledger.ts';
import type { Place } from './places.ts';
import { newPlace } from './places.ts';
import type { Ending } from './workload-process.ts';
import { startWorkload } from './workload-process.ts';

/** More than it may take. */
const livesMax = 8;

/** Starts processes until one ends by itself; gives the endings of those that did not. */
async function liveOn(place: Place, how: Deadliness, flags: readonly string[] = []): Promise<Ending[]> {
  const deaths: Ending[] = [];
  for (let life = 1; life <= livesMax; life += 1) {
    const ending = await startWorkload({ kind: 'live with the deadly', ...place, how }, undefined, flags).ended;
    if (ending.code === 0) return deaths;
    deaths.push(ending);
  }
  throw new Error(`It still dies: ${deaths.at(-1)?.stderr ?? ''}`);
}

/** What the last process was told of each. */
function lastWords({ ledger }: Place): Record<string, string> {
  const entries = readLedger(ledger);
  const last = entries.slice(entries.map(({ kind }) => kind).lastIndexOf('opened'));
  return Object.fromEntries(entriesOf(last, 'closed').map(({ id, status }) => [id, status]));
}

const parked = { a: 'completed', deadly: 'crash-loop', z: 'completed' };

test('a workflow whose activity kills the process three times is parked at the next boot; the others come to their ends', async () => {
  const place = await newPlace();
  const deaths = await liveOn(place, 'exit in the activity');
  expect(deaths.every(({ code }) => code === 3)).toBe(true);
  // The death of a process that got the others' work done counts half.
  expect(deaths.length).toBeGreaterThanOrEqual(3);
  expect(deaths.length).toBeLessThanOrEqual(5);
  expect(lastWords(place)).toEqual(parked);
  const attempts = entriesOf(readLedger(place.ledger), 'called').filter(({ id }) => id === 'deadly');
  expect(attempts.map(({ attempt }) => attempt)).toEqual(deaths.map((_, index) => index + 1));
  // Closed in good order: nothing is held against anybody.
  expect(existsSync(join(place.path, 'boot.json'))).toBe(false);
  const reader = await openReader({ path: place.path });
  try {
    const parking = (await reader.history('deadly')).find(({ kind }) => kind === 'park');
    expect(parking).toMatchObject({ outcome: 'parked', status: 'parked' });
  } finally {
    await reader.close();
  }
}, 60_000);

test('so is one whose activity takes more memory than there is', async () => {
  const place = await newPlace();
  const deaths = await liveOn(place, 'out of memory', ['--max-old-space-size=64']);
  expect(deaths.length).toBeGreaterThanOrEqual(3);
  expect(deaths.length).toBeLessThanOrEqual(5);
  for (const { stderr } of deaths) expect(stderr).toContain('heap out of memory');
  expect(lastWords(place)).toEqual(parked);
}, 120_000);

test('so is one whose callback does, though those beside it have callbacks, too', async () => {
  const place = await newPlace();
  const deaths = await liveOn(place, 'exit in a callback');
  expect(deaths.every(({ code }) => code === 3)).toBe(true);
  expect(deaths.length).toBeGreaterThanOrEqual(3);
  expect(deaths.length).toBeLessThanOrEqual(5);
  expect(lastWords(place)).toEqual(parked);
}, 60_000);

test('so is one that kills the process whenever it is taken up: the boot after three that died is not blocked', async () => {
  const place = await newPlace();
  const deaths = await liveOn(place, 'kill in a step');
  // The first is no boot: the timer fired in a process that was running.
  expect(deaths.map(({ signal }) => signal)).toEqual(Array.from({ length: 4 }, () => 'SIGKILL'));
  expect(lastWords(place)).toEqual(parked);
}, 60_000);
