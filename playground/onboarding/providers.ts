/**
 * The outside world of the onboarding, simulated: providers that take their time, fail now and then, hang now and then, and
 * sometimes refuse. What a call does follows from the seed, its idempotency key and its attempt, so that a run can be repeated.
 * The sanctions screening is not simulated: it matches names against the watchlist.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActivityScope } from 'perdure';
import { implement } from 'perdure';
import type { OnboardingInput, ScreeningResult } from 'perdure/machines/five-step-onboarding';
import { activities, fiveStepOnboarding } from 'perdure/machines/five-step-onboarding';
import type { Screener } from '../inputs/name-screening.ts';
import { mulberry32 } from '../inputs/seeded-random.ts';
import type { Ledger } from './ledger.ts';

export interface ProviderFaults {
  /** Share of calls that fail and would succeed when repeated. */
  readonly transientShare: number;
  /** Share of calls that never answer, so that the attempt times out. */
  readonly hangShare: number;
  /** Share of merchants whose documents are refused. */
  readonly refusedShare: number;
  /** Milliseconds a call takes: at least, at most. */
  readonly delayMs: readonly [number, number];
}

export const usualFaults: ProviderFaults = { transientShare: 0.05, hangShare: 0.001, refusedShare: 0.01, delayMs: [5, 60] };

/** Says of one call whether it fails; for scripted demonstrations. */
export type FaultScript = (merchantId: string, activity: string, attempt: number) => boolean;

export interface World {
  readonly seed: number;
  readonly faults: ProviderFaults;
  readonly script?: FaultScript;
  readonly screen: Screener;
  readonly ledger: Ledger;
}

/** The five-step machine with its activities implemented against this world. */
export function onboardingIn(world: World): typeof fiveStepOnboarding {
  const call = provider(world);
  return fiveStepOnboarding.provide({
    actors: {
      verifyKyc: implement(activities.verifyKyc, {
        run: async (scope) => {
          await call('kyc.verify', scope.input.merchantId, scope);
          if (chance(world.seed, scope.input.merchantId) < world.faults.refusedShare) throw refusal(scope.input);
          return { reference: `kyc-${scope.input.merchantId}` };
        },
      }),
      screenSanctions: implement(activities.screenSanctions, {
        run: async (scope) => {
          await call('sanctions.screen', scope.input.merchantId, scope);
          return screening(world.screen, scope.input);
        },
      }),
      openSettlement: implement(activities.openSettlement, {
        run: async (scope) => {
          await call('settlement.open', scope.input.merchantId, scope);
          return { account: `acct-${scope.input.merchantId}` };
        },
      }),
      seedDashboard: implement(activities.seedDashboard, {
        run: async (scope) => {
          await call('dashboard.seed', scope.input.merchantId, scope);
          return { url: `https://dashboard.example/${encodeURIComponent(scope.input.merchantId)}` };
        },
      }),
      sendWelcome: implement(activities.sendWelcome, {
        run: async (scope) => {
          await call('welcome.send', scope.input.merchantId, scope);
          return { messageId: `welcome-${scope.input.merchantId}` };
        },
      }),
    },
  });
}

type Call = (
  activity: string,
  merchant: string,
  scope: Pick<ActivityScope<unknown>, 'idempotencyKey' | 'attempt' | 'signal'>,
) => Promise<void>;

/** Every call is in the ledger before anything else: that is the moment the world was changed. */
function provider({ seed, faults, script, ledger }: World): Call {
  return async (activity, merchant, { idempotencyKey, attempt, signal }) => {
    ledger.append({ kind: 'call', key: idempotencyKey, attempt, merchant, activity });
    const luck = mulberry32(hash(`${seed}|${idempotencyKey}|${attempt}`));
    const [least, most] = faults.delayMs;
    const isHanging = luck() < faults.hangShare;
    await delay(isHanging ? 2 ** 31 - 1 : least + luck() * (most - least), undefined, { signal });
    const fails = script === undefined ? luck() < faults.transientShare : script(merchant, activity, attempt);
    if (fails) throw named('ProviderUnavailable', `${activity} answered 503 for ${merchant}`);
  };
}

function screening(screen: Screener, merchant: OnboardingInput): ScreeningResult {
  const match = screen([merchant.name, merchant.owner].filter((name) => name !== ''));
  if (match === undefined) return {};
  return { hit: { entry: match.entry.name, name: match.queriedName, score: match.score } };
}

function refusal(merchant: OnboardingInput): Error {
  return named('KycRefused', `The documents of ${merchant.merchantId} were refused.`);
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

function chance(seed: number, merchantId: string): number {
  return mulberry32(hash(`${seed}|${merchantId}`))();
}

/** FNV-1a, 32 bit (Fowler, Noll, Vo): a seed from a text. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
