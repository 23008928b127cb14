import { implement } from 'perdure';
import type { Runtime } from 'perdure';
import type { delays } from 'perdure/machines/merchant-onboarding';
import { activities } from 'perdure/machines/merchant-onboarding';
import { describe, expect, onTestFinished, test } from 'vitest';
import { accompany } from '../../../playground/onboarding/accompany.ts';
import type { LedgerEntry, Sending } from '../../../playground/onboarding/ledger.ts';
import { merchantOnboardingIn } from '../../../playground/onboarding/merchant-world.ts';
import type { People } from '../../../playground/onboarding/people.ts';
import type { World } from '../../../playground/onboarding/providers.ts';
import { assembleRuntime } from '../../../src/hosts/local/open-runtime.ts';
import { realClock } from '../../../src/hosts/local/real-clock.ts';
import { createRegistry } from '../../../src/kernel/machine-registry.ts';
import { openStoreOn } from '../../../src/storage/level-store.ts';
import { createMemoryDatabase } from '../../storage/memory-database.ts';

const input = { merchantId: 'm-1', name: 'Blue Fig Coffee', country: 'PT', owner: 'Ana Reis', email: 'ana@example.com' };
const usual: People = {
  document: 'ready',
  decision: 'APPROVE',
  isEscalated: false,
  operator: 'olga',
  login: 'at-once',
  isListedLater: false,
  slowness: 0,
};
const hour = 60 * 60_000;
const faults = { transientShare: 0, hangShare: 0, refusedShare: 0, delayMs: [0, 1] } as const;
const hit = { entry: { name: 'Blue Fig' }, matchedName: 'Blue Fig', queriedName: 'Blue Fig Coffee', score: 93 };

interface Around {
  readonly people?: Partial<People>;
  /** Those that are not given are an hour. */
  readonly delays?: Partial<typeof delays>;
  readonly isMatch?: boolean;
  readonly unanswered?: readonly Sending[];
}

/** One merchant on a store in memory, accompanied. */
async function begin(around: Around) {
  const entries: LedgerEntry[] = [];
  const ledger = { append: (entry: LedgerEntry) => void entries.push(entry), close: () => undefined };
  const screen = (() => (around.isMatch === true ? hit : undefined)) as World['screen'];
  const people = { ...usual, ...around.people };
  const lengths = { documentTimeLimit: hour, decisionTimeLimit: hour, followUpDelay: hour, ...around.delays };
  const fetchDocument = implement(activities.fetchDocument, { run: () => (people.document === 'ready' ? { document: 'scan' } : {}) });
  const world = merchantOnboardingIn({ seed: 1, faults, screen, ledger }, 1);
  const machine = world.provide({ delays: lengths, actors: { fetchDocument } });
  const store = await openStoreOn(await createMemoryDatabase(), { location: 'memory', storeId: 'test' });
  const registry = createRegistry([machine]);
  const runtime: Runtime = await assembleRuntime({ store, registry, clock: realClock, random: () => 0, maxConcurrentAttempts: 10 });
  onTestFinished(async () => runtime.close());
  const handle = await runtime.start(machine, { id: 'm-1', input });
  const ended = accompany({ runtime, handle, people, delays: lengths, ledger, unanswered: around.unanswered ?? [] });
  const signals = (): string[] =>
    entries.flatMap((entry) => {
      if (entry.kind === 'sending') return [`${entry.messageId}: ${entry.event.type}`];
      return entry.kind === 'sent' ? [`${entry.messageId}: ${entry.outcome}`] : [];
    });
  const calls = (): string[] => entries.flatMap((entry) => (entry.kind === 'call' ? [entry.activity] : []));
  return { runtime, handle, ended, signals, calls };
}

/** As long as it takes: who acts acts at once, who does not is not waited for. */
async function endOf(around: Around) {
  const { handle, ended, signals, calls } = await begin(around);
  await ended;
  return { state: handle.getSnapshot().value, signals: signals(), isFollowedUp: calls().includes('follow-up.send') };
}

const loggedIn = ['login: LOGGED_IN', 'login: applied'];
const approved = ['decision: APPROVE', 'decision: applied'];

