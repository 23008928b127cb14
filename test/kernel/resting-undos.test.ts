import { describe, expect, test } from 'vitest';
import type { LedgerRecord } from '../../src/kernel/ledger-record.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { RestDraft } from '../../src/kernel/resting-undos.ts';
import { allResting, divideLedger, rest, restingSize, wake, wakeLatest } from '../../src/kernel/resting-undos.ts';
import { RowChanges } from '../../src/kernel/row-changes.ts';
import { seededRandom } from '../support/seeded-random.ts';

const many = limits.undosAwakeMax + 100;

function entry(n: number, changes: Partial<LedgerRecord> = {}): LedgerRecord {
  return { n, src: 'item', name: 'book', outcome: 'completed', settledAt: n, ...changes };
}

function entries(count: number, changes: (n: number) => Partial<LedgerRecord> = () => ({})): LedgerRecord[] {
  return Array.from({ length: count }, (_, index) => entry(index + 1, changes(index + 1)));
}

function draftOf(given: readonly LedgerRecord[], before?: RestDraft['resting']): RestDraft {
  const ledger = new RowChanges(new Map(given.map((each) => [each.n, each])));
  return { ledger, ledgerRemoved: [], resting: before, ledgerRested: [] };
}

function numbersOf(draft: Pick<RestDraft, 'resting'>): number[] {
  return [...allResting(draft.resting)].map(({ n }) => n);
}

describe('the ledger of a fan-out', () => {
  test('has none that rest while there are few', () => {
    const draft = draftOf(entries(limits.undosAwakeMax));
    rest(draft);
    expect(draft).toMatchObject({ resting: undefined, ledgerRested: [], ledgerRemoved: [] });
    expect(divideLedger(entries(limits.undosAwakeMax)).resting).toBeUndefined();
    expect(restingSize(undefined)).toBe(0);
  });

  test('lets the oldest rest where there are many, and is divided in the same way when it is read', () => {
    const all = entries(many);
    const draft = draftOf(all);
    rest(draft);
    const resting = many - limits.undosAwakeMax / 2;
    expect(restingSize(draft.resting)).toBe(resting);
    expect(numbersOf(draft)).toEqual(Array.from({ length: resting }, (_, index) => resting - index));
    expect(draft.ledger.now.size).toBe(limits.undosAwakeMax / 2);
    // They had rows before, which stay.
    expect(draft).toMatchObject({ ledgerRested: [], ledgerRemoved: [] });
    const read = divideLedger([...all].reverse());
    expect(numbersOf(read)).toEqual(numbersOf(draft));
    expect([...read.ledger.keys()].sort((a, b) => a - b)).toEqual([...draft.ledger.now.keys()]);
  });

  test('has rows written for those that this step made and that rest at once', () => {
    const draft = draftOf(entries(many - 1, (n) => ({ settledAt: n + 1 })));
    const made = entry(many, { settledAt: 1 });
    draft.ledger.set(many, made);
    rest(draft);
    expect(draft.ledgerRested).toEqual([made]);
    expect(numbersOf(draft).at(-1)).toBe(many);
  });

  test.each([
    ['pending', { outcome: 'pending' }],
    ['leaving', { outcome: 'leaving' }],
    ['being undone', { undo: 'running' }],
    ['owed', { undo: 'deferred' }],
  ] as const)('keeps what is %s', (_, changes) => {
    const draft = draftOf(entries(many, () => changes));
    rest(draft);
    expect(draft.resting).toBeUndefined();
    expect(draft.ledger.now.size).toBe(many);
  });

  test('forgets what is undone, but what may yet be heard of', () => {
    const draft = draftOf(entries(many, (n) => (n <= 3 ? { undo: 'undone', outcome: 'unknown' } : { undo: 'undone' })));
    draft.ledger.set(5, entry(5, { undo: 'undone', undoEndedAtMs: 1 }));
    rest(draft);
    const left = [...draft.ledger.now.keys()];
    expect(left.slice(0, 3)).toEqual([1, 2, 3]);
    expect(left).toHaveLength(limits.undosAwakeMax / 2);
    // Also of one that this step changed there may be a row.
    expect(draft.ledgerRemoved).toContain(5);
    expect(draft.ledgerRemoved).toHaveLength(many - left.length);
  });

  test('keeps what took effect after it was undone, since that waits for a person', () => {
    const draft = draftOf(entries(many, (n) => (n === 4 ? { undo: 'undone', isOrphan: true, orphanAtMs: 1 } : { undo: 'undone' })));
    rest(draft);
    expect(draft.ledger.now.get(4)).toMatchObject({ isOrphan: true });
    expect(draft.ledgerRemoved).not.toContain(4);
  });

  test('gives back the latest first, and any that is asked for', () => {
    const draft = draftOf(entries(many));
    rest(draft);
    const before = numbersOf(draft);
    expect(wakeLatest(draft)?.n).toBe(before[0]);
    wake(draft, 7);
    expect(draft.ledger.now.get(7)).toMatchObject({ n: 7 });
    wake(draft, 7);
    wake(draft, many + 1);
    expect(numbersOf(draft)).toEqual(before.slice(1).filter((n) => n !== 7));
    expect(restingSize(draft.resting)).toBe(before.length - 2);
    const empty = draftOf([]);
    expect(wakeLatest(empty)).toBeUndefined();
  });

  test('loses none and keeps their order, whatever comes and goes', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      let draft = draftOf([]);
      let made = 0;
      const open: number[] = [];
      for (let step = 0; step < 60; step += 1) {
        draft = draftOf([...draft.ledger.now.values()], draft.resting);
        const more = Math.floor(random() * 60);
        for (let each = 0; each < more; each += 1) {
          made += 1;
          draft.ledger.set(made, entry(made, { settledAt: step }));
          open.push(made);
        }
        rest(draft);
        const awake = [...draft.ledger.now.keys()].sort((a, b) => b - a);
        expect([...awake, ...numbersOf(draft)], `seed ${seed}`).toEqual([...open].reverse());
        const taken = Math.floor(random() * 40);
        for (const n of awake.slice(0, taken)) {
          draft.ledger.delete(n);
          open.pop();
        }
      }
    }
  });
});
