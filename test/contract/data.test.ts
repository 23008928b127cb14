import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { limits } from '../../src/kernel/limits.ts';
import { counter, errand, vault } from '../support/machines.ts';
import { refusalOf } from '../support/outcomes.ts';
import { anyValue, isSame } from '../support/values.ts';
import { World } from '../support/world.ts';
import { anyId } from '../storage/samples.ts';
import { contractGroup } from './contract-group.ts';

const max = limits.payloadBytesMax;
const machines = [vault, counter()];
const big = (bytes: number): string => 'x'.repeat(bytes);

async function openedVault(host: ContractHost, input: unknown = null): Promise<ContractRuntime> {
  const runtime = await host.open(machines);
  await runtime.start(vault, { id: 'v', input });
  return runtime;
}

/** Does something that is refused, and checks that the disk is as it was. */
async function expectNothingWritten(host: ContractHost, refused: (runtime: ContractRuntime) => Promise<void>): Promise<void> {
  await openedVault(host);
  await host.close();
  const before = await host.stored();
  await refused(await host.open(machines));
  await host.close();
  expect(await host.stored()).toBe(before);
}

class Custom {
  readonly value = 1;
}

const cycle: { self?: unknown } = {};
cycle.self = { of: cycle };

const refusedValues: Readonly<Record<string, { readonly value: unknown; readonly path: string; readonly found: string }>> = {
  'a function': { value: { deep: [1, () => 1] }, path: '.deep[1]', found: 'a function' },
  'a symbol': { value: { deep: Symbol('s') }, path: '.deep', found: 'a symbol' },
  'a symbol key': { value: { deep: { [Symbol('s')]: 1 } }, path: '.deep', found: 'the symbol key Symbol(s)' },
  'a cycle': { value: cycle, path: '.self.of', found: 'a cycle' },
  'a class instance': { value: { 'a key': new Custom() }, path: '["a key"]', found: 'an instance of class Custom' },
  'a class instance in a map': { value: new Map([['k', new Custom()]]), path: '[0][1]', found: 'an instance of class Custom' },
  'a regular expression': { value: [/x/], path: '[0]', found: 'an instance of class RegExp' },
  'a promise': { value: [Promise.resolve()], path: '[0]', found: 'an instance of class Promise' },
  'a weak map': { value: [new WeakMap()], path: '[0]', found: 'an instance of class WeakMap' },
  'an instance below an array class': {
    value: [new (class Rows extends Array<number> {})()],
    path: '[0]',
    found: 'an instance of class Rows',
  },
  'an instance below a date class': { value: [new (class Day extends Date {})()], path: '[0]', found: 'an instance of class Day' },
  'an instance below a map class': { value: [new (class Index extends Map {})()], path: '[0]', found: 'an instance of class Index' },
};

const keptValues: Readonly<Record<string, unknown>> = {
  Date: [new Date(0), new Date(-1), new Date(8.64e15), new Date(Number.NaN)],
  Map: new Map<unknown, unknown>([
    ['a', 1],
    [{ key: 1 }, new Map([[undefined, new Set([1])]])],
    [Number.NaN, -0],
  ]),
  Set: new Set<unknown>([1, 'a', null, [1], new Set()]),
  BigInt: [0n, -1n, 2n ** 200n],
  Error: [
    new Error('plain'),
    Object.assign(new TypeError('typed', { cause: new RangeError('why', { cause: 'deeper' }) }), { code: 'E_CODE', details: { at: 1 } }),
    new AggregateError([new Error('one'), 'two'], 'both'),
  ],
  undefined: [undefined, { here: undefined }],
  NaN: [Number.NaN, Infinity, -Infinity],
  '-0': [-0, 0, { zero: -0 }],
  bytes: [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_byte, index) => index)],
  'keys and texts that mean something elsewhere': {
    $type: 'Date',
    value: { $type: { $type: 1 } },
    list: ['$type', { ['__proto__']: { polluted: true } }],
    constructor: 'c',
    text: 'a\0b\u{1f388}\u2028',
  },
};