describe('the people around a merchant', () => {
  test('who logs in at once is live without a follow-up email', async () => {
    expect(await endOf({})).toEqual({ state: 'live', signals: loggedIn, isFollowedUp: false });
  });

  test('who logs in within a day is sent no follow-up email either', async () => {
    const people = { login: 'within-a-day' } as const;
    expect(await endOf({ people })).toEqual({ state: 'live', signals: loggedIn, isFollowedUp: false });
  });

  test('who never logs in is sent one', async () => {
    const around = { people: { login: 'never' }, delays: { followUpDelay: 1 } } as const;
    expect(await endOf(around)).toEqual({ state: 'live', signals: [], isFollowedUp: true });
  });

  test('who uploads the document late goes on, who never does is rejected', async () => {
    const late = await endOf({ people: { document: 'late' } });
    expect(late).toMatchObject({ state: 'live', signals: ['upload: DOCUMENT_UPLOADED', 'upload: applied', ...loggedIn] });
    const never = await endOf({ people: { document: 'never' }, delays: { documentTimeLimit: 1 } });
    expect(never).toMatchObject({ state: 'rejected', signals: [] });
  });

  test('an operator decides about a match, in time', async () => {
    expect(await endOf({ isMatch: true })).toMatchObject({ state: 'live', signals: [...approved, ...loggedIn] });
    const rejected = await endOf({ isMatch: true, people: { decision: 'REJECT' } });
    expect(rejected).toMatchObject({ state: 'rejected', signals: ['decision: REJECT', 'decision: applied'] });
  });

  test('an operator who is late decides when the matter is escalated, and not before', async () => {
    const { runtime, handle, ended, signals } = await begin({
      isMatch: true,
      people: { isEscalated: true },
      delays: { decisionTimeLimit: 1 },
    });
    await ended;
    expect(signals()).toEqual([...approved, ...loggedIn]);
    const states = (await runtime.history(handle.id)).map(({ value }) => JSON.stringify(value));
    expect(states).toContain('{"awaitingDecision":"escalated"}');
    expect(states.indexOf('{"awaitingDecision":"escalated"}')).toBeLessThan(states.indexOf('"creatingProfile"'));
  });
});

describe('what was sent in another life and not answered', () => {
  const login: Sending = { kind: 'sending', merchant: 'm-1', messageId: 'login', event: { type: 'LOGGED_IN' } };
  const upload: Sending = {
    kind: 'sending',
    merchant: 'm-1',
    messageId: 'upload',
    event: { type: 'DOCUMENT_UPLOADED', document: 'upload-m-1' },
  };

  test('is sent again under its message id, and not a third time', async () => {
    const { runtime, ended, signals } = await begin({ people: { document: 'late' }, unanswered: [upload] });
    await ended;
    expect(signals().filter((line) => line.startsWith('upload'))).toEqual(['upload: DOCUMENT_UPLOADED', 'upload: applied']);
    const uploads = (await runtime.history('m-1')).filter(({ event }) => JSON.stringify(event)?.includes('DOCUMENT_UPLOADED'));
    expect(uploads).toHaveLength(1);
  });

  test('is answered, too, if it comes too late', async () => {
    const { runtime, handle, ended } = await begin({ people: { document: 'never' }, delays: { documentTimeLimit: 1 } });
    await ended;
    const entries: LedgerEntry[] = [];
    const ledger = { append: (entry: LedgerEntry) => void entries.push(entry), close: () => undefined };
    const lengths = { documentTimeLimit: 1, decisionTimeLimit: 1, followUpDelay: 1 };
    await accompany({ runtime, handle, people: usual, delays: lengths, ledger, unanswered: [login] });
    expect(entries).toEqual([login, { kind: 'sent', merchant: 'm-1', messageId: 'login', outcome: 'closed' }]);
  });
});

test('who waits for a merchant is told when the runtime is closed', async () => {
  const { runtime, handle, ended, signals } = await begin({ people: { login: 'within-a-day', slowness: 0.5 } });
  const told = expect(ended).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
  await handle.waitFor((snapshot) => snapshot.value === 'awaitingFirstLogin');
  await runtime.close();
  await told;
  expect(signals()).toEqual([]);
});
