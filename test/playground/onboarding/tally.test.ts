import { expect, test } from 'vitest';
import { Tally } from '../../../playground/onboarding/tally.ts';

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
