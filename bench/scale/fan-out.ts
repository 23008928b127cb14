import { monitorEventLoopDelay } from 'node:perf_hooks';
import { activity, fanOut } from 'perdure';
import { assign, setup } from 'xstate';
import { openCalmRuntime } from '../calm-runtime.ts';
import type { Finding, Measured } from '../finding.ts';
import { figure, ratio } from '../finding.ts';
import { newFolder, removeFolder } from '../temp-folder.ts';
import type { ScaleMeasure, ScaleOptions } from './scale-measure.ts';
import { confirm } from './scale-measure.ts';

const concurrency = 64;
const lookMs = 5;
const toMegabytes = 1e-6;

const item = activity<number, number>({ name: 'item', run: ({ input }) => input });

/** Two steps. */
const part = setup({ types: { input: {} as number, context: {} as { readonly n: number } }, actors: { item } }).createMachine({
  id: 'part',
  context: ({ input }) => ({ n: input }),
  initial: 'first',
  states: {
    first: { invoke: { src: 'item', input: ({ context }) => context.n, onDone: 'second' } },
    second: { invoke: { src: 'item', input: ({ context }) => context.n, onDone: 'done' } },
    done: { type: 'final' },
  },
  output: ({ context }) => context.n,
});

const actors = {
  activities: fanOut(item, { concurrency, results: 'paged' }),
  machines: fanOut(part, { concurrency, results: 'paged' }),
} as const;

export function parentOf(kind: keyof typeof actors) {
  return setup({
    types: { input: {} as { readonly size: number }, context: {} as { size: number; succeeded: number }, output: {} as number },
    actors: { items: actors[kind] },
  }).createMachine({
    id: 'parent',
    version: '1',
    context: ({ input }) => ({ size: input.size, succeeded: 0 }),
    initial: 'doing',
    states: {
      doing: {
        invoke: {
          src: 'items',
          input: ({ context }) => Array.from({ length: context.size }, (_, n) => n),
          onDone: { target: 'done', actions: assign({ succeeded: ({ event }) => event.output.succeeded }) },
          onError: 'failed',
        },
      },
      done: { type: 'final' },
      failed: { type: 'final', tags: ['failed'] },
    },
    output: ({ context }) => context.succeeded,
  });
}

interface Run {
  readonly seconds: number;
  readonly lagMs: number;
  readonly rssMegabytes: number;
  readonly extraMegabytes: number;
}

async function run(kind: keyof typeof actors, size: number): Promise<Run> {
  const path = newFolder();
  const machine = parentOf(kind);
  const runtime = await openCalmRuntime(path, [machine]);
  // Code that was never run before is no part of it.
  await (await runtime.start(machine, { id: 'warm', input: { size: Math.min(size, 500) } })).result();
  const before = process.memoryUsage().rss;
  let most = before;
  const looking = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), lookMs);
  const loop = monitorEventLoopDelay({ resolution: lookMs });
  loop.enable();
  const beganAtMs = performance.now();
  const succeeded = await (await runtime.start(machine, { id: 'all', input: { size } })).result();
  const seconds = (performance.now() - beganAtMs) / 1_000;
  loop.disable();
  clearInterval(looking);
  confirm(succeeded === size, `Of ${size} items ${String(succeeded)} succeeded.`);
  await runtime.close();
  removeFolder(path);
  const lagMs = Math.max(0, loop.max / 1e6 - lookMs);
  return { seconds, lagMs, rssMegabytes: most * toMegabytes, extraMegabytes: (most - before) * toMegabytes };
}

function rowOf(size: number, { seconds, lagMs, rssMegabytes, extraMegabytes }: Run): Measured['rows'][number] {
  return { items: size, s: seconds, 'lag ms': lagMs, 'RSS MB': rssMegabytes, 'extra MB': extraMegabytes };
}

function inSeconds(name: string, { seconds }: Run, target: number): Finding {
  return figure({ name: `${name}/all`, meaning: 'from the start to the result', better: 'lower', unit: 's', target }, [seconds]);
}

export const fanOutActivities: ScaleMeasure = async ({ size }) => {
  const found = await run('activities', size);
  const lag = { name: 'fan-out/lag', meaning: 'the longest lag of the event loop', better: 'lower', unit: 'ms', target: 50 } as const;
  const memory = { name: 'fan-out/memory', meaning: 'RSS beyond what it was before', better: 'lower', unit: 'MB', target: 100 } as const;
  return {
    rows: [rowOf(size, found)],
    findings: [inSeconds('fan-out', found, 1), figure(lag, [found.lagMs]), figure(memory, [found.extraMegabytes])],
  };
};

export const fanOutMachines: ScaleMeasure = async ({ size }) => {
  const found = await run('machines', size);
  const memory = { name: 'fan-out-machines/memory', meaning: 'RSS', better: 'lower', unit: 'MB', target: 300 } as const;
  return { rows: [rowOf(size, found)], findings: [inSeconds('fan-out-machines', found, 5), figure(memory, [found.rssMegabytes])] };
};

/** Beside a tenth of it. */
export async function fanOutGrowth({ size }: ScaleOptions): Promise<Measured> {
  const tenth = Math.ceil(size / 10);
  const [small, large] = [await run('activities', tenth), await run('activities', size)];
  const growth = { name: 'fan-out/growth', meaning: 'time of all / of a tenth as many', better: 'lower', target: 12 } as const;
  return { rows: [rowOf(tenth, small), rowOf(size, large)], findings: [ratio(growth, [large.seconds], [small.seconds])] };
}
