/** Lives of a runtime on a database in memory whose power is cut: the batch on its way is dropped or kept, nothing is answered. */
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import { realClock } from '../../src/hosts/local/real-clock.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import type { Clock } from '../../src/kernel/ports.ts';
import { StoreReader } from '../../src/runtime/reader.ts';
import type { Database, Operation } from '../../src/storage/database.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import type { LedgerEntry, OutsideLedger } from './outside-ledger.ts';
import { findMissing, findViolations } from './parcel-audit.ts';
import { deliverAll, upwardsFrom } from './parcel-client.ts';
import type { ParcelMachine } from './parcel-machine.ts';
import { parcelIn } from './parcel-machine.ts';
import { parcelNumbers } from './places.ts';
import { forever } from './sync-points.ts';

interface Ground {
  readonly disk: MemoryDatabase;
  readonly ledger: LedgerEntry[];
  readonly random: () => number;
}

const memory = { location: 'memory', storeId: 'process' };
const lastBatchMax = 60;

/** The supply of one life. */
class Power {
  isOn = true;
  cut: () => void = () => undefined;
  readonly gone: Promise<void> = new Promise((resolve) => {
    this.cut = () => {
      this.isOn = false;
      resolve();
    };
  });
}

/** Works on parcels until the power is cut at a random batch. */
export async function liveUntilCut({ disk, ledger, random }: Ground): Promise<void> {
  const power = new Power();
  const lastBatch = 1 + Math.floor(random() * lastBatchMax);
  const isKept = random() < 0.5;
  let batches = 0;
  const write = async (operations: readonly Operation[]): Promise<void> => {
    batches += 1;
    if (batches < lastBatch) return disk.write(operations);
    if (isKept) await disk.write(operations);
    power.cut();
    return forever();
  };
  // Entries of a life that is over have not happened.
  const seen: OutsideLedger = { append: (entry) => void (power.isOn && ledger.push(entry)) };
  const machine = parcelIn({ ledger: seen });
  const database: Database = { ...disk.reopen(), write };
  void live(database, clockOn(power), machine, seen);
  await power.gone;
}

/** What is on disk against what was acknowledged and done. */
export async function findMissingOn(disk: MemoryDatabase, ledger: readonly LedgerEntry[]): Promise<string[]> {
  const store = await openStoreOn(disk.reopen(), memory);
  return findMissing(new StoreReader(store, createRegistry([]), realClock, false), ledger);
}

/** A last life, undisturbed, in which everything comes to its end. */
export async function finishOn(disk: MemoryDatabase, ledger: LedgerEntry[]): Promise<string[]> {
  const seen: OutsideLedger = { append: (entry) => void ledger.push(entry) };
  const machine = parcelIn({ ledger: seen });
  const runtime = await assemble(disk.reopen(), realClock, machine);
  try {
    const numbers = parcelNumbers(ledger);
    for (let more = 0; more < 4; more += 1) numbers.push(numbers.length + 1);
    await deliverAll({ runtime, machine, ledger: seen }, numbers, numbers.length);
    return await findViolations(
      runtime,
      numbers.map((number) => `p-${number}`),
      ledger,
    );
  } finally {
    await runtime.close();
  }
}

async function live(database: Database, clock: Clock, machine: ParcelMachine, ledger: OutsideLedger): Promise<void> {
  const runtime = await assemble(database, clock, machine);
  await deliverAll({ runtime, machine, ledger }, upwardsFrom(1), 4);
}

async function assemble(database: Database, clock: Clock, machine: ParcelMachine): ReturnType<typeof assembleRuntime> {
  const store = await openStoreOn(database, memory);
  return assembleRuntime({ store, registry: createRegistry([machine]), clock, random: Math.random, maxConcurrentAttempts: 100 });
}

/** The real clock, which stands still when the power is gone. */
function clockOn(power: Power): Clock {
  const ifOn = (callback: () => void) => (): void => {
    if (power.isOn) callback();
  };
  return {
    ...realClock,
    setTimer: (delayMs, callback) => realClock.setTimer(delayMs, ifOn(callback)),
    yieldTurn: (callback) => realClock.yieldTurn(ifOn(callback)),
  };
}
