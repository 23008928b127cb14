import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { openLevelStore } from '../../src/storage/open-level-store.ts';
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import { parseRetention } from '../../src/kernel/retention.ts';
import { temporaryFolder } from '../storage/folders.ts';
import { closeTestRuntime } from '../runtime/local-runtime.ts';
import { ManualClock, until } from '../runtime/manual-clock.ts';

const machine = setup({ types: { input: {} as string, context: {} as { text: string } } }).createMachine({
  id: 'large',
  version: '1',
  context: ({ input }) => ({ text: input }),
  initial: 'ended',
  states: { ended: { type: 'final' } },
});

/** Nothing that compresses well. */
function textOf(seed: number): string {
  let state = seed + 1;
  const next = (): string => {
    state = (state * 48_271) % 2_147_483_647;
    return state.toString(36);
  };
  return Array.from({ length: 2_000 }, next).join('');
}

async function bytesIn(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true });
  const sizes = await Promise.all(
    names.filter((name) => /\.(ldb|sst)$/.test(name)).map(async (name) => (await stat(join(path, name)).catch(() => ({ size: 0 }))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('the disk is given back what deleted workflows took', { timeout: 120_000 }, async () => {
  const path = join(await temporaryFolder(), 'store');
  const clock = new ManualClock();
  const open = async (retention: { completed?: '1h' }) =>
    assembleRuntime({
      store: await openLevelStore({ path }),
      registry: createRegistry([machine]),
      clock,
      random: () => 0.5,
      maxConcurrentAttempts: 10,
      retention: parseRetention(retention, 'test'),
    });
  const first = await open({});
  for (let batch = 0; batch < 10; batch += 1) {
    const starts = Array.from({ length: 50 }, async (_, index) =>
      first.start(machine, { id: `w-${batch}-${index}`, input: textOf(50 * batch + index) }),
    );
    await Promise.all(starts);
  }
  await closeTestRuntime({ runtime: first, clock });
  // What is in the log is written to tables when it is opened again.
  await closeTestRuntime({ runtime: await open({}), clock });
  const full = await bytesIn(path);
  expect(full).toBeGreaterThan(5_000_000);

  let isCompacted = false;
  const store = await openLevelStore({ path });
  const compact = store.compact.bind(store);
  store.compact = async (isWanted) => {
    await compact(isWanted);
    isCompacted = true;
  };
  const runtime = await assembleRuntime({
    store,
    registry: createRegistry([machine]),
    clock,
    random: () => 0.5,
    maxConcurrentAttempts: 10,
    retention: parseRetention({ completed: '1h' }, 'test'),
  });
  await until(() => {
    clock.advance(60_000);
    return isCompacted;
  });
  expect(await runtime.count()).toMatchObject({ value: 0 });
  await closeTestRuntime({ runtime, clock });
  expect(await bytesIn(path)).toBeLessThan(full / 10);
});
