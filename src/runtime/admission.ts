/**
 * Says whether another attempt may begin: how many run at once, in all and of one name, and how often they begin.
 *
 * Invariants
 * 1. What is taken is given back once: when the attempt ended, or unused, with the token it took.
 * 2. While places are held back none is granted.
 * 3. Within any time T at most count + T / per × count attempts under a rate begin.
 */
import type { ActivityDescriptor, RateLimit } from '../kernel/activity-descriptor.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock } from '../kernel/ports.ts';
import type { RegisteredMachine } from '../kernel/registered-machine.ts';

export interface AdmissionOptions {
  readonly maxConcurrentAttempts: number;
  readonly rateLimit?: RateLimit | undefined;
}

/** One bound on attempts: of all of them, or of those of one name. */
class Gate {
  readonly #places: number;
  #free: number;
  readonly #rates: readonly TokenBucket[];

  constructor(places: number, rates: readonly RateLimit[]) {
    this.#places = places;
    this.#free = places;
    this.#rates = rates.map((rate) => new TokenBucket(rate));
  }

  hasPlace(): boolean {
    return this.#free > 0;
  }

  clear(): void {
    this.#free = this.#places;
  }

  occupy(): void {
    this.#free -= 1;
  }

  waitMs(nowMs: number): number {
    let waitMs = 0;
    for (const rate of this.#rates) waitMs = Math.max(waitMs, rate.waitMs(nowMs));
    return waitMs;
  }

  take(nowMs: number): void {
    this.occupy();
    for (const rate of this.#rates) rate.take(nowMs);
  }

  giveBack(isUnused: boolean): void {
    this.#free += 1;
    if (isUnused) for (const rate of this.#rates) rate.putBack();
  }
}

/** A token bucket as one moment: when it would be full again. No token is counted, so none is lost to rounding. */
class TokenBucket {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  #fullAtMs = -Infinity;

  constructor({ count, perMs }: RateLimit) {
    this.#intervalMs = perMs / count;
    this.#burstMs = perMs - this.#intervalMs;
  }

  waitMs(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - this.#burstMs - nowMs);
  }

  take(nowMs: number): void {
    this.#fullAtMs = Math.max(nowMs, this.#fullAtMs) + this.#intervalMs;
  }

  putBack(): void {
    this.#fullAtMs -= this.#intervalMs;
  }
}

export class Admission {
  readonly #clock: Clock;
  readonly #whole: Gate;
  /** What attempts of a name have to pass, where that is more than what all have to. */
  readonly #byName: ReadonlyMap<string, readonly Gate[]>;
  readonly #ofOthers: readonly Gate[];
  #isHeld = false;

  constructor(clock: Clock, registry: Pick<MachineRegistry, 'machines'>, { maxConcurrentAttempts, rateLimit }: AdmissionOptions) {
    this.#clock = clock;
    this.#whole = new Gate(maxConcurrentAttempts, rateLimit === undefined ? [] : [rateLimit]);
    this.#ofOthers = [this.#whole];
    this.#byName = new Map([...gatesOf(registry)].map(([name, own]) => [name, [this.#whole, own]]));
  }

  /** Whether any attempt could begin, as far as places go. */
  hasPlace(): boolean {
    return !this.#isHeld && this.#whole.hasPlace();
  }

  /** Milliseconds until an attempt of this name may begin; `Infinity` if it waits for another one to end. */
  waitMs(name: string): number {
    if (this.#isHeld) return Infinity;
    const nowMs = this.#clock.monotonic();
    let waitMs = 0;
    for (const gate of this.#gates(name)) waitMs = gate.hasPlace() ? Math.max(waitMs, gate.waitMs(nowMs)) : Infinity;
    return waitMs;
  }

  take(name: string): boolean {
    if (this.waitMs(name) > 0) return false;
    const nowMs = this.#clock.monotonic();
    for (const gate of this.#gates(name)) gate.take(nowMs);
    return true;
  }

  /** @param isUnused the attempt did not begin after all */
  giveBack(name: string, isUnused = false): void {
    for (const gate of this.#gates(name)) gate.giveBack(isUnused);
  }

  /** Grants no place until {@link release}. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
  }

  /**
   * Takes back the places of attempts that were never begun, nor will be. Their tokens stay taken.
   *
   * @param taken under which names places are taken rightly, once for each
   */
  reclaim(taken: readonly string[]): void {
    for (const gate of [this.#whole, ...[...this.#byName.values()].flat()]) gate.clear();
    for (const gate of taken.flatMap((name) => this.#gates(name))) gate.occupy();
  }

  #gates(name: string): readonly Gate[] {
    return this.#byName.get(name) ?? this.#ofOthers;
  }
}

/** Activities of one name share its bounds, in whichever machines they are: each of them holds. */
function gatesOf({ machines }: Pick<MachineRegistry, 'machines'>): ReadonlyMap<string, Gate> {
  const descriptors = new Map<string, ActivityDescriptor[]>();
  for (const { name, descriptor } of withThoseBelow(machines).flatMap(({ activities }) => [...activities.values()])) {
    if (descriptor.maxConcurrentAttempts === undefined && descriptor.rateLimit === undefined) continue;
    descriptors.set(name, [...(descriptors.get(name) ?? []), descriptor]);
  }
  return new Map([...descriptors].map(([name, all]) => [name, gateOf(all)]));
}

/** Actors below the root have activities of their own. */
function withThoseBelow(machines: readonly RegisteredMachine[]): readonly RegisteredMachine[] {
  const all = new Set(machines);
  // What is added meanwhile is gone through, too.
  for (const { children } of all) for (const child of children.values()) if (child.kind === 'actor') all.add(child.machine);
  return [...all];
}

function gateOf(descriptors: readonly ActivityDescriptor[]): Gate {
  const places = Math.min(...descriptors.map(({ maxConcurrentAttempts = Infinity }) => maxConcurrentAttempts));
  return new Gate(
    places,
    descriptors.flatMap(({ rateLimit }) => rateLimit ?? []),
  );
}
