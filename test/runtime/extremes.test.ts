/** As much, as large, as deep and as late as somebody may make it. */
import { describe, expect, test, vi } from 'vitest';
import { assign, raise, setup } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import type { StoreBatch } from '../../src/kernel/ports.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { changedStore } from '../support/changed-store.ts';
import { counter, sleeper, vault } from '../support/machines.ts';
import { refusalOf } from '../support/outcomes.ts';
import { isSoak } from '../support/sizes.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { ManualClock, settle } from './manual-clock.ts';

// Nothing here depends on how long it takes on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const sum = counter();

describe('payloads', () => {
  test('of 50 MB are refused by their size, whatever brings them, and nothing is stored', async () => {
    const { runtime, database } = await openTestRuntime({ machines: [vault] });
    await runtime.start(vault, { id: 'v', input: null });
    const everything = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) };
    const before = await database.entries(everything);
    const huge = 'x'.repeat(50 * 1024 * 1024);
    const asked = [
      () => runtime.start(vault, { id: 'w', input: huge }),
      () => runtime.send('v', { type: 'KEEP', value: huge } as never),
      () => runtime.send('v', { type: 'KEEP', value: Buffer.alloc(50 * 1024 * 1024) } as never),
      () => runtime.send('v', { type: 'KEEP', value: Array.from({ length: 50 }, () => huge) } as never),
    ];
    for (const ask of asked) {
      const { details } = await refusalOf(ask(), 'PAYLOAD_TOO_LARGE');
      expect(details.max).toBe(limits.payloadBytesMax);
      expect(details.bytes).toBeGreaterThan(limits.payloadBytesMax);
    }
    expect(await database.entries(everything)).toEqual(before);
  });

  const messages = isSoak ? 1_000 : 60;

  test(`as large as allowed, ${messages} of them sent at once, are written in order in bounded batches, and others get in between`, async () => {
    const batches: StoreBatch[] = [];
    const { runtime } = await openTestRuntime({
      machines: [sum],
      onStore: (store) =>
        changedStore(store, {
          write: async (batch) => {
            batches.push(batch);
            await store.write(batch);
          },
        }),
    });
    await runtime.start(sum, { id: 'large', input: { from: 0 } });
    await runtime.start(sum, { id: 'small', input: { from: 0 } });
    batches.length = 0;
    const text = 'x'.repeat(limits.payloadBytesMax - 100);
    const sent = Array.from({ length: messages }, () => runtime.send('large', { type: 'OTHER', text } as never));
    const small = await runtime.send('small', { type: 'OTHER' });
    expect(batches.length, 'a small message waited for all large ones').toBeLessThanOrEqual(limits.lettersPerTurn + 1);
    expect(small.outcome).toBe('unhandled');
    const answers = await Promise.all(sent);
    expect(answers.map(({ sequence }) => sequence)).toEqual(Array.from({ length: messages }, (_, index) => index + 2));
    const large = batches.map(({ commits }) => commits.filter(({ record }) => record.address.workflowId === 'large').length);
    expect(Math.max(...large)).toBeLessThanOrEqual(limits.batchBytesMax / limits.payloadBytesMax + 1);
  });

  test('a hundred thousand levels deep are refused, and nothing is stored', async () => {
    const { runtime } = await openTestRuntime({ machines: [vault] });
    await runtime.start(vault, { id: 'v', input: null });
    let list: unknown = [];
    let map: unknown = new Map();
    let error: unknown = new Error('first');
    for (let level = 0; level < 100_000; level += 1) {
      list = { deep: [list] };
      map = new Map([[map, new Set([level])]]);
      error = new Error('next', { cause: error });
    }
    for (const deep of [list, map, error]) {
      await refusalOf(runtime.start(vault, { id: 'w', input: deep }), 'PAYLOAD_TOO_DEEP');
      await refusalOf(runtime.send('v', { type: 'KEEP', value: deep } as never), 'PAYLOAD_TOO_DEEP');
    }
    await refusalOf(runtime.describe('w'), 'WORKFLOW_NOT_FOUND');
    expect(await runtime.describe('v')).toMatchObject({ sequence: 1 });
  });

  test('with keys that name prototypes are own data, in an event, a context, a map and after a restart, and reach no prototype', async () => {
    const database = await createMemoryDatabase();
    const first = await openTestRuntime({ machines: [vault], database });
    const poison = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"list":[{"__proto__":{"polluted":3}}]}',
    );
    const bare = Object.assign(Object.create(null) as object, { polluted: 4 });
    const value = { poison, map: new Map([['__proto__', poison]]), bare };
    await first.runtime.start(vault, { id: 'started', input: value });
    await first.runtime.start(vault, { id: 'sent', input: null });
    await first.runtime.send('sent', { type: 'KEEP', value } as never);
    await closeTestRuntime(first);
    const { runtime } = await openTestRuntime({ machines: [vault], database: database.reopen() });
    for (const id of ['started', 'sent']) {
      const { kept } = (await runtime.get<typeof vault>(id)).getSnapshot().context as { kept: typeof value };
      expect(Object.keys(kept.poison)).toEqual(['__proto__', 'constructor', 'list']);
      expect(Object.getPrototypeOf(kept.poison)).toBe(Object.prototype);
      expect(JSON.stringify(kept.poison)).toBe(JSON.stringify(poison));
      expect(JSON.stringify(kept.map.get('__proto__'))).toBe(JSON.stringify(poison));
      expect({ ...kept.bare }).toEqual({ polluted: 4 });
    }
    for (const clean of [{}, [], new Map(), () => 1]) expect(clean).not.toHaveProperty('polluted');
  });
});

