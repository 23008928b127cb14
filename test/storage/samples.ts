/** Records as a kernel would write them, without a kernel. */
import * as fc from 'fast-check';
import type { Address } from '../../src/kernel/address.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { listingChange } from '../../src/kernel/listing.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { StoreBatch } from '../../src/kernel/ports.ts';
import type { ActivityRecord, ActorRecord, ChildRecord, JournalRecord, TimerRecord } from '../../src/kernel/record.ts';

const machine = { id: 'order', version: '1', structureHash: 'a1b2c3d4e5f60718' };

export interface SampleStep extends Partial<Omit<Commit, 'record' | 'journal' | 'base'>> {
  readonly address?: Address;
  readonly record?: Partial<ActorRecord>;
  readonly journal?: Partial<JournalRecord>;
}

/** The commit that brings an actor to `sequence`; whatever a test is about is given, the rest is there. */
export function sampleCommit(sequence: number, step: SampleStep = {}): Commit {
  const { address = rootAddress('order-1', 1), record, journal, ...rest } = step;
  const chart = { status: 'active', value: { open: 'paying' }, context: { total: 125, note: 'émile 🎈' }, history: {} } as const;
  const before: ActorRecord = {
    address,
    machine,
    status: 'running',
    chart,
    sequence,
    counters: { child: 0, timer: 0 },
    timers: [],
    activities: [],
    children: 0,
    startedAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_000 + sequence,
  };
  const after = { ...before, ...record };
  const listed = listingChange(sequence === 1 ? undefined : before, after);
  return {
    base: sequence - 1,
    record: after,
    ...(listed === undefined ? {} : { listed }),
    journal: {
      address,
      sequence,
      atMs: 1_700_000_000_000 + sequence,
      envelope: sequence === 1 ? { kind: 'start', input: null } : { kind: 'signal', event: { type: 'PAY', amount: sequence } },
      outcome: 'applied',
      status: 'running',
      value: chart.value,
      context: { set: { total: 125 }, removed: [] },
      armed: [],
      cancelled: [],
      scheduled: [],
      stopped: [],
      ...journal,
    },
    activitiesPut: [],
    activitiesRemoved: [],
    activityRowsRemoved: rest.activitiesRemoved ?? [],
    childrenPut: [],
    childrenRemoved: [],
    timersArmed: [],
    timersDisarmed: [],
    mailPut: [],
    mailRemoved: [],
    messages: [],
    effects: [],
    ...rest,
  };
}

export function sampleBatch(firstCommit: number, commits: readonly Commit[]): StoreBatch {
  return { firstCommit, commits, definitions: [] };
}

export function sampleActivity(n: number): ActivityRecord {
  return {
    n,
    childId: `${n}.order.paying`,
    src: 'charge',
    name: 'order.charge',
    input: { amount: 125 },
    idempotencyKey: `order-1:1::${n}`,
    scheduledAtMs: 1_700_000_000_000,
    attempt: 1,
    uncharged: 0,
    state: 'running',
  };
}

export function sampleChild(n: number, others: Partial<ChildRecord> = {}): ChildRecord {
  return { n, childId: `part-${n}`, src: 'part', isActor: true, ...others };
}

export function sampleTimer(generation: number, dueAtMs: number): TimerRecord {
  return { id: 'order.paying', generation, dueAtMs, armedAtMs: 1_700_000_000_000, event: { type: 'xstate.after' } };
}

/** The bytes with one bit turned over. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = bit >> 3;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** Ids as users may give them, the awkward ones often. */
export const anyId: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc
      .array(fc.constantFrom('\0', '\u0001', '\u0002', 'a', '\u007f', '\uffff', '\u{10000}', '\u{10ffff}', '\ufeff', '/', '..'), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => parts.join('')),
    fc.constantFrom('__proto__', 'constructor', '..', '/', '../../etc', 'a:1:', '\0', '\0\0', '\u202e', '\n'),
  )
  .filter((id) => id.length > 0 && new TextEncoder().encode(id).length <= 255 && !/\p{Cs}/u.test(id));

export const anyUint32: fc.Arbitrary<number> = fc.oneof(
  fc.nat({ max: 3 }),
  fc.constantFrom(255, 256, 0xffff_fffe, 0xffff_ffff),
  fc.nat({ max: 0xffff_ffff }),
);

export const anyInteger: fc.Arbitrary<number> = fc.oneof(anyUint32, fc.constantFrom(2 ** 32, 2 ** 53 - 1), fc.maxSafeNat());

export const anyAddress: fc.Arbitrary<Address> = fc.record({
  workflowId: anyId,
  run: anyUint32,
  path: fc.array(anyUint32, { maxLength: 4 }),
});