/** Through a start and through an event, before and after a restart. */
async function expectToSurvive(host: ContractHost, values: readonly unknown[]): Promise<void> {
  const runtime = await host.open(machines);
  for (const [index, value] of values.entries()) {
    const handle = await runtime.start(vault, { id: `start-${index}`, input: value });
    expect(isSame(handle.getSnapshot().context.kept, value)).toBe(true);
    const other = await runtime.start(vault, { id: `event-${index}`, input: null });
    await other.send({ type: 'KEEP', value });
  }
  await host.crash();
  const next = await host.open(machines);
  for (const [index, value] of values.entries()) {
    for (const way of ['start', 'event']) {
      const { kept } = (await next.get<typeof vault>(`${way}-${index}`)).getSnapshot().context;
      if (!isSame(kept, value)) expect([way, kept]).toEqual([way, value]);
      expect(isSame(kept, value)).toBe(true);
    }
    // Starting again with the same value finds it: what was read back is encoded as what was given.
    const { context } = (await next.start(vault, { id: `start-${index}`, input: value })).getSnapshot();
    expect(isSame(context.kept, value)).toBe(true);
    expect(isSame((await next.describe(`event-${index}`)).context, { kept: value })).toBe(true);
    expect(isSame((await next.history(`event-${index}`)).at(-1)?.event, { type: 'KEEP', value })).toBe(true);
  }
  await host.close();
}

