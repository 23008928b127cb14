/**
 * Which workflows were in flight when processes died, and when that is a loop. A workflow is in flight while an attempt of it runs,
 * and while a boot takes it up.
 *
 * - Deaths of an attempt are counted per activity, in a row. The count begins anew with an attempt whose outcome was recorded in
 *   between, and after a process that lived for long or was closed. The death of a process that got anything else done before it counts
 *   half: who kills it from outside should park nobody, but what kills a busy process must come to an end, too.
 * - A boot that follows one that died in the middle of its work goes through what is pending step by step, without writing any of it
 *   (see `boot-watch.ts`), and says in the boot journal which workflow is next. Dying twice under the name of one workflow is
 *   its third death: the boot before the first had not named anybody.
 * - A callback or observable begins anew in each process and lives for long: it was there at every death, whatever the process died of.
 *   So it is suspected like an attempt, but with one death left it begins alone, under the name of its workflow. If the process dies
 *   then, that is the third death; if not, its deaths are counted anew.
 */
import { formatAddress } from './address.ts';
import type { Address } from './address.ts';
import type { FailureRecord } from './failure-record.ts';
import { limits } from './limits.ts';
import type { ActivityRecord } from './record.ts';

/** An attempt that was found running by a process that opened the store, or a callback or observable that was found live. */
export interface AttemptInFlight {
  /** The actor's address, as text. */
  readonly place: string;
  readonly n: number;
  /** Of a callback always the same. */
  readonly attempt: number;
  /** Deaths in a row at which an attempt of this activity ran, or the callback did; those of a process that made progress count half. */
  readonly deaths: number;
  /** It was kept back, and not begun yet: the process does not die of it. */
  readonly isHeld?: true;
}

/** What a process leaves behind when it dies. Closing takes it away. */
export interface BootRecord {
  /** `opening` until everything that was pending is taken up. */
  readonly phase: 'opening' | 'running';
  readonly inFlight: readonly AttemptInFlight[];
  /** Whether an outcome was recorded, other than of attempts that have one death left. */
  readonly hasProgress: boolean;
  /** Workflow ids gone through at this moment, or whose callbacks begin. */
  readonly named: readonly string[];
  /** How often processes in a row died while one workflow alone was named. */
  readonly suspects: readonly { readonly id: string; readonly deaths: number }[];
}

/** What the process before left, and what follows from it for this one. */
export function bootAfter(before: BootRecord | undefined): BootRecord {
  if (before === undefined) return { phase: 'opening', inFlight: [], hasProgress: false, named: [], suspects: [] };
  const { inFlight, named, suspects } = before;
  const [only] = named;
  const known = new Map(suspects.map(({ id, deaths }) => [id, deaths]));
  // Of many nobody knows who it was: each is gone through alone this time.
  if (named.length > 1) for (const id of named) known.set(id, known.get(id) ?? 0);
  else if (only !== undefined) known.set(only, (known.get(only) ?? 0) + 1);
  return { phase: 'opening', inFlight, hasProgress: false, named: [], suspects: [...known].map(([id, deaths]) => ({ id, deaths })) };
}

/** Finds what was in flight when the process before died, or earlier: of callbacks there may be very many. */
export type FindInFlight = (place: string, n: number) => AttemptInFlight | undefined;

export function inFlightBefore(before: BootRecord | undefined): FindInFlight {
  const keyOf = (place: string, n: number): string => `${n} ${place}`;
  const known = new Map(before?.inFlight.map((each) => [keyOf(each.place, each.n), each]));
  return (place, n) => known.get(keyOf(place, n));
}

/** At how many deaths in a row this activity, which is found running or live, was in flight. */
export function attemptInFlight(
  before: BootRecord | undefined,
  address: Address,
  activity: ActivityRecord,
  find: FindInFlight = inFlightBefore(before),
): AttemptInFlight {
  const { n, attempt } = activity;
  const place = formatAddress(address);
  const known = find(place, n);
  return {
    place,
    n,
    attempt,
    deaths: known === undefined ? deathsUnknown(before, activity) : deathsAfter(known, activity, before?.hasProgress === true),
  };
}

function deathsAfter(known: AttemptInFlight, activity: ActivityRecord, hasProgress: boolean): number {
  const death = hasProgress ? 0.5 : 1;
  if (activity.state === 'live') return known.isHeld === true ? known.deaths : known.deaths + death;
  const begun = activity.attempt - known.attempt;
  // It did not run in the process that died.
  if (begun === 0) return known.deaths;
  if (begun === 1) return known.deaths + death;
  // The process between began one and died of it before it left word of what it had found. Nobody knows what else it got done.
  if (begun === 2 && wasLostBefore(activity)) return known.deaths + 0.5 + death;
  // An outcome was recorded in between.
  return 1;
}

/** A boot that died early may have begun it without leaving word: then its record tells of the attempt before. */
function deathsUnknown(before: BootRecord | undefined, activity: ActivityRecord): number {
  return before?.phase === 'opening' && !before.hasProgress && wasLostBefore(activity) ? 2 : 1;
}

function wasLostBefore({ attempt, lastFailure }: ActivityRecord): boolean {
  return lastFailure?.class === 'AttemptLost' && lastFailure.attempt === attempt - 1;
}

/** Whether what was in flight at so many deaths begins after all others and alone. */
export function isLastChance(deaths: number): boolean {
  return deaths >= limits.crashLoopDeathsMax - 1;
}

/**
 * Why a workflow is not run any more, if it should not be.
 *
 * @param deathsAlone under its name alone
 * @param deathsOfCallbacks the last of which has to be one under its name
 */
export function crashLoopOf(deathsOfAttempts: number, deathsAlone: number, deathsOfCallbacks = 0): FailureRecord | undefined {
  const isLoop =
    deathsOfAttempts >= limits.crashLoopDeathsMax ||
    deathsAlone >= limits.crashLoopDeathsMax - 1 ||
    (deathsAlone > 0 && deathsOfCallbacks > limits.crashLoopDeathsMax - 1);
  if (!isLoop) return undefined;
  const message = `It was in flight at ${limits.crashLoopDeathsMax} deaths of the process in a row.`;
  return { class: 'CrashLoop', message };
}
