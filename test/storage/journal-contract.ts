/** What every Store does with journals. */
import { expect, test } from 'vitest';
import type { Address } from '../../src/kernel/address.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { JournalSpan } from '../../src/kernel/kept-journal.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { sampleBatch, sampleCommit } from './samples.ts';

const first = rootAddress('order-1', 1);
const below = (...path: readonly number[]): Address => ({ ...first, path });
const addressOf = (index: number): Address => rootAddress(`order-${index}`, 1);

export function declareJournals(store: () => Store): void {
  test('pages through a journal, oldest first', async () => {
    const other = rootAddress('order-2', 1);
    for (let sequence = 1; sequence <= 20; sequence += 1) {
      await store().write(sampleBatch(sequence * 2 - 1, [sampleCommit(sequence), sampleCommit(sequence, { address: other })]));
    }
    const sequences = async (from: number, limit: number): Promise<number[]> =>
      (await store().readJournal(first, from, limit)).map(({ sequence }) => sequence);
    expect(await sequences(1, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(await sequences(6, 5)).toEqual([6, 7, 8, 9, 10]);
    expect(await sequences(19, 5)).toEqual([19, 20]);
    expect(await sequences(21, 5)).toEqual([]);
    expect(await sequences(0, 2)).toEqual([1, 2]);
  });

  test('passes over what was forgotten, also in the batch that put it', async () => {
    const [neighbour, child] = [rootAddress('order-10', 1), below(1)];
    const step = (sequence: number, journalFrom?: number, journalForgotten?: JournalSpan): Commit =>
      sampleCommit(sequence, {
        ...(journalFrom === undefined ? {} : { record: { journalFrom } }),
        ...(journalForgotten === undefined ? {} : { journalForgotten }),
      });
    const others = [neighbour, child].flatMap((address) => [1, 2, 3].map((sequence) => sampleCommit(sequence, { address })));
    await store().write(sampleBatch(1, [...others, ...[1, 2, 3, 4].map((sequence) => step(sequence))]));
    await store().write(sampleBatch(11, [step(5, 3, { from: 2, to: 2 }), step(6, 3), step(7, 6, { from: 3, to: 5 })]));
    await store().write(sampleBatch(14, [step(8, 6)]));
    const sequences = async (from: number, limit: number, address = first): Promise<number[]> =>
      (await store().readJournal(address, from, limit)).map(({ sequence }) => sequence);
    expect(await sequences(1, 10)).toEqual([1, 6, 7, 8]);
    expect(await sequences(1, 1)).toEqual([1]);
    expect(await sequences(1, 2)).toEqual([1, 6]);
    for (const from of [2, 3, 5, 6]) expect(await sequences(from, 2)).toEqual([6, 7]);
    for (const address of [neighbour, child]) expect(await sequences(1, 10, address)).toEqual([1, 2, 3]);
    expect((await store().readTree(first))?.root.record).toEqual(step(8, 6).record);
  });

  test.each([
    ['that the others begin with', 3],
    ['in the middle of what is kept', 4],
  ])('takes the lack of one %s for damage', async (_what, lost) => {
    await store().write(
      sampleBatch(
        1,
        [1, 2, 3, 4].map((sequence) => sampleCommit(sequence)),
      ),
    );
    const forgets = (journalFrom: number) => ({
      record: { journalFrom },
      journalForgotten: { from: journalFrom - 1, to: journalFrom - 1 },
    });
    // A record that says that more was forgotten is taken back by the next one.
    const commits = [sampleCommit(5, forgets(3)), sampleCommit(6, forgets(lost + 1)), sampleCommit(7, { record: { journalFrom: 3 } })];
    await store().write(sampleBatch(5, commits));
    const refusal = { code: 'RECORD_DAMAGED', details: { key: `journal record #${lost} of "order-1:1:"` } };
    for (const from of [1, 2, 3]) await expect(store().readJournal(first, from, 10)).rejects.toMatchObject(refusal);
    expect((await store().readJournal(first, lost + 1, 10)).at(-1)?.sequence).toBe(7);
  });

  test('numbers the commits of all actors without gaps', async () => {
    const commits = [0, 1, 2].map((index) => sampleCommit(1, { address: addressOf(index) }));
    await store().write(sampleBatch(1, commits));
    await store().write(sampleBatch(4, [sampleCommit(2, { address: addressOf(1) })]));
    const journals = await Promise.all([0, 1, 2].map((index) => store().readJournal(addressOf(index), 1, 10)));
    expect(journals.map((records) => records.map(({ commit }) => commit))).toEqual([[1], [2, 4], [3]]);
  });
}
