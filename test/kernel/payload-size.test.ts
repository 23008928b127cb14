import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PerdureError } from '../../src/kernel/errors.ts';
import { limits } from '../../src/kernel/limits.ts';
import { checkSize, encodePayload, encodeValue } from '../../src/kernel/value-encoding.ts';
import { thrownBy } from './thrown.ts';

const plain = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withSparseArray: true });
const anything = fc.oneof(
  plain,
  fc.tuple(fc.string(), plain).map(([message, cause]) => new Error(message, { cause })),
  fc.uint8Array({ maxLength: 1_000 }),
);

describe('a payload over its limit is refused with size and path', () => {
  const tooLong = 'x'.repeat(limits.payloadBytesMax);

  test.each<[string, unknown, string]>([
    ['the heaviest key of an object', { small: 1, notes: tooLong, other: 'y'.repeat(1_000) }, 'input.notes'],
    ['the heaviest item of an array', ['a', tooLong], 'input[1]'],
    ['the value itself', tooLong, 'input'],
    ['the value itself if it is a map', new Map([['a', tooLong]]), 'input'],
    ['the value itself if it is bytes', new Uint8Array(limits.payloadBytesMax), 'input'],
  ])('naming %s', (_, value, path) => {
    const error = thrownBy(() => encodePayload(value, 'input'));
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { path, max: limits.payloadBytesMax } });
    expect((error as Error).message).toContain(`${path} makes this payload`);
    expect((error as Error).message).toContain('Keep large data elsewhere');
  });

  test('exactly at the limit it passes, one byte beyond it does not', () => {
    const exact = 'x'.repeat(limits.payloadBytesMax - 2);
    expect(encodePayload(exact, '$')).toBe(exact);
    expect(thrownBy(() => encodePayload(`${exact}x`, '$'))).toMatchObject({ details: { bytes: limits.payloadBytesMax + 1 } });
  });

  test('counted in bytes of UTF-8, not in characters', () => {
    const third = '語'.repeat(Math.floor((limits.payloadBytesMax - 2) / 3));
    expect(() => checkSize(third, '$')).not.toThrow();
    expect(thrownBy(() => checkSize(`${third}語`, '$'))).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  });
});

describe('a value that shares parts with itself', () => {
  /** So many levels of pairs of one and the same thing: few objects, two to that power in JSON. */
  const doubled = (levels: number, core: unknown, pair: (part: unknown) => unknown): unknown =>
    Array.from({ length: levels }).reduce<unknown>((part) => pair(part), core);
  const atMost = 4 * limits.payloadBytesMax;
  const sparse: unknown[] = [];
  sparse[1e9] = 'last';

  test.each<[string, unknown]>([
    ['arrays', doubled(24, [], (part) => [part, part])],
    ['objects', doubled(24, {}, (part) => ({ a: part, b: part }))],
    ['maps', doubled(24, null, (part) => new Map([[part, part]]))],
    ['one text many times', Array.from({ length: 1_000 }, () => 'x'.repeat(9_999))],
    ['errors', doubled(24, 'first', (part) => Object.assign(new Error('next', { cause: part }), { part }))],
  ])('is refused before it is written out: %s', (_, value) => {
    const error = thrownBy(() => encodePayload({ small: 1, value }, 'input')) as PerdureError<'PAYLOAD_TOO_LARGE'>;
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { max: limits.payloadBytesMax } });
    // The path of a place in it, and no more counted than what went over.
    expect(error.details.path).toMatch(/^input\.value[.[]/);
    expect(error.details.bytes).toBeGreaterThan(atMost);
    expect(error.details.bytes).toBeLessThan(atMost + 10_000);
    expect(error.message).toContain(`${error.details.path} makes this payload at least ${error.details.bytes} bytes, the limit is`);
  });

  test.each<[string, unknown, RegExp]>([
    ['a text', ['a', 'x'.repeat(atMost)], /^\$\[1\]$/],
    ['bytes', { data: new Uint8Array(atMost) }, /^\$\.data$/],
    ['a key', { outer: { ['k'.repeat(atMost)]: 1 } }, /^\$\.outer$/],
    ['an array without items', { list: sparse }, /^\$\.list(\[\d+\])?$/],
    ['large numbers', { sums: Array.from({ length: 1_000 }, () => 10n ** 5_000n) }, /^\$\.sums\[\d+\]$/],
  ])('is not needed for that: %s', (_, value, path) => {
    const error = thrownBy(() => encodeValue(value)) as PerdureError<'PAYLOAD_TOO_LARGE'>;
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(error.details.path).toMatch(path);
  });

  test('is counted together with others of its payload', () => {
    const tally = { bytes: 0 };
    const half = 'x'.repeat(atMost / 2);
    expect(encodeValue(half, 'context.a', tally)).toBe(half);
    expect(thrownBy(() => encodeValue(half, 'context.b', tally))).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      details: { path: 'context.b', bytes: atMost + 4 },
    });
  });

  test('is never counted as more than it takes', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const tally = { bytes: 0 };
        const text = JSON.stringify(encodeValue(value, '$', tally));
        expect(tally.bytes).toBeLessThanOrEqual(Buffer.byteLength(text));
      }),
      { numRuns: 1_000 },
    );
  });

  test('is encoded whole and measured exactly up to four times the limit', () => {
    const value = { small: 1, notes: 'x'.repeat(atMost - 100) };
    expect(thrownBy(() => encodePayload(value, 'input'))).toMatchObject({
      details: { path: 'input.notes', bytes: JSON.stringify(value).length },
    });
  });
});
