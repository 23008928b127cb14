/** What every Store keeps of the outbox. */
import { expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { sampleBatch, sampleCommit } from './samples.ts';

const first = rootAddress('order-1', 1);

export function declareOutbox(store: () => Store, reopen: () => Promise<void>): void {
  const event = { type: 'SAID', word: 'é 🎈' };
  const said = (sequence: number, address = first): Commit =>
    sampleCommit(sequence, { address, journal: { emitted: [event, { type: 'SAID' }] } });
  const other = rootAddress('order-2', 1);
  const start = { commit: 0, n: 0 };
  const nothing = { consumers: [], consumersRemoved: [], entriesRemoved: [], queuePut: [], queueRemoved: [] };

  test('keeps what steps emit in the order of their commits, by workflow too, and nothing of others', async () => {
    await store().write(sampleBatch(1, [said(1), sampleCommit(2), said(1, other), said(3)]));
    await reopen();
    const { outbox } = store();
    const { entries, unreadable } = await outbox.scan(start, 4, 10);
    expect(unreadable).toBe(0);
    expect(entries.map(({ commit, n, sequence, address }) => [commit, n, sequence, address.workflowId])).toEqual([
      [1, 0, 1, 'order-1'],
      [1, 1, 1, 'order-1'],
      [3, 0, 1, 'order-2'],
      [3, 1, 1, 'order-2'],
      [4, 0, 3, 'order-1'],
      [4, 1, 3, 'order-1'],
    ]);
    expect(entries[0]?.content).toEqual({ machine: { id: 'order', version: '1' }, event, atMs: 1_700_000_000_001 });
    expect((await outbox.scan({ commit: 1, n: 0 }, 3, 2)).entries.map(({ commit, n }) => [commit, n])).toEqual([
      [1, 1],
      [3, 0],
    ]);
    expect((await outbox.scan(start, 2, 10)).entries).toHaveLength(2);
    expect((await outbox.readOf('order-1', { commit: 1, n: 1 }, 2)).map(({ commit, n }) => [commit, n])).toEqual([
      [1, 1],
      [4, 0],
    ]);
    expect([await outbox.count(start, 10), await outbox.count({ commit: 3, n: 0 }, 10), await outbox.count(start, 4)]).toEqual([6, 3, 4]);
  });

  test('keeps how far consumers are, what stands aside for them, and takes away what nobody needs', async () => {
    await store().write(sampleBatch(1, [said(1), said(1, other)]));
    const [firstEntry, second] = (await store().outbox.scan(start, 2, 10)).entries;
    const lane = { workflowId: 'order-2', from: { commit: 2, n: 0 }, to: { commit: 2, n: 1 }, count: 2, failed: 1, atMs: 5 };
    const lone = { ...lane, lone: { commit: 2, n: 0 }, count: 1 };
    const after = { commit: 2, n: 1 };
    const consumers = [
      { name: 'a', after, asidesPut: [lane, lone], asidesRemoved: [] },
      { name: 'ab', after: start, asidesPut: [lane], asidesRemoved: [] },
    ];
    await store().outbox.write({ ...nothing, consumers, entriesRemoved: [firstEntry!] });
    await reopen();
    const known = await store().outbox.readConsumers();
    expect(known.map(({ name, after: at, asides }) => [name, at, asides.length])).toEqual([
      ['a', after, 2],
      ['ab', start, 1],
    ]);
    expect(known[0]?.asides).toEqual(expect.arrayContaining([lane, lone]));
    expect((await store().outbox.scan(start, 2, 10)).entries[0]).toEqual(second);
    expect(await store().outbox.readOf('order-1', start, 10)).toEqual([second]);
    const removed = [{ name: 'a', asidesPut: [], asidesRemoved: [{ workflowId: 'order-2' }] }];
    await store().outbox.write({ ...nothing, consumers: removed, consumersRemoved: ['ab'] });
    expect(await store().outbox.readConsumers()).toEqual([{ name: 'a', after, asides: [lone] }]);
  });

  test('takes away what a workflow emitted when it is erased, slice by slice, unless there is a consumer', async () => {
    const erase = async (id: string): Promise<void> => {
      while (!(await store().erase(id, 1, 3)).isDone);
    };
    await store().write(sampleBatch(1, [said(1), said(1, other), said(2)]));
    await erase('order-1');
    expect((await store().outbox.scan(start, 9, 10)).entries.map(({ address }) => address.workflowId)).toEqual(['order-2', 'order-2']);
    expect(await store().outbox.readOf('order-1', start, 10)).toEqual([]);
    await store().outbox.write({ ...nothing, consumers: [{ name: 'a', after: start, asidesPut: [], asidesRemoved: [] }] });
    await erase('order-2');
    expect(await store().outbox.count(start, 10)).toBe(2);
  });
}
