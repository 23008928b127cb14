import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutboxLag } from 'perdure';
import { describe, expect, test } from 'vitest';
import { delivered, readAnnouncements } from '../../../playground/onboarding/announcements.ts';
import { temporaryFolder } from '../../storage/folders.ts';

const never = new AbortController().signal;
const lagOf = (undelivered: number, more: Partial<OutboxLag> = {}): OutboxLag => ({
  ...{ consumer: 'announcements', isRegistered: true, undelivered, exact: true, poison: 0 },
  ...more,
});

/** A runtime whose consumers are as far behind as it says, one answer after the other; the last one stays. */
function runtimeWith(...answers: readonly (readonly OutboxLag[])[]) {
  const left = [...answers];
  const lag = async (): Promise<readonly OutboxLag[]> => Promise.resolve(left.length > 1 ? left.shift()! : left[0]!);
  return { outbox: { lag, remove: async () => Promise.resolve() } };
}

describe('waiting until others were told', () => {
  test('is over when nothing is left, whatever consumers have not had that nobody is registered for', async () => {
    const said: string[] = [];
    const others = lagOf(7, { consumer: 'mine', isRegistered: false });
    const runtime = runtimeWith([lagOf(2), others], [lagOf(1), others], [lagOf(0), others]);
    expect(await delivered(runtime, never, (line) => said.push(line))).toBe(true);
    expect(said).toEqual([]);
  });

  test('is over when nothing but what waits for a person is left', async () => {
    expect(await delivered(runtimeWith([lagOf(3)], [lagOf(1, { poison: 1 })]), never, () => undefined)).toBe(true);
  });

  test('says that it waits where that takes long, and is not over when it is stopped', async () => {
    const stopping = new AbortController();
    const said: string[] = [];
    const say = (line: string): void => {
      said.push(line);
      stopping.abort();
    };
    expect(await delivered(runtimeWith([lagOf(3)]), stopping.signal, say)).toBe(false);
    expect(said).toEqual(['Waiting until others were told of 3 things; Ctrl-C leaves that to the next run.']);
  });
});

test('what others were told is read in its order, by merchant', async () => {
  const path = join(await temporaryFolder(), 'announcements.jsonl');
  expect(await readAnnouncements(path)).toEqual(new Map());
  const line = (workflowId: string, type: string): string => `${JSON.stringify({ workflowId, event: { type } })}\n`;
  await writeFile(path, [line('m-1', 'merchant.created'), line('m-2', 'merchant.created'), line('m-1', 'merchant.live')].join(''));
  expect(await readAnnouncements(path)).toEqual(
    new Map([
      ['m-1', ['merchant.created', 'merchant.live']],
      ['m-2', ['merchant.created']],
    ]),
  );
});
