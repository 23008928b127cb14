/**
 * The outside world of an onboarding, simulated: providers that take their time, fail now and then, hang now and then, and
 * sometimes refuse. What a call does follows from the seed, its idempotency key and its attempt, so that a run can be repeated.
 * The sanctions screening is not simulated: it matches names against the watchlist.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActivityScope } from 'perdure';
import type { SanctionsMatch } from 'perdure/machines/merchant-onboarding';
import type { Screener } from '../inputs/name-screening.ts';
import { mulberry32, seedFrom } from '../inputs/seeded-random.ts';
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

export type Call = (
  activity: string,
  merchant: string,
  scope: Pick<ActivityScope<unknown>, 'idempotencyKey' | 'attempt' | 'signal'>,
) => Promise<void>;

/** Every call is in the ledger before anything else: that is the moment the world was changed. */
export function providersIn({ seed, faults, script, ledger }: World): Call {
  return async (activity, merchant, { idempotencyKey, attempt, signal }) => {
    ledger.append({ kind: 'call', key: idempotencyKey, attempt, merchant, activity });
    const luck = mulberry32(seedFrom(`${seed}|${idempotencyKey}|${attempt}`));
    const [least, most] = faults.delayMs;
    const isHanging = luck() < faults.hangShare;
    await delay(isHanging ? 2 ** 31 - 1 : least + luck() * (most - least), undefined, { signal });
    const fails = script === undefined ? luck() < faults.transientShare : script(merchant, activity, attempt);
    if (fails) throw named('ProviderUnavailable', `${activity} answered 503 for ${merchant}`);
  };
}

/** @throws Error named `KycRefused` for the merchants whose documents are no good */
export function checkDocuments({ seed, faults }: World, merchantId: string): void {
  const luck = mulberry32(seedFrom(`${seed}|${merchantId}`));
  if (luck() < faults.refusedShare) throw named('KycRefused', `The documents of ${merchantId} were refused.`);
}

export function matchOf(screen: Screener, merchant: { readonly name: string; readonly owner: string }): SanctionsMatch | undefined {
  const match = screen([merchant.name, merchant.owner].filter((name) => name !== ''));
  return match && { entry: match.entry.name, name: match.queriedName, score: match.score };
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
