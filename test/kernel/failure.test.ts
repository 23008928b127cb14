import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attemptCompleted, attemptThrew } from '../../src/kernel/attempt-outcome.ts';
import { boundFailure, failedOutcome, failureOf } from '../../src/kernel/failure.ts';
import { parseRetryPolicy } from '../../src/kernel/retry-policy.ts';
import { limits } from '../../src/kernel/limits.ts';
import { decodeValue } from '../../src/kernel/value-decoding.ts';

class OutOfStock extends Error {
  override readonly name = 'OutOfStock';
  readonly sku: string;
  constructor(sku: string) {
    super(`No more ${sku}`);
    this.sku = sku;
  }
}

class Session {
  readonly token = 'x';
}

const cyclic = new Error('outer');
cyclic.cause = new Error('inner', { cause: cyclic });

const refusing = (what: string): never => {
  throw new Error(`the trap ${what}`);
};
const hostile = new Proxy(new Error('never read'), {
  get: () => refusing('get'),
  has: () => refusing('has'),
  ownKeys: () => refusing('ownKeys'),
  getPrototypeOf: () => refusing('getPrototypeOf'),
  getOwnPropertyDescriptor: () => refusing('getOwnPropertyDescriptor'),
});
const hostileFunction = new Proxy(() => 1, { get: () => refusing('get'), apply: () => refusing('apply') });
const revoked = ((): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
})();

function errorWithGetters(): Error {
  const error = new Error('hidden');
  for (const key of ['stack', 'cause', 'message', 'name']) Object.defineProperty(error, key, { get: () => refusing(key) });
  return error;
}

const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

/** Everything thrown here, with class and message a person is shown. */
const thrown: readonly [string, () => unknown, string, string][] = [
  ['an error', () => new RangeError('too far'), 'RangeError', 'too far'],
  ['an error of a class of its own', () => new OutOfStock('A-1'), 'OutOfStock', 'No more A-1'],
  ['an error without a message', () => new Error(), 'Error', 'an object without a message was thrown'],
  ['an error without a name', () => Object.assign(new Error('nameless'), { name: '' }), 'Error', 'nameless'],
  ['text', () => 'out of paper', 'Error', 'out of paper'],
  ['no text', () => '', 'Error', ''],
  ['null', () => null, 'Error', 'null'],
  ['undefined', () => undefined, 'Error', 'undefined'],
  ['a number', () => -0.5, 'Error', '-0.5'],
  ['a big integer', () => 12n, 'Error', '12'],
  ['a symbol', () => Symbol('stop'), 'Error', 'Symbol(stop)'],
  ['a plain object', () => ({ name: 'Declined', message: 'no funds', code: 51 }), 'Declined', 'no funds'],
  ['an object that says nothing', () => ({ code: 51 }), 'Error', 'an object without a message was thrown'],
  ['an object whose words are no text', () => ({ name: 5, message: ['a'] }), 'Error', 'an object without a message was thrown'],
  ['a class instance', () => new Session(), 'Error', 'an object without a message was thrown'],
  ['a function', () => function onPaid() {}, 'onPaid', 'an object without a message was thrown'],
  ['a frozen error', () => Object.freeze(new TypeError('cold')), 'TypeError', 'cold'],
  ['an error whose getters throw', () => errorWithGetters(), 'Error', 'an object without a message was thrown'],
  ['a proxy that throws at every touch', () => hostile, 'Error', 'an object without a message was thrown'],
  ['a function proxy that throws', () => hostileFunction, 'Error', 'an object without a message was thrown'],
  ['a revoked proxy', () => revoked, 'Error', 'an object without a message was thrown'],
  ['an error that is its own cause', () => cyclic, 'Error', 'outer'],
  ['an error with a function inside', () => Object.assign(new OutOfStock('B-2'), { retry: () => 1 }), 'OutOfStock', 'No more B-2'],
];

const policy = parseRetryPolicy({}, 'test');

describe('whatever is thrown becomes a failure with class and message', () => {
  test.each(thrown)('%s', (_, make, failureClass, message) => {
    expect(failureOf(make())).toMatchObject({ class: failureClass, message });
  });

  test.each(thrown)('and an error a chart can hear of: %s', (_, make, failureClass, message) => {
    const { error, failure } = failedOutcome(make());
    expect(JSON.parse(JSON.stringify(error))).toStrictEqual(error);
    expect(failure).toMatchObject({ class: failureClass, message });
    const heard = decodeValue(error);
    // Told apart by its name as before, whatever could be kept of the rest.
    expect(failureOf(heard)).toMatchObject({ class: failureClass, message });
  });

  test('an error that can be kept reaches the chart with its own data, another with name and message', () => {
    expect(decodeValue(failedOutcome(new OutOfStock('A-1')).error)).toMatchObject({ name: 'OutOfStock', sku: 'A-1' });
    const reduced = decodeValue(failedOutcome(Object.assign(new OutOfStock('A-1'), { session: new Session() })).error);
    expect(reduced).toBeInstanceOf(Error);
    expect(reduced).toMatchObject({ name: 'OutOfStock', message: 'No more A-1' });
    expect(Object.hasOwn(reduced as object, 'sku')).toBe(false);
  });

  test('an error with more data than an event may carry reaches the chart without it', () => {
    const heavy = Object.assign(new Error('heavy'), { body: 'x'.repeat(limits.payloadBytesMax) });
    const { error } = failedOutcome(heavy);
    expect(bytesOf(error)).toBeLessThan(limits.failureBytesMax);
    expect(decodeValue(error)).toMatchObject({ name: 'Error', message: 'heavy' });
  });
});

