/**
 * Whoever is given what machines emit: one that takes everything, one that takes its time and fails now and then, and two that cannot
 * take some of it at all until a person has mended what is wrong with it.
 */
import type { ConsumerPolicy, OutboxMessage } from '../../src/kernel/outbox-consumer.ts';
import { parseConsumers } from '../../src/kernel/outbox-consumer.ts';
import { PerdureError } from '../../src/kernel/errors.ts';
import type { StoreBatch } from '../../src/kernel/ports.ts';
import type { OutboxLag } from '../../src/runtime/outbox-door.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import type { Delivery } from './outbox-rules.ts';
import { DeliveryRecord, EmittedRecord } from './outbox-rules.ts';
import type { SeededRandom } from './seeded-random.ts';
import { check, Violation } from './violation.ts';

export interface ConsumerParts {
  readonly random: SeededRandom;
  readonly log: (line: string) => void;
  readonly note: (found: unknown) => void;
}

/** The life that they live in. */
export interface ConsumingLife {
  readonly number: number;
  readonly phase: 'opening' | 'open' | 'closing' | 'gone';
}

/** A call of the one that takes its time. */
interface Held {
  readonly life: number;
  readonly name: string;
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
  isStuck: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

type Pick = { readonly weight: number; readonly name: string; readonly act: () => void };

const names = ['falters', 'holds', 'skips', 'takes'] as const;
type Name = (typeof names)[number];
const delivered = 'what is emitted is delivered to every consumer';

/** One attempt in so many is of a message that somebody has to mend. */
const broken = 3;
const attemptsMax = 2;

export class Consumers {
  readonly #parts: ConsumerParts;
  readonly emitted = new EmittedRecord();
  readonly #records: Readonly<Record<Name, DeliveryRecord>>;
  readonly #mended = new Set<string>();
  #held: Held[] = [];
  /** Whether all of them are on disk, so that nothing goes before they had it. */
  #areKnown = false;
  #isDealing = false;
  /** The consumer that this life does without. */
  missing: Name | undefined;
  #lag: readonly OutboxLag[] | undefined;
  /** What the runtime was asked and has not answered. */
  #asked = 0;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
    const recordOf = (name: Name): DeliveryRecord => new DeliveryRecord(name, name === 'skips', this.emitted);
    this.#records = { falters: recordOf('falters'), holds: recordOf('holds'), skips: recordOf('skips'), takes: recordOf('takes') };
  }

  apply(batch: StoreBatch | undefined): void {
    if (batch === undefined || batch.commits.length === 0) return;
    // Nothing is committed before a runtime is open.
    this.#areKnown = true;
    this.emitted.apply(batch);
  }

