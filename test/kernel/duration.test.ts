import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Duration } from '../../src/kernel/duration.ts';
import { parseDuration } from '../../src/kernel/duration.ts';
import { thrownBy } from './thrown.ts';

test.each<[Duration, number]>([
  [0, 0],
  [500, 500],
  ['0s', 0],
  ['200ms', 200],
  ['10s', 10_000],
  ['1.5m', 90_000],
  ['0.25s', 250],
  ['72h', 259_200_000],
  ['7d', 604_800_000],
  ['1.1s', 1_100],
  ['36525d', 3_155_760_000_000],
])('%j is %d milliseconds', (duration, milliseconds) => {
  expect(parseDuration(duration, 'timeout')).toBe(milliseconds);
});

test.each<unknown>([
  '',
  's',
  '10',
  '10 s',
  ' 10s',
  '10s ',
  '-5s',
  '+5s',
  '.5s',
  '5.s',
  '1e3ms',
  '36526d',
  3_155_760_000_001,
  '10S',
  '1h30m',
  '10s\n',
  'Infinitys',
  '١s',
  NaN,
  Infinity,
  -1,
  null,
  undefined,
  true,
  10n,
  {},
  ['10s'],
])('%s is no duration, and the refusal names option, value and remedy', (value) => {
  const error = thrownBy(() => parseDuration(value as Duration, 'activity "a": startToCloseTimeout'));
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toMatch(/^activity "a": startToCloseTimeout must be a duration such as 500 .*'10s'.*; found /);
  expect((error as Error).message).toContain(typeof value === 'string' ? JSON.stringify(value) : String(value));
});

test('units agree with each other', () => {
  fc.assert(
    fc.property(fc.nat({ max: 10_000 }), (count) => {
      expect(parseDuration(`${count}d`, 'x')).toBe(parseDuration(`${count * 24}h`, 'x'));
      expect(parseDuration(`${count}h`, 'x')).toBe(parseDuration(`${count * 60}m`, 'x'));
      expect(parseDuration(`${count}m`, 'x')).toBe(parseDuration(`${count * 60}s`, 'x'));
      expect(parseDuration(`${count}s`, 'x')).toBe(parseDuration(`${count * 1_000}ms`, 'x'));
      expect(parseDuration(`${count}ms`, 'x')).toBe(count);
    }),
  );
});
