import { setTimeout as delay } from 'node:timers/promises';
import type { ItemResult } from 'perdure';
import { openReader } from 'perdure';
import { expect, test } from 'vitest';
import { mulberry32 } from '../../playground/inputs/seeded-random.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { badItem, manyId } from './many-machine.ts';
import { entriesOf, readLedger } from './outside-ledger.ts';
import type { Place } from './places.ts';
import { newPlace } from './places.ts';
import { startWorkload } from './workload-process.ts';

const size = 10_000;
const rounds = isSoak ? 40 : 2;
/** In each round it is killed this often. */
const kills = 2;
const scatterMs = 20;

/** All that ended, as it is on disk. */
async function endedOn({ path }: Place): Promise<readonly ItemResult[]> {
  const reader = await openReader({ path });
  try {
    const items: ItemResult[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const page: Awaited<ReturnType<typeof reader.results>> = await reader.results(`${manyId}:1:1`, {
        limit: 1_000,
        ...(cursor === '' ? {} : { cursor }),
      });
      items.push(...page.items);
      cursor = page.next;
    }
    return items;
  } finally {
    await reader.close();
  }
}

test(
  `a fan-out of ${size} whose process is killed ${kills} times comes to its end: nothing recorded is run again, nothing is forgotten`,
  async () => {
    const random = mulberry32(seed);
    const replay = replayOf('kill-in-a-fan-out.test.ts');
    for (let round = 1; round <= rounds; round += 1) {
      const place = await newPlace();
      /** Lines of the ledger when an item was known to have ended. */
      const endedAt = new Map<number, number>();
      for (let kill = 1; kill <= kills; kill += 1) {
        const life = startWorkload({ kind: 'fan out', ...place, size });
        await life.hears('called', 64 + Math.floor(random() * (size / (kills + 1))));
        await delay(random() * scatterMs);
        expect(await life.kill()).toEqual({ code: null, signal: 'SIGKILL', stderr: '' });
        const lines = entriesOf(readLedger(place.ledger), 'called').length;
        for (const { item } of await endedOn(place)) if (!endedAt.has(item)) endedAt.set(item, lines);
      }
      expect(endedAt.size, replay).toBeGreaterThan(0);
      expect(endedAt.size, replay).toBeLessThan(size);
      expect(await startWorkload({ kind: 'fan out', ...place, size }).ended).toEqual({ code: 0, signal: null, stderr: '' });

      const calls = entriesOf(readLedger(place.ledger), 'called');
      const again = calls.filter(({ step }, line) => line >= (endedAt.get(Number(step)) ?? Infinity));
      expect(again, replay).toEqual([]);
      const keys = new Map<string, string>();
      for (const { step, key } of calls) {
        expect(keys.get(step) ?? key, replay).toBe(key);
        keys.set(step, key);
      }
      expect(keys.size, replay).toBe(size);
      const ended = await endedOn(place);
      const expected = Array.from({ length: size }, (_, n) => n + 1);
      expect(ended.map(({ item }) => item)).toEqual(expected);
      expect(ended.filter(({ status }) => status === 'failed')).toMatchObject([{ item: badItem, failure: { class: 'RangeError' } }]);
      expect(ended.filter(({ item, output, status }) => status === 'completed' && output !== 2 * item)).toEqual([]);
      expect(entriesOf(readLedger(place.ledger), 'closed')).toEqual([{ kind: 'closed', id: manyId, status: 'completed 1 9999 1' }]);
    }
  },
  isSoak ? 3_600_000 : 120_000,
);