  /** Those of a new life. @param isFaulty whether one may be missing */
  open(life: ConsumingLife, isFaulty: boolean): readonly ConsumerPolicy[] {
    const { random } = this.#parts;
    this.missing = isFaulty && this.#areKnown && random.chance(0.2) ? random.pick(names) : undefined;
    this.#lag = undefined;
    this.#asked = 0;
    this.#held = [];
    const retry = { maximumAttempts: attemptsMax, initialInterval: '300ms' } as const;
    const all = {
      takes: (message: OutboxMessage) => this.#take(life, 'takes', message),
      falters: {
        handle: (message: OutboxMessage) => this.#hold(life, message),
        retry: { maximumAttempts: 1_000, initialInterval: '200ms', maximumInterval: '2s' },
        startToCloseTimeout: '2s',
      },
      skips: { handle: (message: OutboxMessage) => this.#take(life, 'skips', message), retry, onPoison: 'skip' },
      holds: { handle: (message: OutboxMessage) => this.#take(life, 'holds', message), retry },
    };
    return parseConsumers(all, 'simulation').filter(({ name }) => name !== this.missing);
  }

  /** What may be done while there are faults. */
  picks(life: ConsumingLife, runtime: Runtime | undefined): Pick[] {
    const { random } = this.#parts;
    const picks: Pick[] = [];
    const waiting = this.#held.filter(({ isStuck }) => !isStuck);
    if (waiting.length > 0) {
      const call = random.pick(waiting);
      picks.push({ weight: 4, name: `${call.name} is taken`, act: () => this.#succeed(call) });
      picks.push({ weight: 1.5, name: `${call.name} is refused`, act: () => this.#drop(call)?.reject(new Error('Not now.')) });
      picks.push({ weight: 0.4, name: `${call.name} hangs`, act: () => void (call.isStuck = true) });
    }
    if (life.phase === 'open' && runtime !== undefined && this.#asked === 0) {
      const isMending = random.chance(0.7);
      picks.push({ weight: 1, name: 'a person looks at what failed for good', act: () => this.#deal(life, runtime, isMending) });
    }
    return picks;
  }

  /** What is to be done once there are no faults any more. */
  calmPick(): Pick | undefined {
    const call = this.#held.find(({ isStuck }) => !isStuck);
    return call && { weight: 1, name: `${call.name} is taken`, act: () => this.#succeed(call) };
  }

  /** What is to be done where nothing else is: undefined if all is delivered. */
  restPick(life: ConsumingLife, runtime: Runtime, wait: Pick): Pick | undefined {
    const lag = this.#lag;
    this.#lag = undefined;
    // What hangs times out.
    if (this.#asked > 0 || this.#held.length > 0) return wait;
    if (lag === undefined) return { weight: 1, name: 'somebody asks how far all are', act: () => this.#askLag(life, runtime) };
    if (lag.every(({ undelivered }) => undelivered === 0)) {
      for (const record of Object.values(this.#records)) record.checkRest();
      const told = lag.map(({ consumer }) => consumer).join();
      check(told === names.join() && lag.every(({ poison }) => poison === 0), delivered, () => `at rest the lag is ${JSON.stringify(lag)}`);
      return undefined;
    }
    // Only who waits for a person is left.
    if (lag.some(({ undelivered, poison }) => undelivered > 0 && poison === 0)) return wait;
    const isOverdue = Object.values(this.#records).some((record) => record.overdue(life.number) !== undefined);
    // What failed is in the queue once it is written down.
    this.#isDealing = !isOverdue && !this.#isDealing;
    if (!this.#isDealing) return wait;
    return { weight: 1, name: 'a person deals with what failed for good', act: () => this.#deal(life, runtime, true) };
  }

  /** What a world that does not come to rest waits for. */
  checkHeld(life: number): void {
    for (const record of Object.values(this.#records)) record.checkHeld(life);
  }

  forgetLife(): void {
    this.#held = [];
  }

  /** A message comes in. */
  #begin(life: ConsumingLife, name: Name, message: OutboxMessage): Delivery {
    const { log, note } = this.#parts;
    log(`  ${name} is given ${message.messageId} of commit ${message.commit}, attempt ${message.attempt}`);
    try {
      check(life.phase !== 'closing', 'a closing runtime begins nothing', () => `${name} was given ${message.messageId}`);
      return this.#records[name].begin(life.number, message);
    } catch (found) {
      note(found);
      throw found;
    }
  }

  #take(life: ConsumingLife, name: Name, message: OutboxMessage): unknown {
    if (life.phase === 'gone') return new Promise(() => undefined);
    const delivery = this.#begin(life, name, message);
    const { emitted, had } = delivery;
    const isBroken = name !== 'takes' && emitted.commit % broken === 0 && !this.#mended.has(mendedKey(name, emitted.commit));
    if (!isBroken) {
      had.takenIn = life.number;
      return undefined;
    }
    if (message.attempt >= attemptsMax) had.isPoison = true;
    throw new Error('It cannot be taken.');
  }

  #hold(life: ConsumingLife, message: OutboxMessage): Promise<void> {
    if (life.phase === 'gone') return new Promise(() => undefined);
    const delivery = this.#begin(life, 'falters', message);
    const { workflowId } = delivery.emitted;
    const other = this.#held.find((call) => call.delivery.emitted.workflowId === workflowId && !call.signal.aborted);
    if (other !== undefined) {
      this.#parts.note(
        new Violation('of each workflow what was emitted first is delivered first', `${message.messageId} does not wait for ${other.name}`),
      );
    }
    return new Promise((resolve, reject) => {
      const { messageId: name, signal } = message;
      const call: Held = { life: life.number, name, delivery, signal, isStuck: false, resolve, reject };
      this.#held.push(call);
      // Nobody waits for what timed out.
      signal.addEventListener('abort', () => signal.reason === 'shutdown' || this.#drop(call));
    });
  }

  #succeed(call: Held): void {
    call.delivery.had.takenIn = call.life;
    this.#drop(call)?.resolve();
  }

  #drop(call: Held): Held | undefined {
    const position = this.#held.indexOf(call);
    if (position !== -1) this.#held.splice(position, 1);
    return call;
  }

  #askLag(life: ConsumingLife, runtime: Runtime): void {
    this.#ask(life, 'lag', async () => {
      const lag = await runtime.outbox.lag();
      if (life.phase !== 'gone') this.#lag = lag;
    });
  }

  /** One message that failed for good is tried again, mended or not, or given up. */
  #deal(life: ConsumingLife, runtime: Runtime, isMending: boolean): void {
    const { random } = this.#parts;
    this.#ask(life, 'deal', async () => {
      const { items } = await runtime.queue.list();
      const found = items.filter(({ cause }) => cause === 'outbox-message');
      if (life.phase === 'gone' || found.length === 0) return;
      const { id, name } = random.pick(found);
      const commit = Number(id.split(':')[3]);
      const act = random.chance(0.6) ? 'retry' : 'discard';
      this.#parts.log(`call ${act} ${id} of ${name}`);
      this.#records[name as Name].dealtWith(commit, act);
      if (isMending && act === 'retry') this.#mended.add(mendedKey(name as Name, commit));
      await (act === 'retry' ? runtime.queue.retry(id) : runtime.queue.discard(id, { note: 'nobody wants it' }));
    });
  }

  #ask(life: ConsumingLife, name: string, answer: () => Promise<void>): void {
    const refused: readonly string[] = ['QUEUE_ITEM_NOT_FOUND', 'CONSUMER_NOT_FOUND', 'STORE_UNAVAILABLE', 'STORE_SLOW', 'RUNTIME_CLOSED'];
    this.#asked += 1;
    answer()
      .catch((error: unknown) => {
        if (life.phase === 'gone') return;
        const code = error instanceof PerdureError ? error.code : String(error);
        this.#parts.log(`  ${name}: ${code}`);
        check(refused.includes(code), 'every caller gets an answer it can believe', () => `${name} was refused with ${code}`);
      })
      .catch(this.#parts.note)
      .finally(() => {
        if (life.phase !== 'gone') this.#asked -= 1;
      });
  }
}

function mendedKey(name: Name, commit: number): string {
  return `${name} ${commit}`;
}
