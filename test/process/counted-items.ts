/** A process with a fan-out of very many items, read from a source; prints what it came to and how much memory it ever had. */
import { activity, fanOut, openRuntime } from 'perdure';
import type { SourcePage, SourceQuestion } from 'perdure';
import { assign, setup } from 'xstate';

const [path = '', size = '0'] = process.argv.slice(2);
const pageSize = 1_000;

const source = activity<SourceQuestion<number, number>, SourcePage<number, number>>({
  name: 'numbers',
  run: ({ input: { input: total, cursor } }) => {
    const first = cursor ?? 0;
    const next = Math.min(first + pageSize, total);
    return { items: Array.from({ length: next - first }, (_, n) => first + n), next: next < total ? next : undefined };
  },
});
const item = activity<number, number>({ name: 'item', run: ({ input }) => input });

const machine = setup({
  types: { input: {} as number, context: {} as { total: number; succeeded: number }, output: {} as number },
  actors: { items: fanOut(item, { concurrency: 64, source, results: 'paged' }) },
}).createMachine({
  id: 'counted',
  version: '1',
  context: ({ input }) => ({ total: input, succeeded: 0 }),
  initial: 'doing',
  states: {
    doing: {
      invoke: {
        src: 'items',
        input: ({ context }) => context.total,
        onDone: { target: 'done', actions: assign({ succeeded: ({ event }) => event.output.succeeded }) },
      },
    },
    done: { type: 'final' },
  },
  output: ({ context }) => context.succeeded,
});

const runtime = await openRuntime({ path, machines: [machine] });
const succeeded = await (await runtime.start(machine, { id: 'counted', input: Number(size) })).result();
await runtime.close();
console.log(JSON.stringify({ succeeded, maxMegabytes: process.resourceUsage().maxRSS / 1_000 }));
