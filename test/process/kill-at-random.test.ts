import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mulberry32 } from '../../playground/inputs/seeded-random.ts';
import { entriesOf, readLedger } from './outside-ledger.ts';
import { expectNothingMissing, expectRecovery, newPlace, parcelNumbers } from './places.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { startWorkload } from './workload-process.ts';

const cycles = isSoak ? 1_000 : 25;

/** A process that comes this far is killed within so many milliseconds. */
const scatterMs = 8;
/** About as long as a process takes until its store is open. */
const bootMs = 400;

test(
  `killed ${cycles} times at random moments, a workload loses nothing acknowledged, repeats nothing recorded, and comes to its end`,
  async () => {
    const random = mulberry32(seed);
    const place = await newPlace();
    const replay = replayOf('kill-at-random.test.ts');
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      const before = readLedger(place.ledger);
      const closed = new Set(entriesOf(before, 'closed').map(({ id }) => id));
      const first = parcelNumbers(before).find((number) => !closed.has(`p-${number}`)) ?? closed.size + 1;
      const life = startWorkload({ kind: 'deliver', ...place, first, atOnce: 8, callMs: Math.floor(random() * 4) });
      // One in five dies while it is starting, the others after so many parcels.
      const isEarly = random() < 0.2;
      const parcels = 1 + Math.floor(random() * 12);
      const scatter = random();
      if (!isEarly) await life.hears('closed', parcels);
      await delay(isEarly ? scatter * bootMs : scatter * scatterMs);
      expect(await life.kill()).toEqual({ code: null, signal: 'SIGKILL', stderr: '' });
      await expectNothingMissing(place, `cycle ${cycle}, ${replay}`, before.length);
    }
    await expectRecovery(place, replay);
    const ledger = readLedger(place.ledger);
    expect(
      entriesOf(ledger, 'called').some(({ step, attempt }) => attempt > (step === 'label' ? 2 : 1)),
      'no kill met a running activity',
    ).toBe(true);
  },
  isSoak ? 3_600_000 : 120_000,
);
