/** Where the store and the ledger of a test are, and how they are judged. */
import { join } from 'node:path';
import { openReader, openRuntime } from 'perdure';
import { expect } from 'vitest';
import { temporaryFolder } from '../storage/folders.ts';
import type { LedgerEntry } from './outside-ledger.ts';
import { entriesOf, openLedger, readLedger } from './outside-ledger.ts';
import { findMissing, findViolations } from './parcel-audit.ts';
import { deliverAll } from './parcel-client.ts';
import { parcelIn } from './parcel-machine.ts';

export interface Place {
  readonly path: string;
  readonly ledger: string;
}

export async function newPlace(): Promise<Place> {
  return placeIn(await temporaryFolder());
}

export function placeIn(folder: string): Place {
  return { path: join(folder, 'store'), ledger: join(folder, 'ledger.jsonl') };
}

/** Numbers of the parcels that the ledger speaks of, or that were asked for before it could. */
export function parcelNumbers(ledger: readonly LedgerEntry[]): number[] {
  const ids = ledger.flatMap((entry) => ('id' in entry ? [Number(entry.id.slice('p-'.length))] : []));
  return Array.from({ length: Math.max(0, ...ids) }, (_none, index) => index + 1);
}

/**
 * What a crash left: everything acknowledged has to be there, and the reason of everything done. Then a new runtime on it has to
 * bring every parcel to its end without doing anything twice.
 *
 * @param replay is part of the message when something is found
 */
export async function expectRecovery({ path, ledger }: Place, replay: string): Promise<void> {
  await expectNothingMissing({ path, ledger }, replay);
  const written = openLedger(ledger);
  const machine = parcelIn({ ledger: written });
  const runtime = await openRuntime({ path, machines: [machine] });
  try {
    // A few that the ledger does not know: their starts may be on disk, though nobody was told.
    const numbers = parcelNumbers(readLedger(ledger));
    for (let more = 0; more < 8; more += 1) numbers.push(numbers.length + 1);
    await deliverAll({ runtime, machine, ledger: written }, numbers, numbers.length);
    const ids = numbers.map((number) => `p-${number}`);
    expect(await findViolations(runtime, ids, readLedger(ledger)), replay).toEqual([]);
  } finally {
    await runtime.close();
  }
}

/** @param since entries that were looked at before */
export async function expectNothingMissing({ path, ledger }: Place, replay: string, since = 0): Promise<void> {
  const entries = readLedger(ledger);
  // Killed before the store was made: nothing was acknowledged.
  if (entriesOf(entries, 'started').length === 0) return;
  const reader = await openReader({ path });
  try {
    expect(await findMissing(reader, entries.slice(since)), replay).toEqual([]);
  } finally {
    await reader.close();
  }
}
