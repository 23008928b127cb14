import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HistoryEntry, Runtime, WorkflowHandle } from 'perdure';
import { setup } from 'xstate';
import { openCalmRuntime } from '../calm-runtime.ts';
import type { Measured } from '../finding.ts';
import { figure } from '../finding.ts';
import { newFolder, removeFolder } from '../temp-folder.ts';
import type { ScaleOptions } from './scale-measure.ts';
import { confirm, inLanes } from './scale-measure.ts';

const inFlight = 1_000;
/** How far apart the moments are at most at which they are due: some, so that there is an order to keep. */
const apartMs = 100;
const lookMs = 5;

const timerMachine = setup({
  types: { context: {} as { readonly delayMs: number }, input: {} as { readonly delayMs: number } },
  delays: { until: ({ context }) => context.delayMs },
}).createMachine({
  id: 'timer',
  version: '1',
  context: ({ input }) => ({ delayMs: input.delayMs }),
  initial: 'waiting',
  states: { waiting: { after: { until: 'done' } }, done: { type: 'final' } },
});

/** Starts them well ahead, and sees in their histories when each was due and when it fired. */
export async function timers({ size }: ScaleOptions): Promise<Measured> {
  const path = newFolder();
  const runtime = await openCalmRuntime(path, [timerMachine]);
  const dueAtMs = Date.now() + 1_000 + size;
  const handles: WorkflowHandle<typeof timerMachine>[] = [];
  await inLanes(size, inFlight, async (n) => {
    // Not in the order in which they are started.
    const delayMs = dueAtMs + ((n * 37) % apartMs) - Date.now();
    handles.push(await runtime.start(timerMachine, { id: idOf(n), input: { delayMs } }));
  });
  if (Date.now() >= dueAtMs) throw new Error(`This machine did not start ${size} workflows before their timers were due: --size fewer.`);
  const loop = monitorEventLoopDelay({ resolution: lookMs });
  loop.enable();
  await Promise.all(handles.map((handle) => handle.result()));
  loop.disable();
  const fired = await firings(runtime, size);
  await runtime.close();
  removeFolder(path);
  const seconds = (Math.max(...fired.map(({ atMs }) => atMs)) - dueAtMs) / 1_000;
  const lagMs = Math.max(0, loop.max / 1e6 - lookMs);
  return {
    rows: [{ timers: size, fired: fired.length, 'due within ms': apartMs }],
    findings: [
      figure({ name: 'timers/all', meaning: 'from the first due to the last fired', better: 'lower', unit: 's', target: 5 }, [seconds]),
      figure({ name: 'timers/lag', meaning: 'the longest lag of the event loop', better: 'lower', unit: 'ms', target: 100 }, [lagMs]),
    ],
  };
}

function idOf(n: number): string {
  return `timer-${n}`;
}

type Firing = Pick<HistoryEntry, 'atMs' | 'commit'> & { readonly dueAtMs: number };

/** In the order in which they fired. */
async function firings(runtime: Runtime, size: number): Promise<Firing[]> {
  const fired: Firing[] = [];
  for (let n = 0; n < size; n += 1) {
    const entries = (await runtime.history(idOf(n))).filter(({ kind }) => kind === 'timer');
    const [entry] = entries;
    confirm(entries.length === 1 && entry?.dueAtMs !== undefined, `The timer of ${idOf(n)} fired ${entries.length} times.`);
    const { atMs, commit, dueAtMs } = entry;
    confirm(atMs >= dueAtMs, `The timer of ${idOf(n)} fired ${dueAtMs - atMs} ms early.`);
    fired.push({ atMs, commit, dueAtMs });
  }
  fired.sort((a, b) => a.commit - b.commit);
  const late = fired.find(({ dueAtMs }, index) => dueAtMs < (fired[index - 1]?.dueAtMs ?? 0));
  confirm(late === undefined, `A timer due at ${late?.dueAtMs} fired after one that was due later.`);
  return fired;
}
