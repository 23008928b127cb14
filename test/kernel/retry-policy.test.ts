import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RetryOptions } from '../../src/kernel/retry-policy.ts';
import {
  adjustRetryPolicy,
  isRefusedRetry,
  nextRetryDelayMs,
  backoffMs,
  isRetryable,
  parseRetryPolicy,
} from '../../src/kernel/retry-policy.ts';
import { thrownBy } from './thrown.ts';

const policy = (options: RetryOptions): ReturnType<typeof parseRetryPolicy> => parseRetryPolicy(options, 'activity "a"');

test('without options it is ten attempts, one second doubling up to one minute, full jitter', () => {
  expect(policy({})).toStrictEqual({
    maximumAttempts: 10,
    initialIntervalMs: 1_000,
    backoffCoefficient: 2,
    maximumIntervalMs: 60_000,
    jitter: 'full',
    nonRetryableErrorTypes: [],
  });
});

describe('the wait', () => {
  const steady = policy({ initialInterval: '200ms', backoffCoefficient: 3, maximumInterval: '5s', jitter: 'none' });

  test('grows by the coefficient up to the maximum', () => {
    expect([1, 2, 3, 4, 5, 50].map((failed) => backoffMs(steady, failed, 0.5))).toEqual([200, 600, 1_800, 5_000, 5_000, 5_000]);
  });

  test('stays the same with a coefficient of 1', () => {
    const flat = policy({ initialInterval: 700, backoffCoefficient: 1, jitter: 'none' });
    expect([1, 2, 1_000].map((failed) => backoffMs(flat, failed, 0))).toEqual([700, 700, 700]);
  });

  test('never begins above the maximum', () => {
    expect(backoffMs(policy({ initialInterval: '1h', maximumInterval: '1s', jitter: 'none' }), 1, 0)).toBe(1_000);
  });

  test('with full jitter is that random part of the bound, in whole milliseconds', () => {
    const full = policy({ initialInterval: 1_000 });
    expect([0, 0.25, 0.5, 0.9999].map((random) => backoffMs(full, 2, random))).toEqual([0, 500, 1_000, 2_000]);
    expect(backoffMs(policy({ initialInterval: 3 }), 1, 0.5)).toBe(2);
  });

  test('without jitter does not look at the random number', () => {
    expect(backoffMs(steady, 2, 0)).toBe(backoffMs(steady, 2, 0.99));
  });

  test.each([0, 1, 1_000])('is a number also after thousands of attempts that begin with %d ms', (initialInterval) => {
    const endless = policy({ maximumAttempts: Infinity, initialInterval, jitter: 'none' });
    expect(backoffMs(endless, 5_000, 0.5)).toBe(initialInterval === 0 ? 0 : 60_000);
  });

  test('is a whole number within its bounds, whatever the policy', () => {
    const options = fc.record({
      initialInterval: fc.nat({ max: 1_000_000 }),
      backoffCoefficient: fc.double({ min: 1, max: 100, noNaN: true }),
      maximumInterval: fc.nat({ max: 100_000_000 }),
      jitter: fc.constantFrom('full' as const, 'none' as const),
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 100_000 }), random, (given, failed, part) => {
        const wait = backoffMs(policy(given), failed, part);
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(given.maximumInterval);
      }),
    );
  });
});

describe('another attempt follows', () => {
  const some = policy({ maximumAttempts: 3, nonRetryableErrorTypes: ['SanctionsHit', 'KycRefused'] });

  test('as long as attempts are left', () => {
    expect([1, 2, 3, 4].map((charged) => isRetryable(some, 'Error', charged))).toEqual([true, true, false, false]);
  });

  test('never after an error that is final by its name', () => {
    expect(isRetryable(some, 'KycRefused', 1)).toBe(false);
    expect(isRetryable(some, 'kycrefused', 1)).toBe(true);
  });

  test('never if at most one attempt is allowed, always if they are without end', () => {
    expect(isRetryable(policy({ maximumAttempts: 1 }), 'Error', 1)).toBe(false);
    expect(isRetryable(policy({ maximumAttempts: Infinity }), 'Error', 1e9)).toBe(true);
  });
});

