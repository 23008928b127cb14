import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openReader } from 'perdure';
import { expect, test } from 'vitest';
import { mulberry32 } from '../../playground/inputs/seeded-random.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { crierIds } from './crier.ts';
import { entriesOf, readLedger } from './outside-ledger.ts';
import type { Place } from './places.ts';
import { newPlace } from './places.ts';
import { startWorkload } from './workload-process.ts';

const kills = isSoak ? 200 : 10;
/** A process that has delivered so much is killed within so many milliseconds. */
const scatterMs = 12;

interface Line {
  readonly messageId: string;
  readonly workflowId: string;
  readonly event: { readonly type: string; readonly number: number; readonly text: string };
}

function linesOf(file: string): readonly Line[] {
  const text = readFileSync(file, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** How many events each workflow has counted in its own context, as it is on disk. */
async function countCried({ path }: Place): Promise<ReadonlyMap<string, number>> {
  const reader = await openReader({ path });
  try {
    const counted = crierIds.map(async (id) => [id, ((await reader.describe(id)).context as { readonly cried: number }).cried] as const);
    return new Map(await Promise.all(counted));
  } finally {
    await reader.close();
  }
}

test(
  `killed ${kills} times while it delivers, a process has written every event to the file, those of a workflow in their order`,
  async () => {
    const random = mulberry32(seed);
    const replay = replayOf('announcements.test.ts');
    const place = await newPlace();
    const file = join(dirname(place.ledger), 'announcements.jsonl');
    for (let life = 1; life <= kills; life += 1) {
      const process = startWorkload({ kind: 'announce', ...place, file, isLast: false });
      await process.hears('announced', 1 + Math.floor(random() * 30));
      await delay(random() * scatterMs);
      expect(await process.kill()).toEqual({ code: null, signal: 'SIGKILL', stderr: '' });
      // What a write that a power cut met leaves.
      if (life % 3 === 0) appendFileSync(file, '{"messageId":"c-1:1::9999:0","workflowId":"c-');
    }
    expect(existsSync(file)).toBe(true);
    expect(await startWorkload({ kind: 'announce', ...place, file, isLast: true }).ended).toEqual({ code: 0, signal: null, stderr: '' });

    const texts = new Map<string, string>();
    const numbers = new Map<string, number[]>(crierIds.map((id) => [id, []]));
    for (const line of linesOf(file)) {
      const text = JSON.stringify(line);
      // Told twice at most under one id.
      expect(texts.get(line.messageId) ?? text, replay).toBe(text);
      if (!texts.has(line.messageId)) numbers.get(line.workflowId)?.push(line.event.number);
      texts.set(line.messageId, text);
    }
    const cried = await countCried(place);
    for (const [id, told] of numbers) {
      const all = Array.from({ length: cried.get(id) ?? 0 }, (_, at) => at + 1);
      expect(told, `${id}, ${replay}`).toEqual(all);
    }
    const ledger = readLedger(place.ledger);
    for (const id of crierIds) {
      const acknowledged = entriesOf(ledger, 'sent').filter((entry) => entry.id === id).length;
      expect(cried.get(id)).toBeGreaterThanOrEqual(acknowledged);
    }
    const taken = entriesOf(ledger, 'announced').map(({ messageId }) => messageId);
    expect(new Set(taken).size, 'no kill came between a delivery and its cursor').toBeLessThan(taken.length);
  },
  isSoak ? 3_600_000 : 60_000,
);
