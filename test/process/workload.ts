/**
 * A process that works on parcels through the public door, and is killed for it. What it is to do stands in its one argument; it
 * tells its parent every entry of its ledger.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { closeOnSignals as closeRuntimeOnSignals, hasErrorCode, jsonLinesFile, openRuntime, PerdureError } from 'perdure';
import type { Duration, OutboxHandler, Runtime } from 'perdure';
import { crier, cryAll } from './crier.ts';
import type { Deadliness } from './deadly-machine.ts';
import { deadlyId, deadlyMachine } from './deadly-machine.ts';
import { journeysIn, travelAll } from './journey-machine.ts';
import { manyId, manyIn } from './many-machine.ts';
import type { LedgerEntry, OutsideLedger } from './outside-ledger.ts';
import { openLedger } from './outside-ledger.ts';
import { deliverAll, scanId, upwardsFrom } from './parcel-client.ts';
import type { ParcelStep, ParcelWorld } from './parcel-machine.ts';
import { dyingParcel, parcelIn, parcelInput } from './parcel-machine.ts';
import { patientMachine } from './patient-machine.ts';
import type { SyncPoint } from './sync-points.ts';
import { forever, killThisProcess, visitSyncPoints } from './sync-points.ts';

interface Place {
  readonly path: string;
  readonly ledger: string;
}

export interface StorePoint extends Place {
  readonly number: number;
  readonly side: SyncPoint['side'];
}

/** What ends the process in the middle of the first attempt of one step. */
export type Death = 'kill in the call' | 'kill before the record' | 'kill after the record' | 'exit' | 'unhandled rejection';

export type Workload =
  /** Delivers parcels from number `first` on, without end unless there is a `last` one. Closes on SIGTERM and SIGINT. */
  | (Place & {
      readonly kind: 'deliver';
      readonly first: number;
      readonly last?: number;
      readonly atOnce: number;
      readonly callMs?: number;
      /** Tries to open the store a second time while it works. */
      readonly opensAgain?: boolean;
      readonly onLocked?: 'wait';
    })
  /** Begins journeys from number `first` on, without end: all of them fail and are undone. */
  | (Place & { readonly kind: 'undo'; readonly first: number; readonly atOnce: number; readonly undoMs: number })
  /** Delivers parcels on many stores; each is held still at its point; when all are, the process is killed. */
  | { readonly kind: 'reach points'; readonly stores: readonly StorePoint[] }
  /** Opens a store and is killed before the first batch it would write. */
  | (Place & { readonly kind: 'die at boot' })
  | (Place & { readonly kind: 'die'; readonly step: ParcelStep; readonly death: Death })
  /** Runs a workflow that kills the process, and two that do not; ends by itself when all are closed or parked. */
  | (Place & { readonly kind: 'live with the deadly'; readonly how: Deadliness })
  /** Emits without end, or only delivers what is not delivered yet, into a file. */
  | (Place & { readonly kind: 'announce'; readonly file: string; readonly isLast: boolean })
  /** Runs a fan-out to its end. */
  | (Place & { readonly kind: 'fan out'; readonly size: number })
  /** Runs an activity that ends only when it is told to, or not even then. Closes on SIGTERM and SIGINT. */
  | (Place & { readonly kind: 'be patient'; readonly isDeaf: boolean; readonly grace: Duration });

function tell(entry: LedgerEntry): void {
  process.send?.(entry);
}

/** What is written about the closing of a runtime. */
function closeOnSignals(runtime: Runtime, ledger: OutsideLedger, grace?: Duration): void {
  const close: Runtime['close'] = async (options) => {
    ledger.append({ kind: 'closing' });
    await runtime.close(options);
    ledger.append({ kind: 'over' });
  };
  closeRuntimeOnSignals({ close }, grace === undefined ? {} : { grace });
}

/** What a client says that is cut off by the closing of its runtime. */
function ignoreClosed(error: unknown): void {
  if (!(error instanceof PerdureError) || error.code !== 'RUNTIME_CLOSED') throw error;
}

