import { activity, fanOut } from 'perdure/authoring';
import type { SourcePage, SourceQuestion } from 'perdure/authoring';
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { numbers, parentOf } from '../support/fan-outs.ts';
import { World } from '../support/world.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

type Cursor = number;
function paging(total: number, size: number) {
  return activity<SourceQuestion<null, Cursor>, SourcePage<number, Cursor>>({
    name: 'paging',
    run: ({ input: { cursor } }) => {
      const first = cursor ?? 0;
      const last = Math.min(first + size, total);
      return { items: numbers(total).slice(first, last), ...(last < total ? { next: last } : {}) };
    },
  });
}

async function run(parent: ReturnType<typeof parentOf>, turns = 200) {
  const opened = await openTestRuntime({ machines: [parent], maxConcurrentAttempts: 5_000 });
  const handle = await opened.runtime.start(parent, { id: 'w' });
  await settle(turns);
  return { ...opened, handle };
}

describe('limits', () => {
  test('A: 1,000 at once with a source', async () => {
    const world = new World();
    const item = activity<number, string>({ name: 'item', run: (scope) => world.call('item', scope) });
    const { runtime } = await run(parentOf(fanOut(item, { concurrency: 1_000, source: paging(3_000, 1_000), results: 'paged' }), null));
    const { status, parked } = await runtime.describe('w') as never as { status: string; parked: unknown };
    console.log('A', status, JSON.stringify(parked), world.calls.length);
    expect(status).toBe('running');
  });

  test('B: more than 2,000 items that can be undone', async () => {
    const undone: number[] = [];
    const item = activity<number, number>({ name: 'item', run: ({ input }) => input, compensate: { run: ({ input }) => void undone.push(input) } });
    const { runtime } = await run(parentOf(fanOut(item, { concurrency: 10, results: 'paged' }), numbers(2_100)), 3000);
    const first = await runtime.describe('w') as never as { status: string; parked: unknown };
    console.log('B', first.status, JSON.stringify(first.parked)?.slice(0, 400));
    if (first.status === 'parked') {
      await runtime.cancel('w').then(() => console.log('B cancel accepted'), (error: unknown) => console.log('B cancel', String(error)));
      await runtime.unpark('w');
      await settle(3000);
      const second = await runtime.describe('w');
      console.log('B after cancel and unpark', second.status, undone.length);
      const { items } = await runtime.queue.list({});
      console.log('B queue', items.map(({ id, kind }) => `${kind} ${id}`));
      if (items[0] !== undefined) {
        await runtime.queue.discard(items[0].id, { by: 'x', note: 'no' }).catch((error: unknown) => console.log('B discard', String(error)));
        await settle(5000);
        const third = await runtime.describe('w');
        console.log('B after discard', third.status, undone.length, JSON.stringify(third.children.map(({ items: i }) => i)));
      }
    }
    expect(first.status).not.toBe('parked');
  }, 120_000);

  test('C: machines that are done at once', async () => {
    const instant = setup({}).createMachine({ id: 'instant', initial: 'a', states: { a: { type: 'final' } } });
    const { runtime } = await run(parentOf(fanOut(instant, { concurrency: 8, results: 'paged' }), numbers(8_000)), 3000);
    const first = await runtime.describe('w') as never as { status: string; parked: unknown; children: unknown };
    console.log('C', first.status, JSON.stringify(first.parked)?.slice(0, 500), JSON.stringify((first.children as {items: unknown}[]).filter((c) => c.items)));
    expect(first.status).not.toBe('parked');
  }, 240_000);

  test('D1: an input just below the limit', async () => {
    const item = activity<number, number>({ name: 'item', run: ({ input }) => input });
    const source = activity<SourceQuestion<string, string>, SourcePage<number, string>>({ name: 's', run: () => ({ items: [1] }) });
    const { runtime } = await run(parentOf(fanOut(item, { concurrency: 8, source, results: 'paged' }), 'x'.repeat(1_048_560)));
    const first = await runtime.describe('w') as never as { status: string; parked: unknown };
    console.log('D1', first.status, JSON.stringify(first.parked)?.slice(0, 300));
    expect(first.status).not.toBe('parked');
  });

  test('D2: input and cursor together too large', async () => {
    const item = activity<number, number>({ name: 'item', run: ({ input }) => input });
    const source = activity<SourceQuestion<string, string>, SourcePage<number, string>>({ name: 's', run: ({ input: { cursor } }) => cursor === null ? { items: [1], next: 'y'.repeat(600_000) } : { items: [] } });
    const { runtime } = await run(parentOf(fanOut(item, { concurrency: 8, source, results: 'paged' }), 'x'.repeat(600_000)));
    const first = await runtime.describe('w') as never as { status: string; parked: unknown };
    console.log('D2', first.status, JSON.stringify(first.parked)?.slice(0, 300));
    expect(first.status).not.toBe('parked');
  });
});
