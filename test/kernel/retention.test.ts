import { describe, expect, test } from 'vitest';
import { isExpired, parseRetention } from '../../src/kernel/retention.ts';

const rules = parseRetention({ completed: '1s', failed: '2s' }, 'openRuntime');

describe('a workflow is kept', () => {
  test.each([
    ['completed', 1_000],
    ['failed', 2_000],
    ['cancelled', 2_000],
    ['terminated', 2_000],
  ] as const)('that %s until its time is over, counted from its end', (status, keptMs) => {
    const record = { status, closedAtMs: 500 };
    expect(isExpired(record, rules, 500 + keptMs - 1)).toBe(false);
    expect(isExpired(record, rules, 500 + keptMs)).toBe(true);
  });

  test('for ever while it is open, and where nothing is said of ends such as its', () => {
    expect(isExpired({ status: 'running' }, rules, Infinity)).toBe(false);
    expect(isExpired({ status: 'failed', closedAtMs: 0 }, parseRetention({ completed: 0 }, 'door'), Infinity)).toBe(false);
    expect(parseRetention({}, 'door')).toEqual([]);
  });
});

test('what is no duration is refused by its name', () => {
  expect(() => parseRetention({ completed: 'soon' as never }, 'openRuntime')).toThrow(
    'openRuntime: retention.completed must be a duration',
  );
  expect(() => parseRetention(7 as never, 'openRuntime')).toThrow("{ completed: '7d', failed: '90d' }");
});