contractGroup('data', ({ backend, contractCase }) => {
  contractCase(35, {
    'input: refused with its size and path, nothing is stored': (host) =>
      expectNothingWritten(host, async (runtime) => {
        const input = { small: 1, list: big(max) };
        const { details, message } = await refusalOf(runtime.start(vault, { id: 'w', input }), 'PAYLOAD_TOO_LARGE');
        expect(details).toMatchObject({ path: 'input.list', max });
        expect(details.bytes).toBeGreaterThan(max);
        expect(message).toContain(String(details.bytes));
        await refusalOf(runtime.describe('w'), 'WORKFLOW_NOT_FOUND');
      }),

    'event: refused with its size and path, nothing is stored, also no message id': (host) =>
      expectNothingWritten(host, async (runtime) => {
        const handle = await runtime.get<typeof vault>('v');
        const sent = handle.send({ type: 'KEEP', value: { list: big(max) } }, { messageId: 'm' });
        expect((await refusalOf(sent, 'PAYLOAD_TOO_LARGE')).details).toMatchObject({ path: 'event.value', max });
        expect(await runtime.describe('v')).toMatchObject({ sequence: 1, status: 'running' });
      }),

    'bytes are counted in UTF-8, up to the limit and not beyond': async (host) => {
      const runtime = await openedVault(host);
      const frame = JSON.stringify({ type: 'KEEP', value: '' }).length;
      const fits = 'é'.repeat(Math.floor((max - frame) / 2));
      const handle = await runtime.get<typeof vault>('v');
      expect(await handle.send({ type: 'KEEP', value: fits })).toMatchObject({ outcome: 'applied' });
      const { details } = await refusalOf(handle.send({ type: 'KEEP', value: `${fits}éé` }), 'PAYLOAD_TOO_LARGE');
      expect(details.bytes).toBeGreaterThan(max);
      expect(details.bytes).toBeLessThan(max + 10);
    },

    'context: the step is rolled back whole and the workflow parked': async (host) => {
      const runtime = await openedVault(host, 'small');
      const handle = await runtime.get<typeof vault>('v');
      expect(await handle.send({ type: 'BLOAT', length: max })).toEqual({ sequence: 2, outcome: 'queued' });
      const { message } = await refusalOf(handle.result(), 'WORKFLOW_PARKED');
      expect(message).toContain('context.more');
      expect(message).toContain(`limit is ${max}`);
      expect(await runtime.describe('v')).toMatchObject({ status: 'parked', context: { kept: 'small' } });
    },

    'output of an activity: the activity fails for good': async (host) => {
      const world = new World();
      const machine = errand(world, 'errand', {});
      const runtime = await host.open([machine]);
      await runtime.start(machine, { id: 'e', input: { item: 'lamp' } });
      await host.settled();
      world.last('fetch').succeed({ list: big(max) });
      await host.settled();
      expect(world.calls).toHaveLength(1);
      const { status, failure, context } = await runtime.describe('e');
      expect({ status, failure }).toMatchObject({
        status: 'failed',
        failure: { class: 'PAYLOAD_TOO_LARGE', activity: 'errand.fetch', attempt: 1, message: expect.stringContaining('output.list') },
      });
      expect(context).toMatchObject({ error: { name: 'PAYLOAD_TOO_LARGE', message: failure?.message } });
    },
  });

  contractCase(36, {
    ...Object.fromEntries(
      Object.entries(refusedValues).map(([what, { value, path, found }]) => [
        `${what} is refused`,
        (host: ContractHost) =>
          expectNothingWritten(host, async (runtime) => {
            const start = await refusalOf(runtime.start(vault, { id: 'w', input: value }), 'PAYLOAD_NOT_SERIALIZABLE');
            expect(start.details).toEqual({ path: `input${path}`, found });
            const handle = await runtime.get<typeof vault>('v');
            const sent = await refusalOf(handle.send({ type: 'KEEP', value }), 'PAYLOAD_NOT_SERIALIZABLE');
            expect(sent.details).toEqual({ path: `event.value${path}`, found });
          }),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(keptValues).map(([what, value]) => [`${what} survives`, (host: ContractHost) => expectToSurvive(host, [value])]),
    ),
    'whatever is made of them survives': async (host) => {
      const values = fc.sample(anyValue, { seed: 36, numRuns: backend === 'local on LevelDB' ? 60 : 150 });
      await expectToSurvive(host, values);
    },
  });

  contractCase(37, {
    'each is a workflow of its own, whatever others there are, also after a restart': async (host) => {
      const ids = [...new Set(fc.sample(anyId, { seed: 37, numRuns: 120 })), 'x'.repeat(255), 'é'.repeat(127), '\u{1f388}'.repeat(63)];
      const [, sum] = machines;
      const runtime = await host.open(machines);
      for (const [from, id] of ids.entries()) await runtime.start(sum!, { id, input: { from } });
      for (const id of ids) await runtime.send(id, { type: 'OTHER' }, { messageId: id });
      await host.crash();
      expect((await host.storedIds()).toSorted(byBytes)).toEqual(ids.toSorted(byBytes));
      const next = await host.open(machines);
      for (const [from, id] of ids.entries()) {
        expect(await next.describe(id)).toMatchObject({ id, context: { total: from }, sequence: 2 });
        expect((await next.history(id)).map(({ sequence }) => sequence)).toEqual([1, 2]);
        expect(await next.send(id, { type: 'OTHER' }, { messageId: id })).toEqual({ sequence: 2, outcome: 'unhandled' });
      }
    },

    'others are refused, wherever they are given': (host) =>
      expectNothingWritten(host, async (runtime) => {
        for (const id of ['', 'x'.repeat(256), 'é'.repeat(128), '\u{1f388}'.repeat(64), '\ud800', 'a\udc00b', '\udc00\ud800']) {
          const asked = [
            () => runtime.start(vault, { id, input: null }),
            () => runtime.get(id),
            () => runtime.send(id, { type: 'KEEP' }),
            () => runtime.send('v', { type: 'KEEP' }, { messageId: id }),
            () => runtime.describe(id),
            () => runtime.history(id),
          ];
          for (const ask of asked) await refusalOf(ask(), 'ID_INVALID');
        }
      }),

    'on disk they stand in the order of their bytes': expectByteOrder,
  });
});

async function expectByteOrder(host: ContractHost): Promise<void> {
  const ids = [...new Set([...fc.sample(anyId, { seed: 73, numRuns: 60 }), 'a', 'a\0', 'a\0a', 'a\u0001', 'aa', '\uffff', '\u{10000}'])];
  const runtime = await host.open(machines);
  for (const id of ids) await runtime.start(vault, { id, input: null });
  await host.close();
  expect(await host.storedIds()).toEqual(ids.toSorted(byBytes));
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
