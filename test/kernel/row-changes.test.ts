import { expect, test } from 'vitest';
import { RowChanges } from '../../src/kernel/row-changes.ts';

test('rows that nobody changes are the ones from before', () => {
  const before = new Map([[1, 'a']]);
  const changes = new RowChanges(before);
  expect(changes.now).toBe(before);
  expect([changes.hasChanged, changes.put]).toEqual([false, []]);
});

test('what is put and deleted shows now, and never in the rows from before', () => {
  const before = new Map([
    [1, 'a'],
    [2, 'b'],
  ]);
  const changes = new RowChanges(before);
  changes.set(2, 'B');
  changes.set(3, 'c');
  expect(changes.delete(1)).toBe(false);
  expect(changes.delete(3)).toBe(true);
  expect([...changes.now]).toEqual([[2, 'B']]);
  expect([changes.hasChanged, changes.put]).toEqual([true, ['B']]);
  expect([...before.values()]).toEqual(['a', 'b']);
});
