/**
 * The client of a workload: starts parcels, scans them, waits for their ends, and notes in the ledger what it was told. After a
 * crash it does all of it again, as a client must that cannot know which of its calls were heard.
 */
import type { Runtime } from 'perdure';
import type { OutsideLedger } from './outside-ledger.ts';
import type { ParcelMachine } from './parcel-machine.ts';
import { parcelInput } from './parcel-machine.ts';

export interface ParcelRun {
  readonly runtime: Runtime;
  readonly machine: ParcelMachine;
  readonly ledger: OutsideLedger;
}

export function scanId(parcel: string, number: number): string {
  return `${parcel}/scan-${number}`;
}

/** Works on parcels until there are no more numbers, so many at once. */
export async function deliverAll(run: ParcelRun, numbers: Iterable<number>, atOnce: number): Promise<void> {
  const queue = numbers[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await deliver(run, next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function deliver({ runtime, machine, ledger }: ParcelRun, number: number): Promise<void> {
  const input = parcelInput(number);
  const { id } = input;
  const handle = await runtime.start(machine, { id, input });
  ledger.append({ kind: 'started', id });
  const scan = async (nth: number): Promise<void> => {
    const messageId = scanId(id, nth);
    const { sequence, outcome } = await handle.send({ type: 'SCAN', number: nth }, { messageId });
    ledger.append({ kind: 'sent', id, messageId, sequence, outcome });
  };
  const scans = Array.from({ length: input.scans }, (_none, index) => index + 1);
  // Some scan all at once, some wait for each answer.
  if (number % 4 < 2) await Promise.all(scans.map(scan));
  else for (const nth of scans) await scan(nth);
  await handle.result();
  ledger.append({ kind: 'closed', id, status: 'completed' });
}

/** Whole numbers from `first` on, without end. */
export function* upwardsFrom(first: number): Generator<number> {
  for (let number = first; ; number += 1) yield number;
}
