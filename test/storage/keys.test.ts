import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/kernel/address.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import type { KeyRange } from '../../src/storage/keys.ts';
import { formatKey } from '../../src/storage/key-text.ts';
import {
  actorRowsRange,
  compareKeys,
  decodeActivityKey,
  decodeActorKey,
  decodeDefinitionKey,
  decodeJournalKey,
  decodeMessageKey,
  decodeTimerKey,
  encodeActivityKey,
  encodeActorKey,
  encodeChildKey,
  encodeDefinitionKey,
  encodeJournalKey,
  encodeMessageKey,
  encodeTimerKey,
  headKey,
  spaceRange,
  successorOf,
  timersUntilRange,
  twinKeyOf,
  workflowRange,
} from '../../src/storage/keys.ts';
import { isSoak } from '../support/sizes.ts';
import { anyAddress, anyId, anyInteger, anyUint32 } from './samples.ts';

const runs = { numRuns: 2_000 };
const anyMoment = fc.oneof(fc.constantFrom(0, 0.5, 1, 1_700_000_000_000, 1_700_000_000_000.25, 4_900_000_000_000), fc.nat({ max: 5e12 }));

const holds = (range: KeyRange, key: Uint8Array): boolean => compareKeys(range.from, key) <= 0 && compareKeys(key, range.to) < 0;
const compareNumbers = (left: number, right: number): number => Math.sign(left - right);
const compareIds = (left: string, right: string): number => Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right)));

function compareAddresses(left: Address, right: Address): number {
  const ahead = compareIds(left.workflowId, right.workflowId) || compareNumbers(left.run, right.run);
  if (ahead !== 0) return ahead;
  const length = Math.min(left.path.length, right.path.length);
  for (let index = 0; index < length; index += 1) {
    const step = compareNumbers(left.path[index] ?? 0, right.path[index] ?? 0);
    if (step !== 0) return step;
  }
  return compareNumbers(left.path.length, right.path.length);
}

describe('every key comes back as what it was made of', () => {
  test('actors, journal records and activities', () => {
    fc.assert(
      fc.property(anyAddress, anyInteger, anyUint32, (address, sequence, n) => {
        expect(decodeActorKey(encodeActorKey(address))).toEqual(address);
        expect(decodeJournalKey(encodeJournalKey(address, sequence))).toEqual({ address, sequence });
        expect(decodeActivityKey(encodeActivityKey(address, n))).toEqual({ address, n });
      }),
      runs,
    );
  });

  test('timers, to the fraction of a millisecond', () => {
    fc.assert(
      fc.property(anyAddress, anyInteger, anyMoment, (address, generation, dueAtMs) => {
        const timer = { address, generation, dueAtMs };
        expect(decodeTimerKey(encodeTimerKey(timer))).toEqual(timer);
      }),
      runs,
    );
  });

  test('messages and definitions', () => {
    fc.assert(
      fc.property(anyId, anyId, (first, second) => {
        expect(decodeMessageKey(encodeMessageKey(first, second))).toEqual({ workflowId: first, messageId: second });
        expect(decodeDefinitionKey(encodeDefinitionKey(first, second))).toEqual({ id: first, version: second });
      }),
      runs,
    );
  });

  test('the twin of a message says which one, and no bit that turns over makes one of the other', () => {
    const key = encodeMessageKey('order-1', 'web-1');
    const twin = twinKeyOf(key);
    expect(formatKey(twin)).toBe('twin "web-1" of "order-1"');
    expect(holds(workflowRange('twin', 'order-1'), twin)).toBe(true);
    expect(holds(workflowRange('twin', 'order-2'), twin)).toBe(false);
    const differing = key.reduce((bits, byte, index) => bits + (byte ^ twin[index]!).toString(2).replaceAll('0', '').length, 0);
    expect(differing).toBeGreaterThan(1);
  });

  test('an id that begins with a byte order mark keeps it', () => {
    const address = { workflowId: '\ufeffa', run: 1, path: [] };
    expect(decodeActorKey(encodeActorKey(address))).toEqual(address);
  });
});

