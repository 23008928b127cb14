import { expect, test } from 'vitest';
import type { Counting, Standing } from '../../../playground/onboarding/tally.ts';
import { countedGroups, openStates, Tally } from '../../../playground/onboarding/tally.ts';

test('merchants are counted by how they stand: the largest group first, those that failed last', () => {
  const tally = new Tally();
  expect(tally.groups()).toEqual([]);
  expect(tally.count()).toBe(0);
  for (const failure of ['SanctionsHit', 'KycRefused', 'SanctionsHit']) {
    tally.add({ status: 'failed', value: 'rejected', failure: { class: failure } });
  }
  tally.add({ status: 'running', value: { awaitingDecision: 'escalated' } });
  tally.add({ status: 'completed', value: 'live' });
  tally.add(undefined);
  tally.add({ status: 'completed', value: 'live' });
  expect(tally.groups()).toEqual([
    { status: 'completed', state: 'live', count: 2 },
    { status: 'running', state: 'awaitingDecision.escalated', count: 1 },
    { status: 'missing', state: 'missing', count: 1 },
    { status: 'failed', state: 'rejected', failureClass: 'SanctionsHit', count: 2 },
    { status: 'failed', state: 'rejected', failureClass: 'KycRefused', count: 1 },
  ]);
  expect(tally.count()).toBe(7);
  expect(tally.count(({ status }) => status !== 'completed')).toBe(5);
  expect(Object.entries(tally.sumBy(({ failureClass }) => failureClass))).toEqual([
    ['SanctionsHit', 2],
    ['KycRefused', 1],
  ]);
});

/** A store that counts by looking at everybody. */
function storeOf(merchants: readonly (Standing & { readonly value: string })[]): Counting {
  return {
    count: ({ status = [], failureClass }, { groupBy }) => {
      const statuses: readonly string[] = [status].flat();
      const groups: Record<string, number> = {};
      for (const { status: own, value, failure } of merchants) {
        const isMeant = (statuses.length === 0 || statuses.includes(own)) && (failureClass ?? failure?.class) === failure?.class;
        const name = groupBy === 'status' ? own : groupBy === 'state' ? value : failure?.class;
        if (isMeant && name !== undefined) groups[name] = (groups[name] ?? 0) + 1;
      }
      return Promise.resolve({ groups, exact: true });
    },
  };
}

test('what a store counts is put together by status, state and class of failure', async () => {
  const failed = (value: string, failure: string) => ({ status: 'failed', value, failure: { class: failure } });
  const store = storeOf([
    failed('rejected', 'SanctionsHit'),
    failed('failed', 'SanctionsHit'),
    failed('rejected', 'SanctionsHit'),
    failed('rejected', 'KycRefused'),
    { status: 'cancelled', value: 'rejected' },
    { status: 'completed', value: 'live' },
    { status: 'completed', value: 'live' },
  ]);
  expect(await countedGroups(store)).toEqual([
    { status: 'completed', state: 'live', count: 2 },
    { status: 'cancelled', state: 'rejected', count: 1 },
    { status: 'failed', state: 'rejected', failureClass: 'SanctionsHit', count: 2 },
    { status: 'failed', state: 'failed', failureClass: 'SanctionsHit', count: 1 },
    { status: 'failed', state: 'rejected', failureClass: 'KycRefused', count: 1 },
  ]);
});

test('of those that are open, the state with the most comes first', async () => {
  const store = storeOf([
    { status: 'running', value: 'screening' },
    { status: 'completed', value: 'live' },
    { status: 'parked', value: 'waiting' },
    { status: 'running', value: 'waiting' },
  ]);
  expect(Object.entries(await openStates(store))).toEqual([
    ['waiting', 2],
    ['screening', 1],
  ]);
});
