/** What people do to a workflow in the middle of its fan-out, and the process dies between: whatever comes, nothing hangs or is forgotten. */
import { activity, fanOut } from 'perdure/authoring';
import type { SourcePage, SourceQuestion } from 'perdure/authoring';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { numbers, parentOf } from '../support/fan-outs.ts';
import { isSoak, seed } from '../support/sizes.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

const runs = isSoak ? 5_000 : 100;
const acts = ['pause', 'resume', 'cancel', 'terminate', 'leave', 'crash'] as const;

interface Case {
  readonly count: number;
  readonly pageSize: number;
  readonly concurrency: number;
  readonly isUndoable: boolean;
  /** Each after so many turns of the event loop. */
  readonly acts: readonly (readonly [number, (typeof acts)[number]])[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  count: fc.integer({ min: 0, max: 30 }),
  pageSize: fc.integer({ min: 1, max: 9 }),
  concurrency: fc.integer({ min: 1, max: 9 }),
  isUndoable: fc.boolean(),
  acts: fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom(...acts)), { maxLength: 6 }),
});

/** A workflow and what the outside saw of it, over its lives. */
class World {
  readonly done = new Set<number>();
  readonly undone = new Set<number>();
  readonly #case: Case;
  #life = 0;
  #database: MemoryDatabase;

  constructor(drawn: Case, database: MemoryDatabase) {
    this.#case = drawn;
    this.#database = database;
  }

  async live() {
    this.#life += 1;
    const machine = this.#machine(this.#life);
    return { machine, ...(await openTestRuntime({ machines: [machine], database: this.#database })) };
  }

  async crash(): Promise<void> {
    const before = this.#database;
    this.#database = before.reopen();
    await before.close();
  }

  #machine(own: number) {
    const { count, pageSize, concurrency, isUndoable } = this.#case;
    // What a life that is over still does is nobody's business.
    const note = (of: Set<number>, n: number): void => void (own === this.#life && of.add(n));
    const run = async ({ input }: { readonly input: number }): Promise<number> => {
      await settle(1);
      note(this.done, input);
      return input;
    };
    const retry = { maximumAttempts: 20 };
    const compensate = { run: ({ input }: { readonly input: number }) => note(this.undone, input) };
    const item = activity<number, number>({ name: 'item', run, retry, ...(isUndoable ? { compensate } : {}) });
    const source = activity<SourceQuestion<number, number>, SourcePage<number, number>>({
      name: 'source',
      run: ({ input: { input, cursor } }) => {
        const next = (cursor ?? 0) + pageSize;
        return { items: numbers(input).slice(cursor ?? 0, next), next: next < input ? next : undefined };
      },
      retry,
    });
    return parentOf(fanOut(item, { concurrency, source, results: 'paged' }), count, { isFinal: true });
  }
}

/** What is refused is refused: the workflow may be over, or not be paused. */
async function doTo(runtime: Runtime, act: Exclude<(typeof acts)[number], 'crash'>): Promise<void> {
  const doing = act === 'leave' ? runtime.send('w', { type: 'LEAVE' }).then(() => undefined) : runtime[act]('w');
  await doing.catch((error: unknown) => {
    if (!hasErrorCode(error, 'WORKFLOW_CLOSED')) throw error;
  });
}

test('a fan-out comes to a definite end whatever is done to its workflow, and what its items did is undone if it was cancelled', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (drawn) => {
      const { count, isUndoable } = drawn;
      const world = new World(drawn, await createMemoryDatabase());
      let now = await world.live();
      await now.runtime.start(now.machine, { id: 'w' });
      for (const [turns, act] of drawn.acts) {
        await settle(turns);
        if (act !== 'crash') await doTo(now.runtime, act);
        else {
          await world.crash();
          now = await world.live();
        }
      }
      await doTo(now.runtime, 'resume');
      await settle(400);
      await now.clock.pass(30_000);
      const { status, value, children } = await now.runtime.describe('w');
      if (value !== 'left') expect(['completed', 'cancelled', 'terminated']).toContain(status);
      const items = children.find((child) => child.items !== undefined)?.items;
      expect(items?.underWay ?? 0).toBe(0);
      if (status === 'completed') {
        expect(items).toMatchObject({ total: count, succeeded: count, waiting: 0, isTotalKnown: true });
        expect(world.done).toEqual(new Set(numbers(count)));
      }
      if (status === 'cancelled' && isUndoable) expect([...world.done].filter((n) => !world.undone.has(n))).toEqual([]);
    }),
    { numRuns: runs, seed },
  );
}, 120_000);
