import { activity } from 'perdure/authoring';
import { fanOut } from 'perdure/authoring';
import type { SourcePage, SourceQuestion } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { encodeCursor } from '../../src/kernel/cursor.ts';
import { checkResults } from '../../src/kernel/fan-out-results.ts';
import { checkMachine } from '../../src/kernel/check-machine.ts';
import { limits } from '../../src/kernel/limits.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { encodeValue } from '../../src/kernel/value-encoding.ts';
import { itemsOf, numbers, parentOf } from '../support/fan-outs.ts';
import { World } from '../support/world.ts';
import { Family } from './families.ts';
import { completed, errorNamed, failed, signal } from './workflows.ts';

/** Every step is decided twice by the family: in memory, and as the next process would. */
function familyOf(options: Parameters<typeof itemsOf>[1], count: number): Family {
  return new Family(parentOf(itemsOf(new World(), options), numbers(count)));
}

const fanOutOf = (family: Family) => family.stored(1).record;

describe('a fan-out', () => {
  test('begins in the unit of its parent, and its items stand in a page until they have begun', () => {
    const family = familyOf({ concurrency: 2 }, 3);
    expect(family.order).toEqual(['root: start', '1: start', '1: items']);
    expect(family.stored(1).pages).toEqual([{ n: 1, first: 1, inputs: [1, 2, 3] }]);
    expect(fanOutOf(family)).toMatchObject({ fanOut: { pages: 1, ended: 0, isInline: true }, activities: [{ n: 1 }, { n: 2 }] });
    family.tell([1], completed(1, 'a'));
    expect(family.stored(1)).toMatchObject({ pages: [], items: [{ n: 1, status: 'completed', child: 1, output: 'a' }] });
    expect(fanOutOf(family)).toMatchObject({ fanOut: { pages: 0, ended: 1 } });
  });

  test('takes what several items came to as one step', () => {
    const family = familyOf({ concurrency: 3, tolerate: { count: 1 } }, 5);
    const no = failed(2, errorNamed('Refused', 'no'));
    family.tell([1], { kind: 'items', outcomes: [completed(1, 'a'), no, completed(3, 'c')] as never });
    expect(family.order).toEqual(['1: items']);
    expect(family.stored(1)).toMatchObject({
      record: { chart: { context: { total: 5, begun: 5, succeeded: 2, failed: 1, firstFailed: { item: 2, class: 'Refused' } } } },
      items: [
        { n: 1, status: 'completed' },
        { n: 2, status: 'failed', input: 2, failure: { class: 'Refused', message: 'no' } },
        { n: 3, status: 'completed' },
      ],
      journal: [{}, {}, { envelope: { kind: 'items', outcomes: [], count: 3 } }],
    });
    family.tell([1], { kind: 'items', outcomes: [completed(4, 'd'), completed(5, 'e')] as never });
    expect(family.order).toEqual(['1: items', 'root: child-done']);
    expect(family.context).toMatchObject({ heard: [{ succeeded: 4, failed: 1, results: ['a', 'c', 'd', 'e'] }] });
  });

  test('makes nothing of what is told again, or of what is over', () => {
    const family = familyOf({ concurrency: 1 }, 2);
    family.tell([1], completed(1, 'a'));
    expect(family.tell([1], { kind: 'items', outcomes: [completed(1, 'again')] as never })).toMatchObject([
      { journal: { outcome: 'late' }, itemsPut: [] },
    ]);
    expect(family.tell([1], { kind: 'attempt-lost', n: 1, attempt: 1 })).toEqual([]);
    family.tell([1], completed(2, 'b'));
    expect(family.context).toMatchObject({ heard: [{ results: ['a', 'b'] }] });
    expect(family.send('LEAVE')).toMatchObject([{ journal: { outcome: 'unhandled' } }]);
  });

  test('makes nothing of what means nothing, told alone or with others', () => {
    const family = familyOf({ concurrency: 1 }, 3);
    family.tell([1], completed(1, 'a'));
    const lost = { kind: 'attempt-lost', n: 1, attempt: 1 } as const;
    expect(family.tell([1], { kind: 'items', outcomes: [lost, lost] })).toEqual([]);
    family.tell([1], { kind: 'items', outcomes: [lost, completed(2, 'b')] as never });
    expect(fanOutOf(family)).toMatchObject({ chart: { context: { succeeded: 2 } } });
  });

  test('has what its items did in its ledger, where that can be undone', () => {
    const booking = activity<number, string>({ name: 'book', run: () => 'x', compensate: { run: () => undefined } });
    const family = new Family(parentOf(fanOut(booking, { concurrency: 2 }), [1, 2]));
    family.tell([1], completed(1, 'a'));
    family.tell([1], completed(2, 'b'));
    expect(family.stored(1).ledger).toMatchObject([
      { n: 1, src: 'item', outcome: 'completed', input: 1, output: 'a' },
      { n: 2, src: 'item', outcome: 'completed', input: 2, output: 'b' },
    ]);
    expect(family.stored().ledger).toMatchObject([{ kind: 'child', src: 'items' }]);
  });

  test('hears of one item twice as it would one after the other, also if both were told at once', () => {
    const family = familyOf({ concurrency: 2, tolerate: { count: 2 } }, 3);
    const timedOut = { kind: 'attempt-timed-out', n: 1, attempt: 1 } as const;
    family.tell([1], { kind: 'items', outcomes: [timedOut, completed(2, 'b'), completed(1, 'late')] as never });
    expect(family.order).toEqual(['1: items', '1: items']);
    expect(family.stored(1)).toMatchObject({
      record: { chart: { context: { begun: 3, succeeded: 1, failed: 1 } } },
      items: [
        { n: 1, status: 'failed' },
        { n: 2, status: 'completed' },
      ],
    });
    const lost = { kind: 'attempt-lost', n: 2, attempt: 1 } as const;
    family.tell([1], { kind: 'items', outcomes: [lost, lost, completed(3, 'c'), completed(3, 'again')] as never });
    expect(family.order).toEqual(['1: items', 'root: child-done', '1: items']);
    expect(family.context).toMatchObject({ heard: [{ succeeded: 2, failed: 1, results: ['b', 'c'] }] });
  });

  test('reads pages from a source as an activity of its own, which is no item', () => {
    const source = activity<SourceQuestion<string, Date>, SourcePage<number, Date>>({ name: 'source', run: () => ({ items: [] }) });
    const item = activity<number, string>({ name: 'item', run: () => 'x' });
    const family = new Family(parentOf(fanOut(item, { concurrency: 2, source }), 'all'));
    expect(family.stored(1)).toMatchObject({ activities: [{ n: 1, src: 'source', input: { input: 'all', cursor: null } }], pages: [] });
    const next = new Date('2026-01-01T00:00:00.000Z');
    family.tell([1], completed(1, { items: [7, 8, 9], next }));
    expect(family.stored(1)).toMatchObject({
      activities: [
        { n: 2, src: 'item', input: 7 },
        { n: 3, src: 'item', input: 8 },
        { n: 4, src: 'source', input: { input: 'all', cursor: encodeValue(next) } },
      ],
      pages: [{ n: 1, first: 1, inputs: [7, 8, 9] }],
      journal: [{}, {}, { envelope: { kind: 'attempt-completed', output: null } }],
    });
    family.tell([1], { kind: 'items', outcomes: [completed(2, 'a'), completed(4, { items: [10] }), completed(3, 'b')] as never });
    expect(family.stored(1)).toMatchObject({
      activities: [
        { src: 'item', input: 9 },
        { src: 'item', input: 10 },
      ],
      pages: [],
      record: { chart: { context: { total: 4, begun: 4, succeeded: 2, source: null } } },
    });
    family.tell([1], { kind: 'items', outcomes: [completed(5, 'c'), completed(6, 'd')] as never });
    expect(family.context).toMatchObject({ heard: [{ total: 4, results: ['a', 'b', 'c', 'd'] }] });
  });

  test('that ended keeps in its ledger what is told of items that were under way', () => {
    const booking = activity<number, string>({ name: 'book', run: () => 'x', compensate: { run: () => undefined } });
    const family = new Family(parentOf(fanOut(booking, { concurrency: 2 }), [1, 2, 3]));
    family.tell([1], { kind: 'attempt-due', n: 1 });
    family.tell([1], { kind: 'attempt-due', n: 2 });
    family.send('LEAVE');
    expect(family.stored(1).ledger).toMatchObject([{ outcome: 'leaving' }, { outcome: 'leaving' }]);
    family.tell([1], { kind: 'items', outcomes: [completed(1, 'a'), completed(2, 'b')] as never });
    expect(family.stored(1).ledger).toMatchObject([
      { n: 1, outcome: 'completed', output: 'a' },
      { n: 2, outcome: 'completed', output: 'b' },
    ]);
    expect(family.stored(1)).toMatchObject({ items: [], record: { chart: { context: { succeeded: 0 } } } });
  });

  test('fails if its outputs fit and what it says around them does not', () => {
    const family = familyOf({ concurrency: 1 }, 1);
    family.tell([1], completed(1, 'x'.repeat(limits.payloadBytesMax - 20)));
    expect(family.context).toMatchObject({ heard: [{ name: 'FanOutTooLarge' }] });
  });

  test('tells nobody of retries, and counts none of them', () => {
    const family = familyOf({ concurrency: 2, maximumAttempts: 3 }, 2);
    family.tell([1], { kind: 'items', outcomes: [failed(1, errorNamed('Busy')), failed(2, errorNamed('Busy'))] as never });
    expect(family.stored(1)).toMatchObject({
      activities: [{ state: 'backoff' }, { state: 'backoff' }],
      record: { chart: { context: { succeeded: 0, failed: 0 } } },
    });
  });

  test('has nothing to say to what is sent to it', () => {
    const family = familyOf({ concurrency: 2 }, 2);
    expect(family.tell([1], signal('HELLO'))).toMatchObject([{ journal: { outcome: 'unhandled' } }]);
  });

  test('ends with its parent, and what is told it then is late', () => {
    const family = familyOf({ concurrency: 2 }, 3);
    family.send('LEAVE');
    expect(fanOutOf(family)).toMatchObject({ status: 'cancelled', activities: [] });
    expect(family.tell([1], { kind: 'items', outcomes: [completed(1, 'a')] as never })).toEqual([]);
  });

  test('runs machines, each an actor of its own while it runs, and hears of those that fail', () => {
    const part = setup({ types: { input: {} as number } }).createMachine({
      id: 'part',
      context: ({ input }) => ({ n: input }),
      on: {
        END: '.end',
        FAIL: {
          actions: () => undefined,
          target: '.failed',
        },
      },
      initial: 'busy',
      states: { busy: {}, failed: { type: 'final', tags: ['failed'] }, end: { type: 'final' } },
      output: ({ context }) => context['n'] as number,
    });
    const family = new Family(parentOf(fanOut(part, { concurrency: 2 }), [7, 8, 9]));
    expect(family.values).toMatchObject({ '1.1': 'busy', '1.2': 'busy' });
    family.tell([1, 2], signal('END'));
    expect(family.values).not.toHaveProperty(['1.2']);
    expect(family.values).toMatchObject({ '1.1': 'busy', '1.3': 'busy' });
    family.tell([1, 1], signal('END'));
    family.tell([1, 3], signal('FAIL'));
    expect(family.context).toMatchObject({ heard: [{ total: 3, succeeded: 3, results: [7, 8, 9] }] });
  });

  test('counts a machine that cannot begin as an item that failed', () => {
    const part = setup({ types: { input: {} as number } }).createMachine({
      id: 'part',
      context: ({ input }) => {
        if (input === 2) throw new RangeError('not 2');
        return { n: input };
      },
      initial: 'end',
      states: { end: { type: 'final' } },
    });
    const family = new Family(parentOf(fanOut(part, { concurrency: 2, tolerate: { count: 1 } }), [1, 2, 3]));
    expect(family.context).toMatchObject({ heard: [{ total: 3, succeeded: 2, failed: 1 }] });
    expect(family.stored(1).items).toMatchObject([{ n: 1 }, { n: 2, status: 'failed', failure: { class: 'RangeError' } }, { n: 3 }]);
  });
});

