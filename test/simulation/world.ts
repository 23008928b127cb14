/**
 * One simulated world: the real runtime on the real store code, over a disk, a clock and activities that move only when the
 * seeded scheduler picks them. Between two picks everything that can run without the scheduler has run.
 */
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import { Clients } from './clients.ts';
import { Consumers } from './consumers.ts';
import { Disk, DiskHandle } from './disk.ts';
import { Ledger } from './ledger.ts';
import { outside } from './machine-parts.ts';
import { machines, machinesWithUndos, registryOf } from './machines.ts';
import { Model } from './model.ts';
import type { Profile } from './profile.ts';
import type { SeededRandom } from './seeded-random.ts';
import { checkStore } from './store-checks.ts';
import { check, Violation } from './violation.ts';
import { LifeClock, VirtualTime } from './virtual-time.ts';

/** From one opening to the crash or close that ends it. */
export interface Life {
  readonly number: number;
  readonly clock: LifeClock;
  /** Another one each time the store is opened. */
  handle: DiskHandle;
  /** The machine that is not registered in it. */
  readonly missing: string | undefined;
  phase: 'opening' | 'open' | 'closing' | 'gone';
  runtime: Runtime | undefined;
}

interface Attempted {
  readonly idempotencyKey: string;
  readonly attempt: number;
}

/** Rounds of the event loop given between two picks to work that asks for turns. */
const turnsMax = 20;
/** Of the lists and counts that a store is asked for at the end of a seed, but for the plain ones, which are always. */
const shareOfLists = 0.125;

export class World {
  readonly random: SeededRandom;
  readonly profile: Profile;
  readonly trace: string[] = [];
  readonly time: VirtualTime;
  readonly model: Model;
  readonly ledger: Ledger;
  readonly disk: Disk;
  readonly clients: Clients;
  /** Absent where machines emit nothing. */
  readonly consumers: Consumers | undefined;
  life: Life | undefined;
  violation: Violation | undefined;
  lives = 0;
  picks = 0;
  crashesInUnwinding = 0;

  private constructor(random: SeededRandom, profile: Profile, time: VirtualTime, disk: Disk) {
    const { model } = disk;
    this.time = time;
    this.random = random;
    this.profile = profile;
    this.model = model;
    this.disk = disk;
    this.ledger = new Ledger(model);
    if (profile.hasConsumers) {
      this.consumers = new Consumers({ random, log: (line) => this.log(line), note: (found) => this.note(found) });
      disk.consumers = this.consumers;
    }
    this.clients = new Clients({
      random,
      kinds: [...machines, ...machinesWithUndos].filter(({ id }) => profile.kinds.includes(id)),
      poison: profile.poison,
      hasDeadlines: profile.hasDeadlines,
      hasUndos: profile.hasUndos,
      workflows: profile.size.workflows,
      model,
      ledger: this.ledger,
      log: (line) => this.log(line),
      note: (found) => this.note(found),
    });
  }

  static create(random: SeededRandom, profile: Profile): World {
    const time = new VirtualTime();
    return new World(random, profile, time, new Disk(new Model(time)));
  }

  log(line: string): void {
    this.trace.push(line);
  }

  /** Remembers the first thing that must not be. */
  note(found: unknown): void {
    if (this.violation !== undefined) return;
    this.violation =
      found instanceof Violation
        ? found
        : new Violation('every caller gets an answer it can believe', String((found as Error).stack ?? found));
  }

