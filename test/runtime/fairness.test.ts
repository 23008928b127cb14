import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

const counter = setup({}).createMachine({ id: 'counter', version: '1', on: { TICK: {} } });

/** A store whose writes wait until it is let go, and that remembers whose commits it wrote. */
function heldStore() {
  const written: string[] = [];
  let isHeld = false;
  let release = (): void => undefined;
  let released: Promise<void> = Promise.resolve();
  const wrap = (store: Store): Store =>
    new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (name !== 'write') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
        return async (batch: Parameters<Store['write']>[0]) => {
          if (isHeld) await released;
          await target.write(batch);
          written.push(...batch.commits.map(({ record }) => record.address.workflowId));
        };
      },
    });
  const hold = (): void => {
    isHeld = true;
    released = new Promise((resolve) => (release = resolve));
  };
  return { wrap, written, hold, letGo: () => release() };
}

test('who is sent very many events is not decided far ahead of the disk, so that others need not wait behind all of them', async () => {
  const { wrap, written, hold, letGo } = heldStore();
  const { runtime } = await openTestRuntime({ machines: [counter], onStore: wrap });
  const busy = await runtime.start(counter, { id: 'busy' });
  const other = await runtime.start(counter, { id: 'other' });
  written.length = 0;
  hold();
  const all = Array.from({ length: 2_000 }, () => busy.send({ type: 'TICK' }));
  await settle();
  const one = other.send({ type: 'TICK' });
  letGo();
  await one;
  const before = written.indexOf('other');
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThanOrEqual(limits.uncommittedMax + limits.lettersPerTurn);
  await Promise.all(all);
  expect(written.filter((id) => id === 'busy')).toHaveLength(2_000);
});