describe('where a machine is looked at', () => {
  const declared = activity<number, number>({ name: 'seed' });

  test('its code is missed where it has none, and its undo is asked for', () => {
    const machine = parentOf(fanOut(declared, { concurrency: 2 }), [1]);
    expect(() => registerMachine(machine)).toThrow('activity "items" invoked in state "parent.busy"');
    expect(checkMachine(machine).map(({ code, src }) => `${code} ${String(src)}`)).toContain('undo-missing items');
    const final = activity<number, number>({ name: 'seed', irreversible: true, run: ({ input }) => input });
    const codes = checkMachine(parentOf(fanOut(final, { concurrency: 2 }), [1])).map(({ code }) => code);
    expect(codes).not.toContain('undo-missing');
  });

  test('what it runs is checked as if it stood there itself', () => {
    const part = setup({ actors: { odd: {} as never } }).createMachine({ id: 'part', invoke: { src: 'odd', input: undefined } });
    expect(() => registerMachine(parentOf(fanOut(part, { concurrency: 1 }), []))).toThrow('machine "part" among its actors');
    const careless = setup({ actors: { declared } }).createMachine({ id: 'part', invoke: { src: 'declared', input: 1 } });
    expect(checkMachine(parentOf(fanOut(careless, { concurrency: 1 }), [])).map(({ state }) => state)).toContain('part');
  });

  test('its snapshots may be listened to: they say how far it is', () => {
    const watching = setup({ types: { context: {} as { seen: number[] } }, actors: { items: itemsOf(new World(), { concurrency: 1 }) } });
    const machine = watching.createMachine({
      id: 'parent',
      version: '1',
      context: { seen: [] },
      invoke: {
        src: 'items',
        input: [1, 2],
        onSnapshot: {
          actions: assign({
            seen: ({ context, event }) => [
              ...context.seen,
              (event.snapshot as unknown as { context: { succeeded: number } }).context.succeeded,
            ],
          }),
        },
      },
    });
    const family = new Family(machine);
    family.tell([1], completed(1, 'a'));
    expect(family.context).toEqual({ seen: [0, 0, 1] });
  });
});

