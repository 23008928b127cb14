/** Values of every kind that can be kept, and what makes two of them the same. */
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';

const anyLeaf = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !/\p{Cs}/u.test(text)),
  fc.double(),
  fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, undefined, null, true, false, '$type', '__proto__'),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 300 }),
);

const anyKey = fc.oneof(fc.string(), fc.constantFrom('$type', '__proto__', 'constructor', 'value', 'toString', '0'));

/** Errors carry a cause and data of their own. */
function errorFrom(name: string, message: string, cause: unknown, code: unknown): Error {
  const error = new Error(message, cause === undefined ? {} : { cause });
  if (name !== '') Object.defineProperty(error, 'name', { value: name, enumerable: false, configurable: true, writable: true });
  return Object.assign(error, { code });
}

export const { anyValue } = fc.letrec<{ anyValue: unknown }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    anyLeaf,
    fc.array(tie('anyValue'), { maxLength: 4 }),
    fc.array(fc.tuple(anyKey, tie('anyValue')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(tie('anyValue'), tie('anyValue')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('anyValue'), { maxLength: 3 }).map((items) => new Set(items)),
    fc
      .tuple(fc.constantFrom('', 'NotThere', 'TypeError'), fc.string(), tie('anyValue'), tie('anyValue'))
      .map((parts) => errorFrom(...parts)),
  ),
}));

/** Equal in kind and content, -0 apart from 0; errors by name, message, stack, cause and own data, whatever their class. */
export function isSame(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(comparable(left), comparable(right));
}

function comparable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  // Two invalid dates are one and the same.
  if (value instanceof Date) return ['a date', value.getTime()];
  if (Array.isArray(value)) return value.map(comparable);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [comparable(key), comparable(item)]));
  if (value instanceof Set) return new Set([...value].map(comparable));
  const own = Object.entries(value).map(([key, item]): [string, unknown] => [key, comparable(item)]);
  if (!(value instanceof Error)) return Object.fromEntries(own);
  const { name, message, stack } = value;
  return ['an error', name, message, stack, 'cause' in value, comparable(value.cause), own];
}
