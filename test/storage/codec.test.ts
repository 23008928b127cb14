import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { createCodec } from '../../src/storage/codec.ts';
import { encodeActorKey, encodeJournalKey, encodeTimerKey } from '../../src/storage/keys.ts';
import { anyAddress, sampleCommit } from './samples.ts';

const codec = createCodec('store-1');
const { record } = sampleCommit(7);
const key = encodeActorKey(record.address);

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = bit >> 3;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

const isFound = (decode: () => unknown): boolean => {
  try {
    decode();
    return false;
  } catch (error) {
    return hasErrorCode(error, 'RECORD_DAMAGED');
  }
};

describe('a value', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(anyAddress, fc.jsonValue(), (address, content) => {
        const place = encodeActorKey(address);
        expect(codec.decode(place, codec.encode(place, { content }))).toEqual({ content: JSON.parse(JSON.stringify(content)) });
      }),
      { numRuns: 1_000 },
    );
  });

  test('comes back whatever its length and its characters', () => {
    for (const characters of ['x', 'é', '中', '😀', 'xé中😀']) {
      for (const length of [1, 100, 5_000, 30_000, 200_000]) {
        const content = characters.repeat(length);
        const rows = [1, 2, 3].map((n) => ({ place: encodeJournalKey(record.address, n), value: { n, content } }));
        const encoded = rows.map(({ place, value }) => codec.encode(place, value));
        for (const [index, { place, value }] of rows.entries()) {
          expect(codec.decode(place, encoded[index] ?? Uint8Array.of()), `${characters} × ${length}`).toEqual(value);
        }
      }
    }
  });

  test('stands behind any key, however short', () => {
    for (const short of [[], [1], [1, 2, 3, 4, 5]]) {
      const place = Uint8Array.from(short);
      const before = codec.encode(key, record);
      expect(codec.decode(place, codec.encode(place, { short }))).toEqual({ short });
      expect(codec.decode(key, before)).toEqual(codec.decode(key, codec.encode(key, record)));
    }
  });

  test('with a key __proto__ keeps it as its own data', () => {
    const value: unknown = JSON.parse('{"__proto__":{"isAdmin":true}}');
    if (typeof value !== 'object' || value === null) throw new Error('no object');
    const decoded = codec.decode(key, codec.encode(key, value));
    expect(Object.hasOwn(Object(decoded), '__proto__')).toBe(true);
    expect(JSON.stringify(decoded)).toBe('{"__proto__":{"isAdmin":true}}');
  });

  test('without content is five bytes and checked all the same', () => {
    const timer = encodeTimerKey({ dueAtMs: 1, address: record.address, generation: 1 });
    const bytes = codec.encode(timer);
    expect(bytes.length).toBe(5);
    expect(codec.decode(timer, bytes)).toBeUndefined();
    for (let bit = 0; bit < bytes.length * 8; bit += 1) expect(isFound(() => codec.decode(timer, flipped(bytes, bit)))).toBe(true);
    for (let bit = 0; bit < timer.length * 8; bit += 1) expect(isFound(() => codec.decode(flipped(timer, bit), bytes))).toBe(true);
  });
});

describe('damage is found', () => {
  const bytes = codec.encode(key, record);

  test('any single flipped bit of a value', () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 1) expect(isFound(() => codec.decode(key, flipped(bytes, bit)))).toBe(true);
  });

  test('any single flipped bit of a key', () => {
    for (let bit = 0; bit < key.length * 8; bit += 1) expect(isFound(() => codec.decode(flipped(key, bit), bytes))).toBe(true);
  });

  test('any two flipped bits', () => {
    const anyBit = fc.nat({ max: bytes.length * 8 - 1 });
    fc.assert(
      fc.property(anyBit, anyBit, (first, second) => {
        fc.pre(first !== second);
        expect(isFound(() => codec.decode(key, flipped(flipped(bytes, first), second)))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('a value cut short at any length', () => {
    for (let length = 0; length < bytes.length; length += 1) expect(isFound(() => codec.decode(key, bytes.subarray(0, length)))).toBe(true);
  });

  test('bytes zeroed from any point on', () => {
    for (let from = 0; from < bytes.length; from += 1) {
      expect(isFound(() => codec.decode(key, Uint8Array.from(bytes).fill(0, from)))).toBe(true);
    }
  });

  test('a record in the place of another', () => {
    expect(isFound(() => codec.decode(encodeJournalKey(record.address, 7), bytes))).toBe(true);
    expect(isFound(() => codec.decode(encodeActorKey({ ...record.address, run: 2 }), bytes))).toBe(true);
  });

  test('a record of another store', () => {
    expect(isFound(() => createCodec('store-2').decode(key, bytes))).toBe(true);
  });

  test('the error names the record and says what to do', () => {
    expect(() => codec.decode(key, flipped(bytes, 99))).toThrow(
      /^The stored actor "order-1:1:" is damaged: .*; to get this one back, restore/,
    );
  });
});