  /** @param isFaulty whether a machine may be missing */
  open(isFaulty: boolean): void {
    const { random, profile } = this;
    this.lives += 1;
    const missing = isFaulty && random.chance(profile.missing) ? random.pick(profile.kinds) : undefined;
    const registry = registryOf(profile.kinds.filter((id) => id !== missing));
    const newHandle = (): DiskHandle => new DiskHandle(this.disk, profile.holdsReads, (found) => this.note(found));
    const life: Life = {
      number: this.lives,
      clock: new LifeClock(this.time),
      handle: newHandle(),
      missing,
      phase: 'opening',
      runtime: undefined,
    };
    this.life = life;
    const { places: maxConcurrentAttempts } = profile;
    const { number } = life;
    outside.isHeard = this.consumers !== undefined;
    const outbox = this.consumers?.open(life, isFaulty);
    outside.run = (name, scope) => this.#begin(life, name, scope, () => this.ledger.begin(number, profile.places, name, scope));
    outside.undo = (name, scope) => this.#begin(life, name, scope, () => this.ledger.undo(number, profile.places, name, scope));
    outside.act = (owner, tag) => this.#enter(life, `${owner} ${tag} is run`, () => this.ledger.act(life.number, owner, tag));
    outside.listen = (owner, sendBack) =>
      life.phase === 'gone'
        ? () => undefined
        : this.#enter(life, `a callback of ${owner} begins`, () => this.ledger.listen(life.number, owner, sendBack));
    const assemble = async (): Promise<Runtime> => {
      const store = await life.handle.open();
      const reopen = (): Promise<Store> => {
        if (life.phase === 'gone') return new Promise(() => undefined);
        this.log(`life ${life.number} opens its store again`);
        life.handle = newHandle();
        return life.handle.open();
      };
      const reopening = { isPromising: () => Promise.resolve(true), open: reopen };
      return assembleRuntime({ store, registry, clock: life.clock, random: () => random.next(), maxConcurrentAttempts, outbox, reopening });
    };
    assemble().then(
      (runtime) => {
        if (life.phase !== 'opening') return;
        life.runtime = runtime;
        life.phase = 'open';
      },
      (error: unknown) => {
        if (life.phase === 'gone') return;
        this.log(`opening failed: ${String(error)}`);
        this.end(life);
      },
    );
  }

  close(life: Life, graceMs: number): void {
    life.phase = 'closing';
    life.runtime?.close({ grace: graceMs }).then(
      () => {
        this.log(`life ${life.number} closed`);
        this.end(life);
      },
      (error: unknown) => this.note(error),
    );
  }

  /** Drops everything that was in memory. */
  end(life: Life): void {
    if (life.phase === 'gone') return;
    life.phase = 'gone';
    life.clock.die();
    life.handle.isGone = true;
    life.handle.held = undefined;
    life.handle.reads = [];
    this.ledger.forget(life.number);
    this.clients.forgetLife();
    this.consumers?.forgetLife();
    if (this.life === life) this.life = undefined;
  }

  /** Lets everything run that needs no pick. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < turnsMax; turn += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const clock = this.life?.clock;
      if (clock?.isLooping === true) this.note(new Violation('I14 everything becomes definite, rows equal records', 'it loops for ever'));
      if (clock?.turn() !== true) break;
    }
    this.#look();
  }

  /** What must hold whenever nothing moves. */
  #look(): void {
    const { life } = this;
    if (life?.phase !== 'open' || life.handle.hasRejected || life.runtime?.health().state !== 'open') return;
    // Whoever was in doubt is being read.
    if (life.handle.reads.length > 0) return;
    try {
      this.clients.checkWatches();
      this.ledger.checkEars(life.number);
    } catch (found) {
      this.note(found);
    }
  }

  async checkStore(isThorough: boolean): Promise<void> {
    try {
      const { random, clients, disk } = this;
      await checkStore(disk, { started: clients.startedPlaces, isThorough, isAsked: () => random.chance(shareOfLists) });
    } catch (found) {
      this.note(found);
    }
  }

  /** Code of a machine is entered. */
  #enter<Result>(life: Life, line: string, enter: () => Result): Result {
    if (life.phase === 'gone') return new Promise(() => undefined) as Result;
    this.log(`  ${line}`);
    try {
      return enter();
    } catch (found) {
      this.note(found);
      throw found;
    }
  }

  #begin(life: Life, name: string, { idempotencyKey, attempt }: Attempted, enter: () => Promise<unknown>): Promise<unknown> {
    // Code that was started by a life that ended is never heard of again.
    if (life.phase === 'gone') return new Promise(() => undefined);
    this.log(`  ${idempotencyKey} ${name} attempt ${attempt} called`);
    try {
      check(life.phase !== 'closing', 'a closing runtime begins nothing', () => `attempt ${attempt} of ${idempotencyKey} was called`);
      return enter();
    } catch (found) {
      this.note(found);
      throw found;
    }
  }
}
