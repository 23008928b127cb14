import type { Runtime } from 'perdure';
import { WorkflowFailedError } from 'perdure';
import { widgets } from 'perdure/machines/merchant-onboarding';
import type { MerchantOutput } from 'perdure/machines/merchant-onboarding';
import { expect, test } from 'vitest';
import { assembleRuntime } from '../../../src/hosts/local/open-runtime.ts';
import { realClock } from '../../../src/hosts/local/real-clock.ts';
import { createRegistry } from '../../../src/kernel/machine-registry.ts';
import { openStoreOn } from '../../../src/storage/level-store.ts';
import { generateMerchants } from '../../../playground/inputs/merchant-generator.ts';
import type { Screener } from '../../../playground/inputs/name-screening.ts';
import { createScreener } from '../../../playground/inputs/name-screening.ts';
import { readWatchlistFile, SHIPPED_WATCHLIST } from '../../../playground/inputs/watchlist-file.ts';
import type { LedgerEntry } from '../../../playground/onboarding/ledger.ts';
import type { ProviderFaults, World } from '../../../playground/onboarding/providers.ts';
import type { MachineName } from '../../../playground/onboarding/scenario.ts';
import { scenarioIn, usualTimeScale } from '../../../playground/onboarding/scenario.ts';
import { createMemoryDatabase } from '../../storage/memory-database.ts';

const quick: ProviderFaults = { transientShare: 0, hangShare: 0, refusedShare: 0, delayMs: [0, 1] };
const nobody: Screener = () => undefined;

/** Onboards the first invented merchants in memory; gives how each ended and every call, by merchant. */
async function onboard(
  world: Partial<World>,
  count = 12,
  machine: MachineName = 'five-step',
  timeScale = 100 * usualTimeScale,
): Promise<{ readonly ends: Record<string, string>; readonly calls: Record<string, string[]> }> {
  const calls: Record<string, string[]> = {};
  const append = (entry: LedgerEntry): void => {
    if (entry.kind === 'call') (calls[entry.merchant] ??= []).push(`${entry.activity} ${entry.key} ${entry.attempt}`);
  };
  const ledger = { append, close: () => undefined };
  const options = { machine, timeScale, unanswered: new Map() };
  const scenario = scenarioIn({ seed: 1, faults: quick, screen: nobody, ledger, ...world }, options);
  const store = await openStoreOn(await createMemoryDatabase(), { location: 'memory', storeId: 'test' });
  const registry = createRegistry([scenario.machine]);
  const runtime: Runtime = await assembleRuntime({ store, registry, clock: realClock, random: () => 0, maxConcurrentAttempts: 100 });
  try {
    const ends: Record<string, string> = {};
    const one = async (merchant: ReturnType<typeof generateMerchants>[number]): Promise<void> => {
      const begun = await scenario.begin(runtime, merchant);
      ends[merchant.id] = await begun.result().then(
        (output) => `${(output as MerchantOutput).account} ${(output as MerchantOutput).dashboard}`,
        (error: unknown) => (error instanceof WorkflowFailedError ? error.failure.class : String(error)),
      );
    };
    await Promise.all(generateMerchants({ count }).map(one));
    return { ends, calls };
  } finally {
    await runtime.close();
  }
}

test('the same seed gives the same outcomes and the same calls, another seed others', async () => {
  const faults = { ...quick, transientShare: 0.3, refusedShare: 0.3 };
  const once = await onboard({ seed: 7, faults });
  expect(await onboard({ seed: 7, faults })).toEqual(once);
  const other = await onboard({ seed: 8, faults });
  expect(other.ends).not.toEqual(once.ends);
  expect(other.calls).not.toEqual(once.calls);
});

test('without faults every merchant is called for five times, once each, and gets account and dashboard', async () => {
  const { ends, calls } = await onboard({}, 3);
  expect(ends['m-6001']).toBe('acct-m-6001 https://dashboard.example/m-6001');
  expect(Object.keys(calls)).toHaveLength(3);
  expect(calls['m-6001']).toEqual(
    ['kyc.verify', 'sanctions.screen', 'settlement.open', 'dashboard.seed', 'welcome.send'].map(
      (name, index) => `${name} m-6001:1::${index + 1} 1`,
    ),
  );
});

test('a script decides which calls fail', async () => {
  const { calls } = await onboard(
    { script: (merchant, activity, attempt) => merchant === 'm-6002' && activity === 'dashboard.seed' && attempt < 3 },
    3,
  );
  expect(calls['m-6002']?.filter((line) => line.startsWith('dashboard.seed'))).toEqual(
    [1, 2, 3].map((attempt) => `dashboard.seed m-6002:1::4 ${attempt}`),
  );
  expect(calls['m-6001']).toHaveLength(5);
});

test('refused documents end an onboarding without another attempt, a name on the watchlist likewise', async () => {
  const refused = await onboard({ faults: { ...quick, refusedShare: 1 } }, 2);
  expect(new Set(Object.values(refused.ends))).toEqual(new Set(['KycRefused']));
  expect(refused.calls['m-6001']).toHaveLength(1);
  const screened = await onboard({ screen: createScreener(await readWatchlistFile(SHIPPED_WATCHLIST)) }, 2);
  expect(screened.ends['m-9001-BAD']).toBe('SanctionsHit');
  expect(screened.calls['m-9001-BAD']).toHaveLength(2);
  expect(screened.ends['m-6001']).toContain('acct-m-6001');
});

test('through eleven steps the same seed gives the same outcomes and the same calls but for the follow-up email', async () => {
  const faults = { ...quick, transientShare: 0.3, refusedShare: 0.3 };
  const without = (calls: Record<string, string[]>): Record<string, string[]> =>
    Object.fromEntries(Object.entries(calls).map(([id, lines]) => [id, lines.filter((line) => !line.startsWith('follow-up.send'))]));
  // With these seeds every document is uploaded, some late, so that there is no limit to wait for: it may be a long one.
  const run = async (seed: number) => onboard({ seed, faults }, 40, 'merchant-onboarding', 4 * usualTimeScale);
  const once = await run(6);
  const again = await run(6);
  expect(again.ends).toEqual(once.ends);
  expect(without(again.calls)).toEqual(without(once.calls));
  expect((await run(7)).ends).not.toEqual(once.ends);
  expect(new Set(Object.values(once.ends))).toContain('KycRefused');
});

test('through eleven steps those who never upload their document are rejected', async () => {
  const { ends } = await onboard({ seed: 14 }, 40, 'merchant-onboarding');
  for (const id of ['m-6024', 'm-6028', 'm-6032', 'm-6037']) expect(ends[id]).toBe('DocumentMissing');
});

test('through eleven steps without faults each provider is called once, in order', async () => {
  const { ends, calls } = await onboard({}, 3, 'merchant-onboarding');
  expect(ends['m-6001']).toBe('acct-m-6001 https://dashboard.example/m-6001');
  expect(calls['m-6001']?.map((line) => line.split(' ')[0])).toEqual([
    'document.fetch',
    'kyc.verify',
    'sanctions.screen',
    'profile.create',
    'settlement.open',
    'credentials.issue',
    'risk-limits.set',
    'dashboard.seed',
    ...widgets.map(() => 'widget.seed'),
    'welcome.send',
    // She never logs in.
    'follow-up.send',
  ]);
});
