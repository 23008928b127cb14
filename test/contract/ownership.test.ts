import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Runtime } from 'perdure';
import { openRuntime } from 'perdure';
import { expect, onTestFinished } from 'vitest';
import { counter } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { temporaryFolder } from '../storage/folders.ts';
import { openInProcess, openInThread } from '../storage/others.ts';
import { contractGroup } from './contract-group.ts';

const machine = counter();
const machines = [machine];
const input = { from: 0 };

async function opened(path: string): Promise<Runtime> {
  const runtime = await openRuntime({ path, machines });
  onTestFinished(() => runtime.close());
  return runtime;
}

/** What this process is called in a refusal. */
const holder = `process ${process.pid} on `;

const locksmith = `
  import { Level } from 'level';
  const level = new Level(process.argv[1], { createIfMissing: false });
  await level.open().then(() => console.log('open'), ({ cause }) => console.log(cause.code));
`;

/** What another process is told that asks LevelDB for the store. A refusal there harms nobody. */
async function tryLock(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', locksmith, join(path, 'level')]);
  return stdout.trim();
}

/** A runtime with one workflow, and where it is. */
async function owner(): Promise<{ readonly runtime: Runtime; readonly path: string }> {
  const path = await temporaryFolder();
  const runtime = await opened(path);
  await runtime.start(machine, { id: 'sum', input });
  return { runtime, path };
}

/** It still has the store for itself, and what it acknowledges now is there for whoever comes next. */
async function expectUnharmed({ runtime, path }: { readonly runtime: Runtime; readonly path: string }): Promise<void> {
  expect(await tryLock(path)).toBe('LEVEL_LOCKED');
  const handle = await runtime.get<typeof machine>('sum');
  expect(await handle.send({ type: 'ADD', amount: 5 })).toMatchObject({ outcome: 'applied' });
  await runtime.close();
  const next = await opened(path);
  expect(await next.describe('sum')).toMatchObject({ sequence: 2, context: { total: 5 } });
}

contractGroup('ownership', ({ contractCase }) => {
  contractCase(9, {
    'a second process': async () => {
      const first = await owner();
      const second = await openInProcess(first.path);
      expect(second.opened.code).toBe('STORE_LOCKED');
      expect(second.opened.message).toContain(holder);
      await second.close();
      await expectUnharmed(first);
    },

    'a second open in the same process': async () => {
      const first = await owner();
      const { details } = await refusalOf(openRuntime({ path: first.path, machines }), 'STORE_LOCKED');
      expect(details.holder).toContain(holder);
      await refusalOf(openRuntime({ path: join(first.path, '.', 'x', '..'), machines }), 'STORE_LOCKED');
      await expectUnharmed(first);
    },

    'through a symbolic link, and below one': async () => {
      const first = await owner();
      const elsewhere = await temporaryFolder();
      await symlink(first.path, join(elsewhere, 'link'));
      await symlink(join(first.path, '..'), join(elsewhere, 'above'));
      await refusalOf(openRuntime({ path: join(elsewhere, 'link'), machines }), 'STORE_LOCKED');
      const below = join(elsewhere, 'above', first.path.slice(first.path.lastIndexOf('/') + 1));
      await refusalOf(openRuntime({ path: below, machines }), 'STORE_LOCKED');
      await mkdir(join(elsewhere, 'own'));
      await opened(join(elsewhere, 'own'));
      await expectUnharmed(first);
    },

    'another thread of the same process': async () => {
      const first = await owner();
      const thread = await openInThread(first.path);
      expect(thread.opened.code).toBe('STORE_LOCKED');
      expect(thread.opened.message).toContain(holder);
      await thread.close();
      await expectUnharmed(first);
    },

    'of many opens at once one gets it': async () => {
      const path = await temporaryFolder();
      const opens = await Promise.allSettled(Array.from({ length: 8 }, () => openRuntime({ path, machines })));
      const won = opens.flatMap((open) => (open.status === 'fulfilled' ? [open.value] : []));
      expect(won).toHaveLength(1);
      for (const open of opens) if (open.status === 'rejected') await refusalOf(Promise.reject(open.reason as Error), 'STORE_LOCKED');
      await won[0]?.start(machine, { id: 'sum', input });
      await expectUnharmed({ runtime: won[0]!, path });
    },

    'a dead owner is no obstacle': async () => {
      const path = await temporaryFolder();
      const other = await openInProcess(path);
      expect(other.opened.code).toBe('open');
      await refusalOf(openRuntime({ path, machines }), 'STORE_LOCKED');
      await other.kill();
      const runtime = await opened(path);
      // The workflow the other one wrote is there; its machine is not known here.
      expect(runtime.health().state).toBe('open');
      expect(await runtime.describe('order-1')).toMatchObject({ status: 'parked', parked: { reason: 'version-missing' } });
      await runtime.start(machine, { id: 'sum', input });
      await expectUnharmed({ runtime, path });
    },

    "`onLocked: 'wait'` takes over when the owner dies, and not before": async () => {
      const path = await temporaryFolder();
      const other = await openInProcess(path);
      const waiting = openRuntime({ path, machines, onLocked: 'wait' });
      const outcome = watch(waiting);
      // Another process comes and is refused meanwhile.
      expect(await tryLock(path)).toBe('LEVEL_LOCKED');
      expect(outcome.state).toBe('pending');
      await other.kill();
      const runtime = await waiting;
      onTestFinished(() => runtime.close());
      await runtime.start(machine, { id: 'sum', input });
      await expectUnharmed({ runtime, path });
    },
  });
});