async function deliver(work: Extract<Workload, { kind: 'deliver' }>): Promise<void> {
  const { path, first, last, atOnce, callMs = 0, opensAgain = false, onLocked = 'fail' } = work;
  const ledger = openLedger(work.ledger, tell);
  const machine = parcelIn({ ledger, callMs });
  const runtime = await openRuntime({ path, machines: [machine], onLocked });
  ledger.append({ kind: 'opened' });
  closeOnSignals(runtime, ledger);
  if (opensAgain) void openAgain(path, ledger);
  const numbers = last === undefined ? upwardsFrom(first) : Array.from({ length: last - first + 1 }, (_none, index) => first + index);
  await deliverAll({ runtime, machine, ledger }, numbers, atOnce).catch(ignoreClosed);
  if (last !== undefined) await runtime.close();
}

async function undo({ path, first, atOnce, undoMs, ledger: ledgerPath }: Extract<Workload, { kind: 'undo' }>): Promise<void> {
  const ledger = openLedger(ledgerPath, tell);
  const machines = journeysIn({ ledger, undoMs });
  const runtime = await openRuntime({ path, machines: Object.values(machines) });
  ledger.append({ kind: 'opened' });
  await travelAll({ runtime, machines, ledger }, upwardsFrom(first), atOnce);
}

async function openAgain(path: string, ledger: OutsideLedger): Promise<void> {
  await openRuntime({ path, machines: [] }).catch((error: unknown) => refuse(error, ledger));
}

function refuse(error: unknown, ledger: OutsideLedger): void {
  if (!(error instanceof PerdureError)) throw error;
  ledger.append({ kind: 'refused', code: error.code, message: error.message });
}

async function reachPoints(stores: readonly StorePoint[]): Promise<void> {
  const wanted = new Map(stores.map((store) => [`${store.path}/level`, store]));
  const reached = new Set<string>();
  visitSyncPoints(async ({ location, number, side }) => {
    const point = wanted.get(location);
    if (point === undefined || point.number !== number || point.side !== side) return;
    reached.add(location);
    if (reached.size === wanted.size) killThisProcess();
    await forever();
  });
  await Promise.all(
    stores.map(async ({ path, ledger: ledgerPath }) => {
      const written = openLedger(ledgerPath);
      // What a store that is held still would go on to do has not happened.
      const ledger: OutsideLedger = { append: (entry) => (reached.has(`${path}/level`) ? undefined : written.append(entry)) };
      const machine = parcelIn({ ledger });
      const runtime = await openRuntime({ path, machines: [machine] });
      await deliverAll({ runtime, machine, ledger }, upwardsFrom(1), 3);
    }),
  );
}

async function dieAtBoot(place: Place): Promise<void> {
  visitSyncPoints(killThisProcess);
  await openRuntime({ path: place.path, machines: [parcelIn({ ledger: openLedger(place.ledger, tell) })] });
  await forever();
}

async function die(work: Extract<Workload, { kind: 'die' }>): Promise<void> {
  const { step, death, path } = work;
  let hasBegun = false;
  let onScanned: () => void = () => undefined;
  const scanned = new Promise<void>((resolve) => (onScanned = resolve));
  const { id, scans } = parcelInput(dyingParcel);
  const ledger = openLedger(work.ledger, (entry) => {
    tell(entry);
    if (entry.kind === 'sent' && entry.messageId === scanId(id, scans)) onScanned();
  });
  visitSyncPoints(({ side }) => {
    if (hasBegun && (death === 'kill before the record' || (death === 'kill after the record' && side === 'after'))) killThisProcess();
  });
  const during: ParcelWorld['during'] = async (name, { attempt }) => {
    if (name !== step || attempt !== 1) return;
    // When nothing else is on its way, the next batch is the one that records the outcome of this call.
    await scanned;
    hasBegun = true;
    if (death === 'kill in the call') killThisProcess();
    if (death === 'exit') process.exit(3);
    if (death !== 'unhandled rejection') return;
    void Promise.reject(new Error('nobody caught this'));
    await forever();
  };
  const machine = parcelIn({ ledger, during });
  const runtime = await openRuntime({ path, machines: [machine] });
  await deliverAll({ runtime, machine, ledger }, [dyingParcel], 1);
  throw new Error('It was expected to die.');
}

