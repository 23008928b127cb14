import { appendFile, mkdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LedgerEntry } from '../../../playground/onboarding/ledger.ts';
import { openLedger, readLedger, unansweredIn } from '../../../playground/onboarding/ledger.ts';
import { temporaryFolder } from '../../storage/folders.ts';

const entries: LedgerEntry[] = [
  { kind: 'started', merchant: 'm-1' },
  { kind: 'call', key: 'm-1:1::1', attempt: 1, merchant: 'm-1', activity: 'kyc.verify' },
  { kind: 'closed', merchant: 'line\nbreak "and" quote', status: 'completed' },
];

function appendAll(path: string, some: readonly LedgerEntry[]): void {
  const ledger = openLedger(path);
  for (const entry of some) ledger.append(entry);
  ledger.close();
}

test('a ledger gives back what was appended, over several openings, in order', async () => {
  const path = join(await temporaryFolder(), 'ledger');
  appendAll(path, entries);
  appendAll(path, entries.slice(0, 1));
  expect(await readLedger(path)).toEqual([...entries, entries[0]]);
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(5);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a ledger that is not there yet is empty, one that cannot be read is not', async () => {
  const folder = await temporaryFolder();
  expect(await readLedger(join(folder, 'none'))).toEqual([]);
  await mkdir(join(folder, 'directory'));
  await expect(readLedger(join(folder, 'directory'))).rejects.toThrow('EISDIR');
});

test('a last line that was torn is left out, and does not swallow the next one', async () => {
  const path = join(await temporaryFolder(), 'ledger');
  appendAll(path, entries);
  await truncate(path, (await stat(path)).size - 5);
  expect(await readLedger(path)).toEqual(entries.slice(0, 2));
  appendAll(path, entries.slice(0, 1));
  expect(await readLedger(path)).toEqual([...entries.slice(0, 2), entries[0]]);
});

test('a line torn after its last character but before its end is kept', async () => {
  const path = join(await temporaryFolder(), 'ledger');
  await appendFile(path, JSON.stringify(entries[0]));
  appendAll(path, entries.slice(1));
  expect(await readLedger(path)).toEqual(entries);
});

test('what was sent without an answer is known, by merchant, once for each message', () => {
  const sending = (merchant: string, messageId: string) =>
    ({ kind: 'sending', merchant, messageId, event: { type: 'LOGGED_IN' } }) as const;
  const sent = (merchant: string, messageId: string): LedgerEntry => ({ kind: 'sent', merchant, messageId, outcome: 'applied' });
  const ledger = [
    sending('m-1', 'login'),
    sent('m-1', 'login'),
    sending('m-2', 'login'),
    sending('m-2', 'upload'),
    sending('m-2', 'login'),
    sending('m-3', 'upload'),
    sending('m-3', 'login'),
    sent('m-3', 'upload'),
  ];
  expect([...unansweredIn(ledger)]).toEqual([
    ['m-2', [sending('m-2', 'login'), sending('m-2', 'upload')]],
    ['m-3', [sending('m-3', 'login')]],
  ]);
  expect(unansweredIn([])).toEqual(new Map());
});