describe('causes', () => {
  test('are listed nearest first', () => {
    const error = new Error('order', { cause: new OutOfStock('A-1') });
    expect(failureOf(error).causes).toEqual([{ class: 'OutOfStock', message: 'No more A-1' }]);
  });

  test('may be anything', () => {
    expect(failureOf(new Error('x', { cause: 'text' })).causes).toEqual([{ class: 'Error', message: 'text' }]);
    expect(failureOf(new Error('x', { cause: null })).causes).toBeUndefined();
    expect(failureOf(new Error('x', { cause: hostile })).causes).toHaveLength(1);
  });

  test('are cut after the first few, also if they go round', () => {
    expect(failureOf(cyclic).causes?.map(({ message }) => message)).toEqual(['inner', 'outer', 'inner', 'outer', 'inner']);
    expect(failureOf(cyclic).causes).toHaveLength(limits.failureCausesMax);
  });
});

describe('a failure stays within its limit', () => {
  const long = (character: string): Error => {
    const text = character.repeat(100_000);
    const chain = Array.from({ length: 10 }).reduce<Error>(
      (cause) => Object.assign(new Error(text, { cause }), { name: text, stack: text }),
      new Error(text),
    );
    return chain;
  };

  test.each(['x', '語', 'é', '🎈', '\u0000', '"', '\ud800'])('made of %j', (character) => {
    const failure = failureOf(long(character));
    expect(bytesOf(failure)).toBeLessThanOrEqual(limits.failureBytesMax);
    expect(failure.class.startsWith(character)).toBe(true);
    expect(failure.message.endsWith('…')).toBe(true);
  });

  test('whatever its texts are', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 4_000 }), fc.string({ unit: 'grapheme', maxLength: 4_000 }));
    fc.assert(
      fc.property(text, text, text, fc.array(text, { maxLength: 7 }), (name, message, stack, causes) => {
        const cause = causes.reduce<unknown>((inner, word) => new Error(word, { cause: inner }), undefined);
        const failure = failureOf(Object.assign(new Error(message, { cause }), { name, stack }));
        expect(bytesOf(failure)).toBeLessThanOrEqual(limits.failureBytesMax);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the end of an attempt', () => {
  test('is a completion with its output', () => {
    expect(attemptCompleted(3, 2, { at: new Date(7) })).toStrictEqual({
      kind: 'attempt-completed',
      n: 3,
      attempt: 2,
      output: { at: { $type: 'Date', value: 7 } },
    });
  });

  test.each<[string, unknown, string]>([
    ['cannot be kept', { close: () => 1 }, 'PAYLOAD_NOT_SERIALIZABLE'],
    ['is too large', 'x'.repeat(limits.payloadBytesMax), 'PAYLOAD_TOO_LARGE'],
  ])('is a failure for good if its output %s', (_, output, failureClass) => {
    const outcome = attemptCompleted(3, 2, output);
    expect(outcome).toMatchObject({ kind: 'attempt-failed', n: 3, attempt: 2, failure: { class: failureClass, retryable: false } });
  });

  test('is a failure for good if reading its output throws', () => {
    const output = {
      get total(): number {
        throw new RangeError('no total');
      },
    };
    expect(attemptCompleted(1, 1, output)).toMatchObject({ kind: 'attempt-failed', failure: { class: 'RangeError', retryable: false } });
  });

  test('is a failure to be judged by the retry policy if it threw', () => {
    const outcome = attemptThrew(1, 4, new OutOfStock('A-1'), undefined, { retry: policy });
    expect(outcome).toMatchObject({ kind: 'attempt-failed', n: 1, attempt: 4, failure: { class: 'OutOfStock' } });
    expect(outcome).not.toHaveProperty('failure.retryable');
  });

  test('is given back if it threw because the process is closing', () => {
    expect(attemptThrew(1, 4, new Error('aborted'), 'shutdown', { retry: policy })).toStrictEqual({
      kind: 'attempt-released',
      n: 1,
      attempt: 4,
      hasBegun: true,
    });
  });

  test.each(['start-to-close-timeout', 'heartbeat-timeout', 'schedule-to-close-timeout', 'state-left', 'closed', 'settled'] as const)(
    'says nothing new if it threw after being told of %s',
    (reason) => {
      expect(attemptThrew(1, 4, new Error('aborted'), reason, { retry: policy })).toBeUndefined();
    },
  );
});

test('what is added to a failure keeps it within its limit: stack and causes go first, then the state', () => {
  const full = { ...failureOf(new Error('x'.repeat(1_000))), activity: 'a', state: 'deep' };
  expect(boundFailure(full)).toBe(full);
  const long = boundFailure({ ...full, stack: 's'.repeat(limits.failureBytesMax) });
  expect(long).toEqual({ class: 'Error', message: full.message, activity: 'a', state: 'deep' });
  const wide = boundFailure({ ...full, state: 'w'.repeat(limits.failureBytesMax) });
  expect(wide).toEqual({ class: 'Error', message: full.message, activity: 'a' });
  expect(bytesOf(wide)).toBeLessThanOrEqual(limits.failureBytesMax);
});