describe('an error’s own delay', () => {
  test.each<[unknown, number | undefined]>([
    [{ nextRetryDelay: 1_500 }, 1_500],
    [{ nextRetryDelay: 0.2 }, 1],
    [Object.assign(new Error('x'), { nextRetryDelay: '2m' }), 120_000],
    [{ nextRetryDelay: 'soon' }, undefined],
    [{ nextRetryDelay: -1 }, undefined],
    [{ nextRetryDelay: NaN }, undefined],
    [{ nextRetryDelay: null }, undefined],
    [new Error('x'), undefined],
    [undefined, undefined],
    [null, undefined],
    ['text', undefined],
  ])('is read off what was thrown: %j', (thrown, delayMs) => {
    expect(nextRetryDelayMs(thrown)).toBe(delayMs);
  });

  test('is passed over if reading it throws', () => {
    const hostile = {
      get nextRetryDelay(): number {
        throw new Error('no');
      },
    };
    expect(nextRetryDelayMs(hostile)).toBeUndefined();
  });
});

describe('the policy’s own code', () => {
  test('refuses a retry with a falsy answer, and only so', () => {
    const answers = [true, 1, false, undefined].map((answer) => isRefusedRetry(policy({ retryIf: () => answer as boolean }), 'x'));
    expect(answers).toEqual([false, false, true, true]);
    expect(isRefusedRetry(policy({}), 'x')).toBe(false);
  });

  test('that throws leaves it to the rest of the policy', () => {
    const retryIf = (error: unknown): boolean => (error as { response: { ok: boolean } }).response.ok;
    expect(isRefusedRetry(policy({ retryIf }), new Error('x'))).toBe(false);
  });
});

test('a policy is adjusted option by option', () => {
  const declared = policy({
    maximumAttempts: Infinity,
    initialInterval: '2s',
    jitter: 'none',
    nonRetryableErrorTypes: ['Gone'],
    retryIf: () => true,
  });
  expect(adjustRetryPolicy(declared, {}, 'x')).toEqual(declared);
  const changed = { maximumAttempts: 3, initialInterval: '5s', jitter: undefined } as never;
  expect(adjustRetryPolicy(declared, changed, 'x')).toEqual({ ...declared, maximumAttempts: 3, initialIntervalMs: 5_000 });
});

test.each<[string, unknown, string]>([
  ['maximumAttempts', 0, '0'],
  ['maximumAttempts', -1, '-1'],
  ['maximumAttempts', 1.5, '1.5'],
  ['maximumAttempts', NaN, 'NaN'],
  ['maximumAttempts', 'many', 'many'],
  ['backoffCoefficient', 0.5, '0.5'],
  ['backoffCoefficient', Infinity, 'Infinity'],
  ['backoffCoefficient', NaN, 'NaN'],
  ['jitter', 'some', '"some"'],
  ['jitter', true, 'true'],
  ['initialInterval', '1 s', '"1 s"'],
  ['maximumInterval', -5, '-5'],
  ['retryIf', 'always', '"always"'],
  ['retryIf', null, 'null'],
  ['nonRetryableErrorTypes', 'CardDeclined', '"CardDeclined"'],
  ['nonRetryableErrorTypes', Error, 'a function'],
  ['nonRetryableErrorTypes', { 0: 'CardDeclined' }, 'an object'],
  ['nonRetryableErrorTypes', ['CardDeclined', TypeError], 'a function as item 1'],
  ['nonRetryableErrorTypes', [undefined], 'undefined as item 0'],
])('the option %s: %j is refused, naming activity, option and value', (option, value, found) => {
  const error = thrownBy(() => policy({ [option]: value }));
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain(`activity "a": ${option} must be `);
  expect((error as Error).message).toContain(`found ${found}`);
});

test.each<[unknown, string]>([
  [3, '3'],
  ['3 times', '"3 times"'],
  [false, 'false'],
  [null, 'null'],
])('what is no object of options is refused: %j', (options, found) => {
  const error = thrownBy(() => policy(options as never));
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toBe(`activity "a": retry: give an object of options such as { maximumAttempts: 3 }; found ${found}.`);
});
