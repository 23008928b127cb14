import { implement } from 'perdure';
import type { TimerDescription } from 'perdure';
import { activities } from 'perdure/machines/merchant-onboarding';
import { describe, expect, test } from 'vitest';
import { merchantOnboardingIn } from '../../../playground/onboarding/merchant-world.ts';
import { usualFaults } from '../../../playground/onboarding/providers.ts';
import { attemptsInWords, attemptsOf, deadlineAtMs, enteredAtMs } from '../../../playground/onboarding/where-words.ts';
import { timerInWords, undoingInWords, waitsInWords, widgetsInWords } from '../../../playground/onboarding/where-words.ts';
import { openTestRuntime } from '../../runtime/local-runtime.ts';

const input = { merchantId: 'm-1', name: 'Blue Fig Coffee', country: 'PT', owner: 'Ana Reis', email: 'ana@example.com' };
const day = 24 * 60 * 60_000;

/** One merchant without a document, on a clock that stands still; fetching it fails so many times before. */
async function begin(failures = 0, timeScale = 1) {
  const ledger = { append: () => undefined, close: () => undefined };
  const fetchDocument = implement(activities.fetchDocument, {
    run: ({ attempt }) => {
      if (attempt <= failures) throw new Error('503');
      return {};
    },
  });
  const machine = merchantOnboardingIn({ seed: 1, faults: usualFaults, screen: () => undefined, ledger }, timeScale);
  const { runtime, clock } = await openTestRuntime({ machines: [machine.provide({ actors: { fetchDocument } })] });
  const startedAtMs = clock.now();
  const handle = await runtime.start(machine, { id: 'm-1', input });
  const ask = async () => ({ description: await runtime.describe('m-1'), history: await runtime.history('m-1') });
  return { handle, clock, startedAtMs, ask };
}

describe('where a merchant is', () => {
  test('who is to upload the document is waited for, with a time limit that is a deadline', async () => {
    const { handle, clock, startedAtMs, ask } = await begin();
    await handle.waitFor(({ value }) => value === 'awaitingDocument');
    const { description, history } = await ask();
    expect(waitsInWords(description)).toEqual(['waits for the merchant to upload the document (DOCUMENT_UPLOADED)']);
    expect(enteredAtMs(description, history)).toBe(startedAtMs);
    expect(deadlineAtMs(description)).toBe(startedAtMs + 5 * day);
    expect(timerInWords(description.timers[0]!, clock.now())).toBe('next timer gives up waiting for the document in 5 days');
    expect(attemptsInWords(attemptsOf(description, history))).toBe('1 attempt at 1 activity');
  });

  test('attempts are counted, and when the state was entered is not when it was last tried again', async () => {
    const { handle, clock, startedAtMs, ask } = await begin(2);
    await clock.pass(60_000);
    await handle.waitFor(({ value }) => value === 'awaitingDocument');
    const { description, history } = await ask();
    expect(attemptsInWords(attemptsOf(description, history))).toBe('3 attempts at 1 activity, 1 of them tried again');
    expect(enteredAtMs(description, history)).toBeGreaterThan(startedAtMs);
    expect(enteredAtMs(description, history)).toBe(history.at(-1)?.atMs);
  });

  test('an activity that is tried again is what it waits for, since the state was entered, without a deadline', async () => {
    const { clock, startedAtMs, ask } = await begin(8);
    await clock.pass(1_000);
    const { description, history } = await ask();
    expect(waitsInWords(description)).toEqual([
      expect.stringMatching(/^waits for activity "document\.fetch", attempt \d of 8 due /),
      'waits for the merchant to upload the document (DOCUMENT_UPLOADED)',
    ]);
    expect(enteredAtMs(description, history)).toBe(startedAtMs);
    expect(deadlineAtMs(description)).toBeUndefined();
  });

  test('nothing is waited for once it is closed', async () => {
    const { handle, clock, ask } = await begin(0, day / 1_000);
    const closed = expect(handle.result()).rejects.toMatchObject({ failure: { class: 'DocumentMissing' } });
    await handle.waitFor(({ value }) => value === 'awaitingDocument');
    await clock.pass(5_000);
    await closed;
    const { description } = await ask();
    expect(waitsInWords(description)).toEqual([]);
    expect(deadlineAtMs(description)).toBeUndefined();
  });
});

