/** A fan-out where nothing is durable. */
import { fanOut } from 'perdure/authoring';
import type { FanOutOptions } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import { createActor, setup, toPromise, waitFor } from 'xstate';
import { itemsOf, numbers, parentOf } from '../support/fan-outs.ts';
import { errorOf, World } from '../support/world.ts';

function begin(options: FanOutOptions, inputs: unknown) {
  const world = new World();
  const actor = createActor(parentOf(itemsOf(world, options), inputs));
  actor.start();
  const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const over = async (): Promise<unknown> => (await waitFor(actor, ({ value }) => value !== 'busy')).context.heard[0];
  return { world, actor, turn, over };
}

describe('in a plain createActor a fan-out', () => {
  test('runs so many items at once, and gives their outputs in the order of the items', async () => {
    const { world, turn, over } = begin({ concurrency: 2 }, numbers(3));
    expect(world.calls.map(({ name }) => name)).toEqual(['item 1', 'item 2']);
    world.last('item 2').succeed('b');
    await turn();
    world.last('item 3').succeed('c');
    world.last('item 1').succeed('a');
    expect(await over()).toEqual({ total: 3, succeeded: 3, failed: 0, results: ['a', 'b', 'c'] });
  });

  test('gives no outputs where they are paged: nobody keeps them', async () => {
    const { world, over } = begin({ concurrency: 2, results: 'paged' }, [1]);
    world.last('item 1').succeed('a');
    expect(await over()).toEqual({ total: 1, succeeded: 1, failed: 0, results: [] });
  });

  test('tolerates as many failures as it says, and fails beyond that with what is under way stopped', async () => {
    const { world, turn, over } = begin({ concurrency: 3, tolerate: { count: 1 } }, numbers(9));
    world.last('item 1').fail(errorOf('Refused', 'not 1'));
    await turn();
    world.last('item 2').fail(errorOf('Refused', 'not 2'));
    expect(await over()).toMatchObject({ name: 'FanOutFailed', failed: 2, total: 9, firstFailed: { item: 1, class: 'Refused' } });
    expect(world.calls.map(({ name, signal }) => [name, signal.aborted])).toEqual([
      ['item 1', false],
      ['item 2', false],
      ['item 3', true],
      ['item 4', true],
    ]);
  });

  test('waits for what is under way where that is wanted', async () => {
    const { world, turn, over, actor } = begin({ concurrency: 2, onBreach: 'wait' }, numbers(9));
    world.last('item 1').fail(errorOf('Refused', 'not 1'));
    await turn();
    expect(actor.getSnapshot().value).toBe('busy');
    world.last('item 2').succeed('b');
    expect(await over()).toMatchObject({ name: 'FanOutFailed', failed: 1, succeeded: 1 });
    expect(world.calls).toHaveLength(2);
  });

  test('stops with the state that invoked it', async () => {
    const { world, turn, actor } = begin({ concurrency: 2 }, numbers(3));
    actor.send({ type: 'LEAVE' });
    await turn();
    expect(world.calls.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });

  test('runs machines, too', async () => {
    const part = setup({ types: { input: {} as number } }).createMachine({
      id: 'part',
      context: ({ input }) => ({ n: input }),
      initial: 'done',
      states: { done: { type: 'final' } },
      output: ({ context }) => 2 * (context['n'] as number),
    });
    const actor = createActor(fanOut(part, { concurrency: 2 }), { input: [1, 2, 3] });
    actor.start();
    expect(await toPromise(actor)).toMatchObject({ results: [2, 4, 6] });
  });

  test('takes an array and nothing else', async () => {
    const { over } = begin({ concurrency: 2 }, 'all');
    expect(String(await over())).toContain('takes an array of inputs, one for each item; found "all"');
  });
});
