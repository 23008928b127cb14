import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/kernel/limits.ts';
import { decodeValue } from '../../src/kernel/value-decoding.ts';
import { encodePayload, encodeValue, formatPath, formatValue } from '../../src/kernel/value-encoding.ts';
import { isSame } from '../support/values.ts';
import { thrownBy } from './thrown.ts';

/** What becomes of a value between a workflow's memory and its next life. */
function overDisk(value: unknown): unknown {
  const json = encodeValue(value);
  const text = JSON.stringify(json);
  const read = JSON.parse(text) as typeof json;
  // Plain JSON data: writing it down changes nothing.
  expect(isDeepStrictEqual(read, json)).toBe(true);
  return decodeValue(read);
}

const key = fc.oneof(fc.string(), fc.constantFrom('$type', '__proto__', 'value', 'constructor', 'toString', ''));

const leaf = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, -0),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array(),
);

/** Objects as `JSON.parse` would make them: `__proto__` is a key like any other. */
function objectOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, value] of entries) Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  return object;
}

const { nested } = fc.letrec((tie) => ({
  nested: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    leaf,
    fc.array(tie('nested'), { maxLength: 5 }),
    fc.array(fc.tuple(key, tie('nested')), { maxLength: 5 }).map(objectOf),
    fc.array(fc.tuple(tie('nested'), tie('nested')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('nested'), { maxLength: 4 }).map((items) => new Set(items)),
    fc.tuple(fc.string(), tie('nested'), tie('nested')).map(([message, cause, detail]) => {
      return Object.assign(new Error(message, { cause }), { detail });
    }),
  ),
}));

