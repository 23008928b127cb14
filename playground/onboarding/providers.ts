/**
 * The outside world of an onboarding, simulated: providers that take their time, fail now and then, hang now and then, and
 * sometimes refuse. What a call does follows from the seed, its idempotency key and its attempt, so that a run can be repeated.
 * The sanctions screening is not simulated: it matches names against the watchlist.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActivityLogic, ActivityScope, RetryOptions, UndoScope } from 'perdure';
import { implement } from 'perdure';
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
  /** Milliseconds a call takes, where that is not left to luck; for scripted demonstrations. */
  readonly takesMs?: (merchantId: string, activity: string) => number | undefined;
  /** With what patience undos are tried; default: as their machine declares. */
  readonly undoRetry?: RetryOptions;
}

/** What undoes a call, by the call. */
const undos = {
  'sanctions.screen': 'sanctions.unwatch',
  'profile.create': 'profile.delete',
  'settlement.open': 'settlement.close',
  'credentials.issue': 'credentials.revoke',
  'risk-limits.set': 'sanctions.unscreen-payments',
  'dashboard.seed': 'dashboard.take-down',
  'welcome.send': 'on-hold.send',
} as const;

type Undoable = keyof typeof undos;

export function undoOf(call: string): string | undefined {
  return call in undos ? undos[call as Undoable] : undefined;
}

/** What has no undo, and is gone when something else is undone, by the call; that, by its call. */
const parts: Readonly<Record<string, Undoable>> = { 'widget.seed': 'dashboard.seed' };

export function wholeOf(call: string): string | undefined {
  return parts[call];
}

export type Call = (
  activity: string,
  merchant: string,
  scope: Pick<ActivityScope<unknown>, 'idempotencyKey' | 'attempt' | 'signal'>,
  widget?: string,
) => Promise<void>;

/** Every call is in the ledger before anything else: that is the moment the world was changed. */
export function providersIn(world: World): Call {
  const answer = answersIn(world);
  return async (activity, merchant, scope, widget) => {
    const { idempotencyKey: key, attempt } = scope;
    world.ledger.append({ kind: 'call', key, attempt, merchant, activity, ...(widget === undefined ? {} : { widget }) });
    await answer(activity, merchant, scope);
  };
}

/** Of an undo the answer counts: what was asked for may not have been done. */
function undoersIn(world: World): Call {
  const answer = answersIn(world);
  return async (activity, merchant, scope) => {
    const { idempotencyKey: key, attempt } = scope;
    world.ledger.append({ kind: 'undo', key, attempt, merchant, activity, atMs: Date.now() });
    await answer(activity, merchant, scope);
    world.ledger.append({ kind: 'undone', key, merchant, activity });
  };
}

interface ForMerchant {
  readonly merchantId: string;
  readonly widget?: string;
}

/** Gives an activity its provider in this world, and the one that undoes it, if it has an undo. */
export type Ask = <Input extends ForMerchant, Output>(
  name: string,
  declaration: ActivityLogic<Input, Output>,
  answer: (merchantId: string, input: Input) => Output,
) => ActivityLogic<Input, Output>;

export function askIn(world: World): Ask {
  const call = providersIn(world);
  const undo = undoersIn(world);
  return <Input extends ForMerchant, Output>(
    name: string,
    declaration: ActivityLogic<Input, Output>,
    answer: (merchantId: string, input: Input) => Output,
  ) => {
    const run = async (scope: ActivityScope<Input>): Promise<Output> => {
      const { merchantId, widget } = scope.input;
      await call(name, merchantId, scope, widget);
      return answer(scope.input.merchantId, scope.input);
    };
    const undoName = undoOf(name);
    if (undoName === undefined) return implement(declaration, { run });
    const retry = world.undoRetry === undefined ? {} : { retry: world.undoRetry };
    const undoRun = async (scope: UndoScope<Input, Output>): Promise<void> => undo(undoName, scope.input.merchantId, scope);
    return implement(declaration, { run, compensate: { run: undoRun, ...retry } });
  };
}

function answersIn({ seed, faults, script, takesMs }: World): Call {
  return async (activity, merchant, { idempotencyKey, attempt, signal }) => {
    const luck = mulberry32(seedFrom(`${seed}|${idempotencyKey}|${attempt}`));
    const [least, most] = faults.delayMs;
    const isHanging = luck() < faults.hangShare;
    const usualMs = isHanging ? 2 ** 31 - 1 : least + luck() * (most - least);
    await delay(takesMs?.(merchant, activity) ?? usualMs, undefined, { signal });
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
