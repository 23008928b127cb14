import type { Address } from './address.ts';
import { formatAddress } from './address.ts';
import type { Birth } from './birth.ts';
import type { StoredActor } from './ports.ts';
import type { ActivityRecord, ActorRecord, ChartRecord, ChildRecord, ContextDelta } from './record.ts';
import type { FanOutRows } from './item-record.ts';
import type { LedgerRecord } from './ledger-record.ts';
import { limits } from './limits.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { RestingUndos } from './resting-undos.ts';
import { divideLedger } from './resting-undos.ts';
import type { Json } from './json.ts';
import { checkSize, encodeValue, setOwn } from './value-encoding.ts';
import type { Place, Surroundings } from './xstate-scope.ts';
import type { AnyMachineSnapshot, LiveChart, RevivedChild } from './xstate-seam.ts';
import { contextOf, historyOf, reviveChart } from './xstate-seam.ts';

/** One resident actor as the kernel sees it: an immutable value; each step makes the next one. */
export interface Actor {
  readonly machine: RegisteredMachine;
  readonly record: ActorRecord;
  readonly activities: ReadonlyMap<number, ActivityRecord>;
  readonly children: ReadonlyMap<number, ChildRecord>;
  readonly ledger: ReadonlyMap<number, LedgerRecord>;
  /** What else is in the ledger of a fan-out. */
  readonly resting: RestingUndos | undefined;
  /** Only of a fan-out. */
  readonly fanOut: FanOutRows | undefined;
  readonly chart: LiveChart;
}

/**
 * Brings an actor back from its records.
 *
 * @throws Error if the machine no longer has a state the records name
 */
export function reviveActor(machine: RegisteredMachine, stored: StoredActor, surroundings: Surroundings): Actor {
  const { record, activities, children, ledger } = stored;
  return {
    machine,
    record,
    activities: new Map(activities.map((activity) => [activity.n, activity])),
    children: new Map(children.map((child) => [child.n, child])),
    ...ledgerOf(machine, ledger),
    fanOut: fanOutOf(stored),
    chart: reviveChart(
      machine.logic,
      placeOf(record.address, record.birth, surroundings),
      record.chart,
      machine.fanOut === undefined ? referredTo(stored) : nobody,
    ),
  };
}

/** The record has what is no row. */
function fanOutOf({ fanOut: rows, record: { fanOut } }: StoredActor): FanOutRows | undefined {
  if (rows === undefined || fanOut === undefined) return undefined;
  const { isInline, untold } = fanOut;
  return { ...rows, ...(isInline === undefined ? {} : { isInline }), ...(untold === undefined ? {} : { untold }) };
}

function ledgerOf({ fanOut }: RegisteredMachine, ledger: StoredActor['ledger']): Pick<Actor, 'ledger' | 'resting'> {
  if (ledger === undefined) return { ledger: emptyLedger, resting: undefined };
  return fanOut === undefined ? { ledger: new Map(ledger.map((entry) => [entry.n, entry])), resting: undefined } : divideLedger(ledger);
}

/** The chart of a fan-out refers to none of its items. */
const nobody: readonly RevivedChild[] = [];

const emptyLedger: ReadonlyMap<number, LedgerRecord> = new Map<number, never>();

/** What a chart may still refer to: custom actions are nobody's children, and who was let go is gone. */
function referredTo({ activities, children }: StoredActor): readonly RevivedChild[] {
  return [...activities.filter(({ kind }) => kind !== 'actions'), ...children.filter(({ isDetached }) => isDetached !== true)];
}

/** Where an actor stands, for its chart. */
export function placeOf(address: Address, birth: Birth | undefined, surroundings: Surroundings): Place {
  const parentPath = address.path.slice(0, -1);
  const parent = formatAddress({ ...address, path: parentPath });
  return {
    sessionId: sessionIdOf(address),
    id: birth?.childId ?? address.workflowId,
    systemId: birth?.systemId,
    // The parent's own id is known to its parent only; nobody sends by it.
    parent: birth === undefined ? undefined : { sessionId: parent, id: parentPath.length === 0 ? address.workflowId : parent },
    surroundings,
  };
}

export function sessionIdOf(address: Address): string {
  return formatAddress(address);
}

/** A chart in our own encoding, with what changed in its context since the record before. */
export interface EncodedChart {
  readonly chart: ChartRecord;
  readonly delta: ContextDelta;
}

/**
 * Encodes a snapshot. A top-level key of the context whose reference did not change keeps its earlier encoding: contexts are
 * immutable in XState. Every so many records all of it is encoded anew, so that a context mutated in place is caught up with.
 *
 * @throws PerdureError `PAYLOAD_…` with the path of what cannot be kept
 */
export function encodeChart(snapshot: AnyMachineSnapshot, before: Actor | undefined, sequence: number): EncodedChart {
  const reusable = sequence % limits.journalSnapshotInterval === 0 ? undefined : before;
  const known = (reusable === undefined ? undefined : contextOf(reusable.chart.snapshot)) as Record<string, unknown> | undefined;
  const context: Record<string, Json> = {};
  const set: Record<string, Json> = {};
  const tally = { bytes: 0 };
  const now = plainContext(contextOf(snapshot));
  let isAsBefore = true;
  for (const key of Object.keys(now)) {
    const value = now[key];
    const earlier =
      known !== undefined && Object.hasOwn(known, key) && Object.is(known[key], value) ? reusable?.record.chart.context[key] : undefined;
    const json = earlier ?? encodeValue(value, `context.${key}`, tally);
    setOwn(context, key, json);
    if (earlier !== undefined) continue;
    setOwn(set, key, json);
    isAsBefore = false;
  }
  const removed = before === undefined ? [] : Object.keys(before.record.chart.context).filter((key) => !Object.hasOwn(context, key));
  if (!isAsBefore) checkSize(context, 'context');
  return { chart: chartRecord(snapshot, context), delta: { set, removed } };
}

function chartRecord(snapshot: AnyMachineSnapshot, context: Record<string, Json>): ChartRecord {
  const chart = {
    status: snapshot.status as ChartRecord['status'],
    value: valueOf(snapshot),
    context,
    history: historyOf(snapshot),
  };
  if (snapshot.status === 'error') return { ...chart, error: encodeValue(snapshot.error, 'error') };
  if (snapshot.output === undefined) return chart;
  const output = encodeValue(snapshot.output, 'output');
  checkSize(output, 'output');
  return { ...chart, output };
}

/** A transition function has no states. */
export function valueOf(snapshot: AnyMachineSnapshot): Json {
  return (snapshot.value as Json | undefined) ?? null;
}

function plainContext(context: unknown): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(context);
  const isPlain = prototype === Object.prototype || prototype === null;
  // Refused with its path, as any other class instance or symbol key.
  if (!isPlain || Object.getOwnPropertySymbols(context).length > 0) encodeValue(context, 'context');
  return context as Record<string, unknown>;
}