describe('values survive the way to disk and back', () => {
  test('whatever is nested in whatever', () => {
    fc.assert(
      fc.property(nested, (value) => {
        const found = overDisk(value);
        // Not by `isDeepStrictEqual` alone, for which two invalid dates differ.
        expect(isSame(found, value)).toBe(true);
        expect(JSON.stringify(encodeValue(found))).toBe(JSON.stringify(encodeValue(value)));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([undefined, null, NaN, Infinity, -Infinity, 0, -0, 10n ** 40n, -1n, '', 'text', true, '\ud800', '\u0000'])('%s', (value) => {
    expect(Object.is(overDisk(value), value)).toBe(true);
    expect(overDisk([value])).toStrictEqual([value]);
  });

  test('dates, also invalid ones', () => {
    expect(overDisk(new Date(1_700_000_000_000))).toStrictEqual(new Date(1_700_000_000_000));
    const invalid = overDisk(new Date(NaN));
    expect(invalid).toBeInstanceOf(Date);
    expect((invalid as Date).getTime()).toBeNaN();
  });

  test('maps and sets with any keys, in order', () => {
    const map = new Map<unknown, unknown>([
      [{ id: 1 }, new Set([1, 'two'])],
      [undefined, NaN],
      [-0, null],
    ]);
    expect(overDisk(map)).toStrictEqual(map);
    expect([...(overDisk(new Set(['b', 'a'])) as Set<string>)]).toEqual(['b', 'a']);
  });

  test('bytes, as a Uint8Array of their own', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    expect(overDisk(bytes)).toStrictEqual(bytes);
    expect(overDisk(Buffer.from('émile'))).toStrictEqual(new Uint8Array(Buffer.from('émile')));
    expect(overDisk(bytes.subarray(3, 5))).toStrictEqual(Uint8Array.of(3, 4));
  });

  test('errors with name, message, stack, cause and data of their own', () => {
    const cause = new RangeError('too far');
    const error = Object.assign(new TypeError('wrong', { cause }), { code: 'E_WRONG', details: { at: new Date(0) } });
    const found = overDisk(error) as Error & { code: string; details: unknown };
    expect(found).toBeInstanceOf(Error);
    expect(found).toMatchObject({ name: 'TypeError', message: 'wrong', stack: error.stack, code: 'E_WRONG', details: { at: new Date(0) } });
    expect(found.cause).toMatchObject({ name: 'RangeError', message: 'too far', stack: cause.stack });
    expect(Object.keys(found)).toEqual(['code', 'details']);
    expect(String(found)).toBe('TypeError: wrong');
  });

  test('an error without a stack has none afterwards either', () => {
    const bare = Object.assign(new Error('bare'), { stack: undefined });
    const found = overDisk({ bare }) as { readonly bare: Error };
    expect(found.bare).toMatchObject({ name: 'Error', message: 'bare' });
    expect(JSON.stringify(encodeValue(bare))).not.toContain('stack');
  });

  test('errors of classes of their own keep their name', () => {
    class PaymentRefused extends Error {
      override readonly name = 'PaymentRefused';
      readonly amount = 125;
    }
    const found = overDisk(new PaymentRefused('no funds'));
    expect(found).toMatchObject({ name: 'PaymentRefused', message: 'no funds', amount: 125 });
  });

  test('aggregate errors with all that went wrong', () => {
    const found = overDisk(new AggregateError([new Error('one'), 'two'], 'both'));
    expect(found).toBeInstanceOf(AggregateError);
    expect((found as AggregateError).errors).toMatchObject([{ message: 'one' }, 'two']);
    expect(Object.keys(found as object)).toEqual([]);
  });

  test('a cause that is undefined is told from none', () => {
    expect(Object.hasOwn(overDisk(new Error('x', { cause: undefined })) as Error, 'cause')).toBe(true);
    expect(Object.hasOwn(overDisk(new Error('x')) as Error, 'cause')).toBe(false);
  });

  test('holes of sparse arrays as undefined', () => {
    const sparse = ['a'];
    sparse[3] = 'd';
    expect(overDisk(sparse)).toStrictEqual(['a', undefined, undefined, 'd']);
  });

  test('objects without a prototype as plain ones', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(overDisk(bare)).toStrictEqual({ a: 1 });
  });

  test('a value met twice, without taking it for a cycle', () => {
    const shared = { a: 1 };
    expect(overDisk([shared, { shared }, shared])).toStrictEqual([shared, { shared }, shared]);
  });

  test.each(['undefined', 'number', 'Error', 'Map', 'Object', 'nonsense', 7, null, { $type: 'Date' }])(
    'a key "$type" that says %j',
    (type) => {
      const value = { $type: type, value: [['a', 1]], nested: { $type: type } };
      expect(overDisk(value)).toStrictEqual(value);
    },
  );

  test('a key "__proto__", without touching any prototype', () => {
    const value = JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":null},"$type":{"__proto__":[1]}}') as Record<string, unknown>;
    const found = overDisk(value) as Record<string, unknown>;
    expect(JSON.stringify(found)).toBe(JSON.stringify(value));
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    expect(found['polluted']).toBeUndefined();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe('what is encoded is a copy', () => {
  test('a later change of the value does not reach it', () => {
    const value = { list: [1], map: new Map([['a', [1]]]), date: new Date(5), bytes: Uint8Array.of(1) };
    const json = encodeValue(value);
    const before = JSON.stringify(json);
    value.list.push(2);
    value.map.get('a')?.push(2);
    value.date.setTime(6);
    value.bytes[0] = 2;
    expect(JSON.stringify(json)).toBe(before);
  });

  test('a change of one decoded value does not reach another', () => {
    const json = encodeValue({ list: [1], map: new Map([['a', { b: 1 }]]) });
    const first = decodeValue(json) as { list: number[]; map: Map<string, { b: number }> };
    first.list.push(2);
    first.map.set('a', { b: 2 });
    expect(decodeValue(json)).toStrictEqual({ list: [1], map: new Map([['a', { b: 1 }]]) });
  });

  test('getters are read once, as data', () => {
    let reads = 0;
    const value = {
      get total() {
        reads += 1;
        return reads;
      },
    };
    expect(decodeValue(encodeValue(value))).toStrictEqual({ total: 1 });
    expect(reads).toBe(1);
  });
});

class Account {
  readonly owner = 'x';
}
const cycle: Record<string, unknown> = {};
cycle['self'] = { list: [cycle] };

describe('what cannot be kept is refused with its path', () => {
  test.each<[string, unknown, string, string]>([
    ['a function', { a: { b: [0, () => 1] } }, '$.a.b[1]', 'a function'],
    ['a symbol', [Symbol('s')], '$[0]', 'a symbol'],
    ['a class instance', { account: new Account() }, '$.account', 'an instance of class Account'],
    ['an instance without a class name', { x: Object.create({ y: 1 }) as unknown }, '$.x', 'an instance of class Object'],
    ['an instance of what has no constructor', Object.create(Object.create(null) as object), '$', 'an instance of class (unnamed)'],
    ['a cycle', cycle, '$.self.list[0]', 'a cycle'],
    ['a symbol key', { a: { [Symbol('tag')]: 1 } }, '$.a', 'the symbol key Symbol(tag)'],
    ['a promise', { later: Promise.resolve() }, '$.later', 'an instance of class Promise'],
    ['a weak map', new WeakMap(), '$', 'an instance of class WeakMap'],
    ['a pattern', { 'a b': /x/ }, '$["a b"]', 'an instance of class RegExp'],
    ['a boxed string', { s: Object('s') as unknown }, '$.s', 'an instance of class String'],
    ['numbers that are not bytes', new Float64Array(1), '$', 'an instance of class Float64Array'],
    ['a subclass of Map', new (class Registry extends Map {})(), '$', 'an instance of class Registry'],
    ['a function among a map', new Map([['a', () => 1]]), '$[0][1]', 'a function'],
    ['a function in an error', new Error('x', { cause: { retry: () => 1 } }), '$.cause.retry', 'a function'],
  ])('%s', (_, value, path, found) => {
    const error = thrownBy(() => encodeValue(value));
    expect(error).toMatchObject({ code: 'PAYLOAD_NOT_SERIALIZABLE', details: { path, found } });
    expect((error as Error).message).toMatch(
      new RegExp(`^${path.replaceAll(/[$[\].]/g, String.raw`\$&`)} is ${found.replaceAll(/[()]/g, String.raw`\$&`)}`),
    );
    expect((error as Error).message).toContain('Pass plain data');
  });

  test('the path begins with the name of what was handed over', () => {
    expect(thrownBy(() => encodePayload({ a: () => 1 }, 'input'))).toMatchObject({ details: { path: 'input.a' } });
  });

  test('nesting is kept to its limit and refused beyond it', () => {
    const nest = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => ({ a: inner }), 'core');
    expect(overDisk(nest(limits.payloadDepthMax))).toStrictEqual(nest(limits.payloadDepthMax));
    expect(thrownBy(() => encodeValue(nest(limits.payloadDepthMax + 1)))).toMatchObject({
      code: 'PAYLOAD_TOO_DEEP',
      details: { path: '$.a.a.a.a.a', max: limits.payloadDepthMax },
    });
  });

  test('nesting of any depth is refused without a stack overflow', () => {
    const deep = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as unknown;
    expect(thrownBy(() => encodeValue(deep))).toMatchObject({ code: 'PAYLOAD_TOO_DEEP' });
    let error = new Error('first');
    for (let depth = 0; depth < 100_000; depth += 1) error = new Error('next', { cause: error });
    expect(thrownBy(() => encodeValue(error))).toMatchObject({ code: 'PAYLOAD_TOO_DEEP' });
  });

  test('a stored value of an unknown type is damage, not a guess', () => {
    expect(thrownBy(() => decodeValue({ $type: 'Future', value: 1 }))).toMatchObject({ code: 'RECORD_DAMAGED' });
  });
});

test('paths read as people write them', () => {
  expect(formatPath('$', ['a', 'b1', 3, 'not an id', '', '$ref', '9'])).toBe('$.a.b1[3]["not an id"][""].$ref["9"]');
});

test.each<[unknown, string]>([
  ['a"b', String.raw`"a\"b"`],
  ['x'.repeat(61), `"${'x'.repeat(60)}…"`],
  [() => 1, 'a function'],
  [[1], 'an array'],
  [Object.create(null), 'an object'],
  [cycle, 'an object'],
  [null, 'null'],
  [undefined, 'undefined'],
  [-1.5, '-1.5'],
  [10n, '10'],
  [Symbol('s'), 'Symbol(s)'],
])('a value reads in messages as what it is, or what kind of thing', (value, text) => {
  expect(formatValue(value)).toBe(text);
});