describe('timers', () => {
  const each = 100;
  const alarm = setup({ types: { context: {} as { readonly heard: readonly string[] } } }).createMachine({
    id: 'alarm',
    version: '1',
    entry: Array.from({ length: each }, (_, index) => raise({ type: `RING.${index}` }, { delay: 60_000, id: `r${index}` })),
    context: { heard: [] },
    on: { 'RING.*': { actions: assign(({ context, event }) => ({ heard: [...context.heard, event.type] })) } },
  });

  /** Time passes while it is worked, so that slices come to their end. */
  class WorkingClock extends ManualClock {
    #looks = 0;
    yields = 0;

    override monotonic(): number {
      this.#looks += 1;
      return super.monotonic() + this.#looks;
    }

    override yieldTurn(callback: () => void): void {
      this.yields += 1;
      super.yieldTurn(callback);
    }
  }

  test('of 10,000 due in one millisecond each fires once, in order, and everybody else gets turns meanwhile', async () => {
    const clock = new WorkingClock();
    const { runtime } = await openTestRuntime({ machines: [alarm, sum], clock });
    const ids = Array.from({ length: 10_000 / each }, (_, index) => `a${index}`);
    await Promise.all(ids.map(async (id) => runtime.start(alarm, { id })));
    await runtime.start(sum, { id: 'other', input: { from: 0 } });
    const before = clock.yields;
    await clock.pass(60_000);
    const other = await runtime.send('other', { type: 'ADD', amount: 1 } as never);
    expect(other).toMatchObject({ outcome: 'applied' });
    for (const id of ids) {
      while ((await runtime.describe(id)).sequence <= each) await settle(1);
      const history = await runtime.history(id);
      expect(history.map(({ sequence }) => sequence)).toEqual(Array.from({ length: each + 1 }, (_, index) => index + 1));
      const heard = Array.from({ length: each }, (_, index) => `RING.${index}`);
      expect(await runtime.describe(id)).toMatchObject({ timers: [], context: { heard } });
    }
    // Each workflow handles so many letters a turn.
    expect(clock.yields - before).toBeGreaterThan(10_000 / limits.lettersPerTurn / 10);
  });

  test('that came due while nothing ran for 30 days fire once, in due order, when it runs again', async () => {
    const [database, clock] = [await createMemoryDatabase(), new ManualClock()];
    const day = 86_400_000;
    const first = await openTestRuntime({ machines: [sleeper], database, clock });
    const delays = [3 * day, day, 29 * day, 2 * day];
    for (const delayMs of delays) await first.runtime.start(sleeper, { id: `nap-${delayMs / day}`, input: { delayMs } });
    await first.runtime.start(sleeper, { id: 'longer', input: { delayMs: 31 * day } });
    await closeTestRuntime(first);
    clock.stepWall(30 * day);
    const { runtime } = await openTestRuntime({ machines: [sleeper], database: database.reopen(), clock });
    await clock.pass(1);
    await settle();
    const commits: number[] = [];
    for (const days of [1, 2, 3, 29]) {
      const history = await runtime.history(`nap-${days}`);
      expect(history.map(({ kind, value }) => [kind, value])).toEqual([
        ['start', 'asleep'],
        ['timer', 'ringing'],
      ]);
      commits.push(history.at(-1)?.commit ?? 0);
    }
    expect(commits).toEqual(commits.toSorted((a, b) => a - b));
    expect(await runtime.describe('longer')).toMatchObject({ value: 'asleep' });
  });
});