describe('keys sort by their parts', () => {
  test('addresses by id in UTF-8, then run, then path with parents before children', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (left, right) => {
        expect(Math.sign(compareKeys(encodeActorKey(left), encodeActorKey(right)))).toBe(compareAddresses(left, right));
      }),
      runs,
    );
  });

  test('siblings and parents of one workflow too', () => {
    const anyPath = fc.array(fc.nat({ max: 2 }), { maxLength: 3 });
    fc.assert(
      fc.property(anyPath, anyPath, anyInteger, anyInteger, (path, otherPath, sequence, otherSequence) => {
        const left = { workflowId: 'a', run: 1, path };
        const right = { workflowId: 'a', run: 1, path: otherPath };
        const expected = compareAddresses(left, right) || compareNumbers(sequence, otherSequence);
        expect(Math.sign(compareKeys(encodeJournalKey(left, sequence), encodeJournalKey(right, otherSequence)))).toBe(expected);
      }),
      runs,
    );
  });

  test('timers by the moment they are due, then address', () => {
    fc.assert(
      fc.property(anyMoment, anyMoment, anyAddress, anyAddress, (dueAtMs, otherDueAtMs, address, other) => {
        const left = encodeTimerKey({ dueAtMs, address, generation: 1 });
        const right = encodeTimerKey({ dueAtMs: otherDueAtMs, address: other, generation: 1 });
        expect(Math.sign(compareKeys(left, right))).toBe(compareNumbers(dueAtMs, otherDueAtMs) || compareAddresses(address, other));
      }),
      runs,
    );
  });

  test('U+FFFF sorts before astral characters, unlike in JavaScript strings', () => {
    const key = (workflowId: string): Uint8Array => encodeActorKey({ workflowId, run: 1, path: [] });
    expect(compareKeys(key('\uffff'), key('\u{10000}'))).toBeLessThan(0);
  });
});

describe('no two things share a key', () => {
  test('all pairs of short ids made of the characters that are escaped or separate', () => {
    const seen = new Map<string, string>();
    const characters = ['\0', '\u0001', 'a', ':'];
    const ids = characters.flatMap((a) => [a, ...characters.flatMap((b) => [a + b, ...characters.map((c) => a + b + c)])]);
    for (const first of ids) {
      for (const second of ids) {
        const key = Buffer.from(encodeMessageKey(first, second)).toString('latin1');
        expect(seen.get(key)).toBeUndefined();
        seen.set(key, first);
      }
    }
    expect(seen.size).toBe(ids.length ** 2);
  });

  const pairs = isSoak ? 1_000_000 : 10_000;

  test(`${pairs} fuzzed pairs of different ids`, () => {
    const keysOf = (id: string): string[] =>
      [encodeActorKey({ workflowId: id, run: 1, path: [] }), encodeMessageKey(id, 'm'), encodeMessageKey('w', id)].map((key) =>
        Buffer.from(key).toString('latin1'),
      );
    // Most collisions are between neighbours: the same but for one character, put in or taken out.
    const anyPair = fc.oneof(
      fc.tuple(anyId, anyId),
      fc
        .tuple(anyId, fc.nat({ max: 10 }), fc.constantFrom('\0', '\u0001', ':', '/', '\u0301', ' '))
        .map(([id, position, character]): [string, string] => {
          const characters = Array.from(id);
          return [id, [...characters.slice(0, position), character, ...characters.slice(position)].join('')];
        }),
    );
    fc.assert(
      fc.property(anyPair, ([left, right]) => {
        const others = new Set(keysOf(right));
        return left === right || !keysOf(left).some((key) => others.has(key));
      }),
      { numRuns: pairs },
    );
  });

  test('no key is the beginning of another', () => {
    const anyKey = fc.oneof(
      anyAddress.map(encodeActorKey),
      fc.tuple(anyAddress, anyInteger).map(([address, sequence]) => encodeJournalKey(address, sequence)),
      fc.tuple(anyId, anyId).map(([first, second]) => encodeMessageKey(first, second)),
      fc.constant(headKey),
    );
    fc.assert(
      fc.property(anyKey, anyKey, (left, right) => {
        const isBeginning = Buffer.from(right).subarray(0, left.length).equals(left);
        expect(isBeginning).toBe(Buffer.from(left).equals(right));
      }),
      runs,
    );
  });
});

describe('a range holds exactly what belongs to it', () => {
  test('the rows of an actor, without those of its children and of others', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, anyUint32, (address, other, n) => {
        const isSame = compareAddresses(address, other) === 0;
        const child = { ...address, path: [...address.path, n] };
        for (const [range, key] of [
          [actorRowsRange('journal', address), (place: Address) => encodeJournalKey(place, n)],
          [actorRowsRange('activity', address), (place: Address) => encodeActivityKey(place, n)],
          [actorRowsRange('child', address), (place: Address) => encodeChildKey(place, n)],
        ] as const) {
          expect(holds(range, key(address))).toBe(true);
          expect(holds(range, key(other))).toBe(isSame);
          expect(holds(range, key(child))).toBe(false);
        }
      }),
      runs,
    );
  });

  test('the runs and children of one workflow id', () => {
    fc.assert(
      fc.property(anyAddress, anyId, (address, workflowId) => {
        expect(holds(workflowRange('actor', address.workflowId), encodeActorKey(address))).toBe(true);
        expect(holds(workflowRange('actor', workflowId), encodeActorKey(address))).toBe(workflowId === address.workflowId);
        expect(holds(workflowRange('journal', address.workflowId), encodeActorKey(address))).toBe(false);
      }),
      runs,
    );
  });

  test('timers up to and including a moment', () => {
    fc.assert(
      fc.property(anyMoment, anyMoment, anyAddress, anyInteger, (untilMs, dueAtMs, address, generation) => {
        expect(holds(timersUntilRange(untilMs), encodeTimerKey({ dueAtMs, address, generation }))).toBe(dueAtMs <= untilMs);
      }),
      runs,
    );
    const timer = encodeTimerKey({ dueAtMs: Number.MAX_VALUE, address: { workflowId: 'a', run: 1, path: [] }, generation: 1 });
    expect(holds(timersUntilRange(Number.POSITIVE_INFINITY), timer)).toBe(true);
    expect(holds(timersUntilRange(-1), timer)).toBe(false);
  });

  test('a space, and nothing of another', () => {
    const keys = {
      actor: encodeActorKey({ workflowId: '\u{10ffff}', run: 0xffff_ffff, path: [] }),
      definition: encodeDefinitionKey('a', 'b'),
      meta: headKey,
    } as const;
    for (const space of ['actor', 'definition', 'meta'] as const) {
      for (const [other, key] of Object.entries(keys)) expect(holds(spaceRange(space), key)).toBe(space === other);
    }
  });

  test('nothing lies between a key and its successor', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (address, other) => {
        const key = encodeActorKey(address);
        const range = { from: key, to: successorOf(key) };
        expect(holds(range, encodeActorKey(other))).toBe(compareAddresses(address, other) === 0);
      }),
      runs,
    );
  });
});