const timer = (id: string, dueAtMs: number): TimerDescription => ({ id, eventType: id, armedAtMs: 0, dueAtMs });

test.each([
  [day, 'in 24 h'],
  [2 * day, 'in 2 days'],
  [90_000, 'in 90 s'],
  [150_000, 'in 2.5 min'],
  [740, 'in 0.7 s'],
  [-30_000, 'as soon as somebody runs it: it was due 30 s ago'],
])('a follow-up that is due %i ms from now is due %s', (ms, words) => {
  const followUp = timer('xstate.after.followUpDelay.merchant-onboarding.awaitingFirstLogin', 1_000 + ms);
  expect(timerInWords(followUp, 1_000)).toBe(`next timer sends the follow-up email ${words}`);
});

test('the timer of a chart that is not known is told by its name, and is nobody’s deadline', () => {
  expect(timerInWords(timer('reminder', 5_000), 0)).toBe('next timer is "reminder", due in 5 s');
  expect(deadlineAtMs({ timers: [timer('reminder', 5_000)], activities: [] })).toBeUndefined();
});

test('of several deadlines the first one counts', () => {
  const numbers = { n: 1, attempt: 1, scheduledAtMs: 0, scheduleToCloseAtMs: 3_000 };
  const activity = { ...numbers, name: 'kyc.verify', state: 'running', idempotencyKey: 'key' } as const;
  const limit = timer('xstate.after.decisionTimeLimit.merchant-onboarding.awaitingDecision.inTime', 4_000);
  expect(deadlineAtMs({ timers: [limit], activities: [activity] })).toBe(3_000);
  expect(deadlineAtMs({ timers: [limit], activities: [] })).toBe(4_000);
});

test('what was undone is told with what is owed, and nothing as long as nothing is', () => {
  const entry = { path: [], n: 1, kind: 'activity', name: 'settlement.open', outcome: 'completed', undo: 'undone' } as const;
  const owed = { ...entry, n: 2, name: 'risk-limits.set', undo: 'deferred' } as const;
  expect(undoingInWords({ compensation: 'deferred', ledger: [entry, owed] })).toEqual([
    'undoing is deferred: settlement.open undone, risk-limits.set owed: it waits in the queue',
  ]);
  expect(undoingInWords({ compensation: 'none', ledger: [{ ...entry, undo: 'registered' }] })).toEqual([]);
});

test('how many widgets are there is told, with the first that could not be seeded', () => {
  const items = {
    address: 'm-1:1:9',
    total: 8,
    isTotalKnown: true,
    waiting: 1,
    underWay: 4,
    succeeded: 3,
    failed: 0,
    cancelled: 0,
    perSecond: 1,
  };
  const among = (found: Partial<typeof items> & { readonly firstFailed?: unknown }) =>
    ({ children: [{ items: { ...items, ...found } }] }) as never;
  expect(widgetsInWords(among({}))).toEqual(['widgets 3/8, 4 under way']);
  const firstFailed = { item: 2, class: 'NoData', message: 'none' };
  expect(widgetsInWords(among({ succeeded: 7, failed: 1, underWay: 0, firstFailed }))).toEqual(['widgets 7/8, 1 failed: NoData: none']);
  expect(widgetsInWords({ children: [] })).toEqual([]);
});

test('nobody waits for a hit of the sanctions provider', () => {
  expect(
    waitsInWords({ waitsFor: ['event "LOGGED_IN"', 'event "SANCTIONS_HIT"'], accepts: ['LOGGED_IN', 'SANCTIONS_HIT'] } as never),
  ).toEqual(['waits for the merchant to log in (LOGGED_IN)']);
});
