import { delays } from 'perdure/machines/merchant-onboarding';
import { expect, test } from 'vitest';
import { generateMerchants, LISTED_MERCHANT_ID } from '../../../playground/inputs/merchant-generator.ts';
import { scaledDelays } from '../../../playground/onboarding/merchant-world.ts';
import type { People } from '../../../playground/onboarding/people.ts';
import { actIn, peopleAround } from '../../../playground/onboarding/people.ts';
import { usualTimeScale } from '../../../playground/onboarding/scenario.ts';

const ids = generateMerchants().map(({ id }) => id);

test('people are the same for the same seed and merchant, and do everything that people may do', () => {
  const all = ids.map((id) => peopleAround(1, id));
  expect(ids.map((id) => peopleAround(1, id))).toEqual(all);
  expect(ids.map((id) => peopleAround(2, id))).not.toEqual(all);
  const kinds = (key: keyof People): unknown => new Set(all.map((people) => people[key]));
  expect(kinds('document')).toEqual(new Set(['ready', 'late', 'never']));
  expect(kinds('decision')).toEqual(new Set(['APPROVE', 'REJECT']));
  expect(kinds('isEscalated')).toEqual(new Set([true, false]));
  expect(kinds('isListedLater')).toEqual(new Set([true, false]));
  expect(kinds('login')).toEqual(new Set(['at-once', 'within-a-day', 'never']));
  for (const { slowness } of all) expect(slowness).toBeGreaterThan(0);
  for (const { slowness } of all) expect(slowness).toBeLessThan(1);
});

test.each([1, 2, 3, 4, 5])('whatever the seed (%i), the merchant on the list hands in the document, and is rejected', (seed) => {
  expect(peopleAround(seed, LISTED_MERCHANT_ID)).toMatchObject({ document: 'ready', decision: 'REJECT' });
});

test('who is listed later never logs in, and is met either while limits are being set or when live', () => {
  const usual = { ...peopleAround(1, 'm-1'), login: 'at-once' } as const;
  const acts = (people: People) =>
    ['settingRiskLimits', 'sendingWelcome', 'awaitingFirstLogin'].map((state) => actIn(state, 'm-1', people)?.event.type);
  expect(acts({ ...usual, isListedLater: true, slowness: 0.2 })).toEqual(['SANCTIONS_HIT', undefined, 'SANCTIONS_HIT']);
  expect(acts({ ...usual, isListedLater: true, slowness: 0.4 })).toEqual([undefined, undefined, 'SANCTIONS_HIT']);
  expect(acts({ ...usual, isListedLater: false, slowness: 0.2 })).toEqual([undefined, 'LOGGED_IN', 'LOGGED_IN']);
});

test('at the usual scale a day takes two seconds, and the other delays as many times less', () => {
  expect(scaledDelays(usualTimeScale)).toEqual({ documentTimeLimit: 10_000, decisionTimeLimit: 2_000 / 3, followUpDelay: 2_000 });
  expect(scaledDelays(1)).toEqual(delays);
});
