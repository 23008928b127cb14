import { expect, test } from 'vitest';
import { activityKey } from '../../src/kernel/address.ts';
import { KnownAttempts } from '../../src/runtime/known-attempts.ts';

const attemptOf = (n: number, { run = 1, path = [] as readonly number[], id = 'w' } = {}) => {
  const address = { workflowId: id, run, path };
  return { address, n, key: activityKey(address, n) };
};

test('the only attempt of a workflow is found by its activity, and by that alone', () => {
  const known = new KnownAttempts();
  const only = attemptOf(3, { path: [1] });
  known.add(only);
  expect(known.get({ ...only.address, path: [1] }, 3)).toBe(only);
  const others = [attemptOf(2, { path: [1] }), attemptOf(3), attemptOf(3, { path: [2] }), attemptOf(3, { path: [1], run: 2 })];
  for (const { address, n } of [...others, attemptOf(3, { id: 'v', path: [1] })]) expect(known.get(address, n)).toBeUndefined();
  expect([known.has('w'), known.has('v')]).toEqual([true, false]);
});

test('several attempts of a workflow are told in the order they came, until the last is gone', () => {
  const known = new KnownAttempts();
  const all = [attemptOf(1), attemptOf(2), attemptOf(1, { path: [2] })];
  for (const each of all) known.add(each);
  known.add(attemptOf(1, { id: 'v' }));
  expect(known.of('w')).toEqual(all);
  for (const each of all) {
    expect([known.get(each.address, each.n) === each, known.isKnown(each)]).toEqual([true, true]);
    known.delete(each);
    expect([known.get(each.address, each.n), known.isKnown(each)]).toEqual([undefined, false]);
  }
  expect([known.of('w'), known.has('w'), known.has('v')]).toEqual([[], false, true]);
});

test('a later attempt of an activity takes the place of the one before, and is not forgotten with it', () => {
  for (const others of [[], [attemptOf(2)]]) {
    const known = new KnownAttempts();
    const [first, second] = [attemptOf(1), attemptOf(1)];
    for (const each of [...others, first, second]) known.add(each);
    expect([known.isKnown(first), known.isKnown(second)]).toEqual([false, true]);
    known.delete(first);
    expect(known.get(second.address, 1)).toBe(second);
  }
});
