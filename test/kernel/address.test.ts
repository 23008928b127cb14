import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/kernel/address.ts';
import { checkId, formatAddress, idempotencyKey, pathOf, rootAddress } from '../../src/kernel/address.ts';
import { limits } from '../../src/kernel/limits.ts';
import { thrownBy } from './thrown.ts';

const address: fc.Arbitrary<Address> = fc.record({
  // Colons, dots and digits are what addresses are put together with.
  workflowId: fc.oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: fc.constantFrom(':', '.', '1', '2', 'a') })),
  run: fc.integer({ min: 1, max: 12 }),
  path: fc.array(fc.nat({ max: 12 }), { maxLength: 3 }),
});
const same = (a: Address, b: Address): boolean => JSON.stringify(Object.values(a)) === JSON.stringify(Object.values(b));

describe('addresses', () => {
  test('of a root have an empty path', () => {
    expect(rootAddress('m-1', 2)).toStrictEqual({ workflowId: 'm-1', run: 2, path: [] });
    expect(formatAddress(rootAddress('m-1', 2))).toBe('m-1:2:');
  });

  test('give equal texts only if they are equal', () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        expect(formatAddress(a) === formatAddress(b)).toBe(same(a, b));
      }),
      { numRuns: 2_000 },
    );
  });
});

test('idempotency keys are equal only for the same activity of the same run', () => {
  expect(idempotencyKey({ workflowId: 'm-1', run: 2, path: [3, 4] }, 5)).toBe('m-1:2:3.4:5');
  const activity = fc.tuple(address, fc.integer({ min: 1, max: 12 }));
  fc.assert(
    fc.property(activity, activity, ([a, n], [b, m]) => {
      expect(idempotencyKey(a, n) === idempotencyKey(b, m)).toBe(same(a, b) && n === m);
    }),
    { numRuns: 2_000 },
  );
});

describe('ids', () => {
  test.each([
    'a',
    ' ',
    '0',
    '../..',
    'a/b\\c',
    '\u0000',
    'a\nb',
    '__proto__',
    'constructor',
    '*',
    'émile',
    '🎈',
    '\u202etxt',
    '\uffff',
    'x'.repeat(255),
    'é'.repeat(127),
    '語'.repeat(85),
    '🎈'.repeat(63),
  ])('may be %j', (id) => {
    expect(() => checkId(id, 'workflow id')).not.toThrow();
  });

  test.each<[string, string]>([
    ['', 'is empty'],
    ['x'.repeat(256), `is longer than ${limits.idBytesMax} bytes`],
    ['é'.repeat(128), `is longer than ${limits.idBytesMax} bytes of UTF-8`],
    ['🎈'.repeat(64), `is longer than ${limits.idBytesMax} bytes of UTF-8`],
    ['語'.repeat(100_000), `is longer than ${limits.idBytesMax} bytes`],
    ['a\ud800', 'contains a lone surrogate'],
    ['\udc00a', 'contains a lone surrogate'],
    ['\udc00\ud800', 'contains a lone surrogate'],
  ])('may not be %j', (id, reason) => {
    const error = thrownBy(() => checkId(id, 'message id')) as Error;
    expect(error).toMatchObject({ code: 'ID_INVALID' });
    expect(error.message).toContain('The message id ');
    expect(error.message).toContain(reason);
    expect(error.message.length).toBeLessThan(300);
  });

  test.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [7, 'number'],
    [{}, 'object'],
    [['a'], 'object'],
    [Symbol('a'), 'symbol'],
  ])('that are no text are wrong use: %s', (id, found) => {
    const error = thrownBy(() => checkId(id, 'workflow id'));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toBe(`The workflow id must be a string, found ${found}.`);
  });

  test('pass exactly if they are well-formed text of 1 to 255 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (id) => {
        // A lone surrogate does not survive the way through UTF-8.
        const bytes = Buffer.from(id);
        const isFine = bytes.length >= 1 && bytes.length <= 255 && bytes.toString() === id;
        let isAccepted = true;
        try {
          checkId(id, 'workflow id');
        } catch {
          isAccepted = false;
        }
        expect(isAccepted).toBe(isFine);
      }),
      { numRuns: 1_000 },
    );
  });
});

test('an actor of another run or workflow is out of reach', () => {
  const own = rootAddress('order', 2);
  expect(pathOf('order:2:1.5', own)).toEqual([1, 5]);
  expect(pathOf('order:2:', own)).toEqual([]);
  for (const other of ['order:1:1', 'orders:2:1', 'order:20:']) expect(() => pathOf(other, own)).toThrow('belongs to another workflow');
});
