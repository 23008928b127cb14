/** A runtime on a new store that has done what a new store has to do: it lays by some room on the disk once, which no job pays for. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenRuntimeOptions, Runtime } from 'perdure';
import { openRuntime } from 'perdure';

const lookMs = 50;

export async function openCalmRuntime(path: string, machines: OpenRuntimeOptions['machines']): Promise<Runtime> {
  const runtime = await openRuntime({ path, machines });
  let before = -1;
  for (;;) {
    const { size } = await stat(join(path, 'reserve')).catch(() => ({ size: 0 }));
    // Without room on the disk it never comes to be.
    if (size === before) return runtime;
    before = size;
    await delay(lookMs);
  }
}