async function bePatient(work: Extract<Workload, { kind: 'be patient' }>): Promise<void> {
  const ledger = openLedger(work.ledger, tell);
  const machine = patientMachine(ledger, work.isDeaf ? 'deaf' : 'waiting');
  const runtime = await openRuntime({ path: work.path, machines: [machine] });
  closeOnSignals(runtime, ledger, work.grace);
  for (const id of ['w-1', 'w-2', 'w-3']) {
    await runtime.start(machine, { id });
    ledger.append({ kind: 'started', id });
  }
}

async function liveWithTheDeadly({ path, ledger: ledgerPath, how }: Extract<Workload, { kind: 'live with the deadly' }>): Promise<void> {
  const ledger = openLedger(ledgerPath, tell);
  const machine = deadlyMachine(ledger, how);
  const runtime = await openRuntime({ path, machines: [machine] });
  ledger.append({ kind: 'opened' });
  await Promise.all(
    ['a', deadlyId, 'z'].map(async (id) => {
      try {
        const handle = await runtime.start(machine, { id, input: { id } });
        await handle.result();
        ledger.append({ kind: 'closed', id, status: 'completed' });
      } catch (error) {
        if (!hasErrorCode(error, 'WORKFLOW_PARKED')) throw error;
        ledger.append({ kind: 'closed', id, status: error.details.reason });
      }
    }),
  );
  await runtime.close();
}

async function announce({ path, file, isLast, ledger: ledgerPath }: Extract<Workload, { kind: 'announce' }>): Promise<void> {
  const ledger = openLedger(ledgerPath, tell);
  const keep = jsonLinesFile(file);
  const mail: OutboxHandler = async (message) => {
    await keep(message);
    ledger.append({ kind: 'announced', id: message.workflowId, messageId: message.messageId });
  };
  const runtime = await openRuntime({ path, machines: [crier], outbox: { mail } });
  ledger.append({ kind: 'opened' });
  if (!isLast) await cryAll(runtime, ledger);
  while ((await runtime.outbox.lag()).some(({ undelivered }) => undelivered > 0)) await delay(5);
  await runtime.close();
}

async function fanOut({ path, ledger: ledgerPath, size }: Extract<Workload, { kind: 'fan out' }>): Promise<void> {
  const ledger = openLedger(ledgerPath, tell);
  const machine = manyIn(ledger, size);
  const runtime = await openRuntime({ path, machines: [machine] });
  const handle = await runtime.start(machine, { id: manyId });
  const { heard, succeeded, failed } = (await handle.result()) as { heard: number; succeeded: number; failed: number };
  ledger.append({ kind: 'closed', id: manyId, status: `completed ${heard} ${succeeded} ${failed}` });
  await runtime.close();
}

async function main(work: Workload): Promise<void> {
  switch (work.kind) {
    case 'deliver':
      return deliver(work).catch((error: unknown) => {
        refuse(error, openLedger(work.ledger, tell));
        process.exitCode = 1;
      });
    case 'undo':
      return undo(work);
    case 'reach points':
      return reachPoints(work.stores);
    case 'die at boot':
      return dieAtBoot(work);
    case 'die':
      return die(work);
    case 'live with the deadly':
      return liveWithTheDeadly(work);
    case 'announce':
      return announce(work);
    case 'fan out':
      return fanOut(work);
    case 'be patient':
      return bePatient(work);
  }
}

await main(JSON.parse(process.argv[2] ?? '') as Workload);
