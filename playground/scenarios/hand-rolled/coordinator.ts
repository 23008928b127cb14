/**
 * A coordinator as one writes it in an afternoon: steps in a list, how far each merchant is in a JSON file, a loop that tries again,
 * timers in memory, `Promise.all` where there is much to do. It works, until something happens in between. It is here to be broken.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export interface Step {
  readonly name: string;
  run(merchant: string, key: string): Promise<void> | void;
  /** How long to wait before it. Milliseconds. */
  readonly afterMs?: number;
}

interface Saved {
  /** The number of the next step. */
  step: number;
  status: 'running' | 'waiting' | 'done';
}

const attemptsMax = 3;

export class Coordinator {
  readonly #file: string;
  readonly #steps: readonly Step[];
  readonly #merchants: Record<string, Saved>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #isDead = false;

  constructor(file: string, steps: readonly Step[]) {
    this.#file = file;
    this.#steps = steps;
    this.#merchants = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Saved>) : {};
  }

  async start(merchant: string): Promise<void> {
    this.#merchants[merchant] = { step: 0, status: 'running' };
    this.#save();
    await this.#run(merchant);
  }

  /** After a restart: goes on with everybody who was under way. */
  async resume(): Promise<void> {
    const running = Object.entries(this.#merchants).filter(([, { status }]) => status === 'running');
    await Promise.all(running.map(async ([merchant]) => this.#run(merchant)));
  }

  statusOf(merchant: string): Saved['status'] | undefined {
    return this.#merchants[merchant]?.status;
  }

  /** The process dies: nothing of it goes on. */
  crash(): void {
    this.#isDead = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #run(merchant: string): Promise<void> {
    const saved = this.#merchants[merchant];
    if (saved === undefined) return;
    for (;;) {
      const step = this.#steps[saved.step];
      if (step === undefined) break;
      if (step.afterMs !== undefined && saved.status !== 'waiting') {
        saved.status = 'waiting';
        this.#save();
        this.#timers.add(setTimeout(() => void this.#run(merchant), step.afterMs));
        return;
      }
      await this.#retry(async () => step.run(merchant, randomUUID()));
      if (this.#isDead) return;
      saved.step += 1;
      saved.status = 'running';
      this.#save();
    }
    saved.status = 'done';
    this.#save();
  }

  async #retry(act: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await act();
        return;
      } catch (error) {
        if (attempt === attemptsMax) throw error;
        await delay(5 * attempt);
      }
    }
  }

  #save(): void {
    if (!this.#isDead) writeFileSync(this.#file, JSON.stringify(this.#merchants));
  }
}

/** Many things at once. */
export async function doAll<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  await Promise.all(items.map(act));
}
