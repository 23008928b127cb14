import { expect, test } from 'vitest';
import { figure, isMet, ratio } from '../../bench/finding.ts';
import { median, quantile, quotients, spread } from '../../bench/statistics.ts';

test('a median is the one in the middle, whatever the order', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([3])).toBe(3);
});

test('a quantile is not exceeded by its share', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
  expect(quantile(hundred, 0.99)).toBe(100);
  expect(quantile(hundred, 0.5)).toBe(51);
});

test('a spread is the distance of the extremes in medians', () => {
  expect(spread([8, 10, 13])).toBe(0.5);
});

test('a ratio is the median of the quotients of each round', () => {
  expect(quotients([2, 6], [1, 2])).toEqual([2, 3]);
  // The second round was slow for both, the third for one of them.
  const found = ratio({ name: 'a/b', meaning: '', better: 'lower', target: 2 }, [20, 200, 90], [10, 100, 10]);
  expect(found).toMatchObject({ value: 2, spread: 3.5, unit: 'ratio' });
});

test('a finding knows what the better quarter of its rounds came to, whichever direction is better', () => {
  const rounds = [5, 1, 2, 4, 3];
  expect(figure({ name: 'a/b', meaning: '', better: 'lower', unit: 'ms' }, rounds)).toMatchObject({ value: 3, bestQuarter: 2 });
  expect(figure({ name: 'a/b', meaning: '', better: 'higher', unit: 'ms' }, rounds)).toMatchObject({ value: 3, bestQuarter: 4 });
});

test('a target is met from its own value on, in the direction that is better', () => {
  const found = { name: '', meaning: '', spread: 0, bestQuarter: 0, unit: 'ratio' } as const;
  expect(isMet({ ...found, value: 2, better: 'lower', target: 2 })).toBe(true);
  expect(isMet({ ...found, value: 2.1, better: 'lower', target: 2 })).toBe(false);
  expect(isMet({ ...found, value: 2.1, better: 'higher', target: 2 })).toBe(true);
  expect(isMet({ ...found, value: 1.9, better: 'higher', target: 2 })).toBe(false);
  expect(isMet({ ...found, value: 2, better: 'lower' })).toBeUndefined();
});