test('a cursor that says no place is none, though its digest is right', () => {
  const cursor = encodeCursor(['results', 'w-1:1:1'], ['soon']);
  expect(() => checkResults('w-1:1:1', { cursor })).toThrow('is no cursor');
});

describe('options', () => {
  const item = activity<number, number>({ run: ({ input }) => input });

  test.each([
    [{}, 'concurrency must be a whole number from 1 to 1000; found undefined'],
    [{ concurrency: 0 }, 'concurrency must be a whole number from 1 to 1000; found 0'],
    [{ concurrency: 1, tolerate: { count: -1 } }, 'tolerate must be { count } with a whole number, or { share } from 0 to 1'],
    [{ concurrency: 1, tolerate: { count: 1, share: 0.5 } }, 'tolerate must be'],
    [{ concurrency: 1, tolerate: { share: 2 } }, 'tolerate must be'],
    [{ concurrency: 1, tolerate: 3 }, 'tolerate must be'],
    [{ concurrency: 1, onBreach: 'stop' }, "onBreach must be 'cancel' or 'wait'; found \"stop\""],
    [{ concurrency: 1, results: 'all' }, "results must be 'inline' or 'paged'; found \"all\""],
    [{ concurrency: 1, parallel: 3 }, 'parallel'],
  ])('%j are refused: %s', (options, message) => {
    expect(() => fanOut(item, options as never)).toThrow(message);
  });

  test('are of an activity or a machine', () => {
    expect(() => fanOut(5 as never, { concurrency: 1 })).toThrow('give it an activity or a machine as its first argument; found 5');
  });
});