describe('what no key can hold is refused', () => {
  test.each([
    ['a lone surrogate', () => encodeActorKey({ workflowId: 'a\ud800', run: 1, path: [] })],
    ['a negative run', () => encodeActorKey({ workflowId: 'a', run: -1, path: [] })],
    ['a counter above 32 bits', () => encodeActivityKey({ workflowId: 'a', run: 1, path: [] }, 2 ** 32)],
    ['a sequence that is not exact', () => encodeJournalKey({ workflowId: 'a', run: 1, path: [] }, 2 ** 53)],
    ['NaN as a moment', () => timersUntilRange(Number.NaN)],
    ['a moment before 1970', () => encodeTimerKey({ dueAtMs: -1, address: { workflowId: 'a', run: 1, path: [] }, generation: 1 })],
  ])('%s', (_name, encode) => {
    expect(encode).toThrow(TypeError);
  });

  test('-0 sorts as 0', () => {
    const timer = { dueAtMs: 0, address: { workflowId: 'a', run: 1, path: [] }, generation: 1 };
    expect(encodeTimerKey({ ...timer, dueAtMs: -0 })).toEqual(encodeTimerKey(timer));
  });
});

describe('bytes that are no key', () => {
  const decoders = [decodeActorKey, decodeJournalKey, decodeActivityKey, decodeTimerKey, decodeMessageKey, decodeDefinitionKey];

  test('are refused as damage, or are the one key of what they decode to', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(), fc.nat({ max: 7 }), (address, position, bit) => {
        const key = Uint8Array.from(encodeActorKey(address));
        const index = position % key.length;
        key[index] = (key[index] ?? 0) ^ (1 << bit);
        try {
          expect(encodeActorKey(decodeActorKey(key))).toEqual(Buffer.from(key));
        } catch (error) {
          if (!hasErrorCode(error, 'RECORD_DAMAGED')) throw error;
          expect(error.details.key).toBe(`key ${Buffer.from(key).toString('hex')}`);
        }
      }),
      runs,
    );
  });

  test('of any content and length do not upset a decoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('a', 'j', 'y', 't', 'm', 'd', ''), (bytes, letter) => {
        const key = Buffer.concat([Buffer.from(letter), bytes]);
        for (const decode of decoders) {
          try {
            decode(key);
          } catch (error) {
            if (!hasErrorCode(error, 'RECORD_DAMAGED')) throw error;
          }
        }
        expect(formatKey(key)).not.toBe('');
      }),
      runs,
    );
  });
});

test('a key is shown as what it stands for, control characters escaped', () => {
  const address = { workflowId: 'm-\u001b[31m', run: 2, path: [3, 1] };
  expect(formatKey(encodeActorKey(address))).toBe('actor "m-\\u001b[31m:2:3.1"');
  expect(formatKey(encodeJournalKey(address, 14))).toBe('journal record #14 of "m-\\u001b[31m:2:3.1"');
  expect(formatKey(encodeActivityKey(address, 4))).toBe('activity 4 of "m-\\u001b[31m:2:3.1"');
  expect(formatKey(encodeChildKey(address, 4))).toBe('child 4 of "m-\\u001b[31m:2:3.1"');
  expect(formatKey(encodeTimerKey({ address, generation: 5, dueAtMs: 6 }))).toBe('timer 5 of "m-\\u001b[31m:2:3.1", due at 6');
  expect(formatKey(encodeMessageKey('a', 'b'))).toBe('message "b" of "a"');
  expect(formatKey(encodeDefinitionKey('order', '1'))).toBe('definition "order" version "1"');
  expect(formatKey(headKey)).toBe('meta row "head"');
  expect(formatKey(Uint8Array.of(0xff, 1))).toBe('key ff01');
});
