import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Lane } from '../../src/kernel/outbox-lane.ts';
import { OutboxProgress } from '../../src/kernel/outbox-progress.ts';
import type { OutboxAside, OutboxConsumerState, OutboxEntry, OutboxPosition } from '../../src/kernel/outbox.ts';
import { comparePositions, outboxMessageId, outboxStart } from '../../src/kernel/outbox.ts';

const failure = { class: 'Error', message: 'no' };
const poison = { kind: 'poison', failure, atMs: 9 } as const;
const retry = { kind: 'retry', failure, delayMs: 1 } as const;

function entry(commit: number, workflowId: string, n = 0, text = ''): OutboxEntry {
  const content = { machine: { id: 'm', version: '1' }, event: { type: 'SAID', text }, atMs: commit };
  return { commit, n, address: rootAddress(workflowId, 1), sequence: commit, content };
}

function fresh(skips = false): OutboxProgress {
  return new OutboxProgress({ name: 'mail', after: outboxStart, asides: [] }, skips);
}

/** The next lane with something in memory; one that has to be read first is. */
function nextOf(progress: OutboxProgress, disk: readonly OutboxEntry[]): Lane | undefined {
  for (let lane = progress.next(); lane !== undefined; lane = progress.next()) {
    const { aside } = lane;
    if (lane.messages.length === 0 && aside !== undefined) {
      const found = disk.filter((each) => each.address.workflowId === lane.workflowId && comparePositions(each, aside.from) >= 0);
      expect(progress.loaded(lane, found.slice(0, 2), aside.to)).toBe(0);
    }
    if (lane.messages.length > 0) return lane;
  }
  return undefined;
}

/** What a store makes of changes. */
class Kept {
  #after: OutboxPosition = outboxStart;
  readonly #asides = new Map<string, OutboxAside>();
  readonly items = new Set<string>();

  write(progress: OutboxProgress): void {
    const { after, asidesPut, asidesRemoved, queuePut, queueRemoved } = progress.takeChange();
    this.#after = after ?? this.#after;
    for (const aside of asidesPut) this.#asides.set(JSON.stringify([aside.workflowId, aside.lone]), aside);
    for (const { workflowId, lone } of asidesRemoved) this.#asides.delete(JSON.stringify([workflowId, lone]));
    for (const { address, n, atMs } of queueRemoved) this.items.delete(`${address.workflowId} ${n} ${atMs}`);
    for (const { address, n, atMs } of queuePut) this.items.add(`${address.workflowId} ${n} ${atMs}`);
  }

  get state(): OutboxConsumerState {
    return { name: 'mail', after: this.#after, asides: [...this.#asides.values()] };
  }
}

const anyRun = fc.record({
  skips: fc.boolean(),
  ids: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 25 }),
  acts: fc.array(fc.constantFrom('meet', 'deliver', 'deliver', 'fail', 'poison', 'due', 'write', 'lose', 'crash', 'retry'), {
    maxLength: 120,
  }),
});

describe('the progress of a consumer', () => {
  test('delivers everything at least once and in the order of its workflow, whatever fails and whenever it crashes', () => {
    fc.assert(
      fc.property(anyRun, ({ skips, ids, acts }) => {
        const disk = ids.map((id, index) => entry(index + 1, id));
        const kept = new Kept();
        const delivered: OutboxEntry[] = [];
        let progress = new OutboxProgress(kept.state, skips);
        let resting: Lane[] = [];
        const meet = (): void => {
          const next = disk.find((each) => comparePositions(each, progress.met) > 0);
          if (next !== undefined) progress.meet(next);
        };
        const deliver = (): boolean => {
          const lane = nextOf(progress, disk);
          if (lane === undefined) return false;
          const [first] = lane.messages;
          delivered.push(first!);
          // A message that was passed over comes after later ones.
          const isLone = lane.aside?.lone !== undefined;
          const later = disk.filter((each) => each.address.workflowId === first!.address.workflowId && each.commit < first!.commit);
          const missing = later.filter((each) => !delivered.includes(each));
          if (!skips && !isLone) expect(missing).toEqual([]);
          progress.finished(lane);
          return true;
        };
        for (const act of acts) {
          if (act === 'meet') meet();
          else if (act === 'deliver') deliver();
          else if (act === 'fail' || act === 'poison') {
            const lane = nextOf(progress, disk);
            if (lane === undefined) continue;
            progress.failed(lane, act === 'fail' ? retry : poison);
            if (act === 'fail') resting.push(lane);
          } else if (act === 'due') {
            for (const lane of resting.splice(0)) progress.due(lane);
          } else if (act === 'write') kept.write(progress);
          else if (act === 'lose') progress.restore(progress.takeChange());
          else if (act === 'retry') for (const lane of [...progress.poisoned()]) progress.retry(lane);
          else {
            progress = new OutboxProgress(kept.state, skips);
            resting = [];
          }
        }
        for (let round = 0; round < disk.length + 1; round += 1) {
          meet();
          for (const lane of resting.splice(0)) progress.due(lane);
          for (const lane of [...progress.poisoned()]) progress.retry(lane);
          while (deliver());
        }
        expect(new Set(delivered.map(outboxMessageId)).size).toBe(disk.length);
        expect(progress.summary()).toEqual({ undelivered: 0, isExact: true, poison: 0, oldestAtMs: undefined });
        expect(disk.some((each) => progress.awaits(each))).toBe(false);
        kept.write(progress);
        expect(kept.state).toEqual({ name: 'mail', after: { commit: disk.length, n: 0 }, asides: [] });
        expect([...kept.items]).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('says what it still has to be given', () => {
    const progress = fresh();
    const [one, two, other, later] = [entry(1, 'a'), entry(2, 'a'), entry(3, 'b'), entry(4, 'b')] as const;
    for (const each of [one, two, other]) progress.meet(each);
    expect([one, two, other, later].map((each) => progress.awaits(each))).toEqual([true, true, true, true]);
    progress.failed(nextOf(progress, [])!, poison);
    progress.finished(nextOf(progress, [])!);
    expect([one, two, other, later].map((each) => progress.awaits(each))).toEqual([true, true, false, true]);
    expect(progress.summary()).toEqual({ undelivered: 2, isExact: true, poison: 1, oldestAtMs: 1 });
  });

  test('is full by number and by size', () => {
    const many = fresh();
    for (let n = 0; n < limits.outboxInMemoryMax; n += 1) {
      expect(many.isFull).toBe(false);
      many.meet(entry(n + 1, `w-${n}`));
    }
    expect(many.isFull).toBe(true);
    const large = fresh();
    large.meet(entry(1, 'a', 0, 'x'.repeat(limits.outboxBytesInMemoryMax)));
    expect(large.isFull).toBe(true);
    large.finished(nextOf(large, [])!);
    expect(large.isFull).toBe(false);
  });

  test('begins nothing new while as much stands aside as may, and goes on with that', () => {
    const asides = Array.from({ length: limits.outboxAsideMax }, (_, n): OutboxAside => {
      const at = { commit: n + 1, n: 0 };
      const place = { ...at, address: rootAddress(`w-${n}`, 1), sequence: 1 };
      return { workflowId: `w-${n}`, from: at, to: at, count: 1, failed: 1, atMs: 1, poison: { place, failure, sinceAtMs: 1 } };
    });
    const progress = new OutboxProgress({ name: 'mail', after: { commit: asides.length, n: 0 }, asides }, false);
    progress.meet(entry(asides.length + 1, 'new'));
    expect([progress.isStalled, progress.next()]).toEqual([true, undefined]);
    const [first] = progress.poisoned();
    progress.discard(first!, undefined);
    expect([progress.isStalled, progress.next()?.workflowId]).toEqual([false, 'new']);
  });

  test('lets a workflow go on that was held back when it is to pass over poison now', () => {
    const held = fresh();
    const disk = [entry(1, 'a'), entry(2, 'a')];
    for (const each of disk) held.meet(each);
    held.failed(nextOf(held, disk)!, poison);
    const kept = new Kept();
    kept.write(held);
    const skipping = new OutboxProgress(kept.state, true);
    expect(nextOf(skipping, disk)?.messages[0]).toEqual(disk[1]);
    expect([...skipping.poisoned()].map(({ aside }) => aside.lone)).toEqual([{ commit: 1, n: 0 }]);
    kept.write(skipping);
    expect([...kept.items]).toEqual(['a 1 9']);
  });

  test('says how many messages of a workflow are missing that should be there', () => {
    const progress = fresh();
    for (const commit of [1, 2, 3]) progress.meet(entry(commit, 'a'));
    const lane = nextOf(progress, [])!;
    progress.failed(lane, retry);
    progress.due(lane);
    const next = progress.next()!;
    expect(progress.loaded(next, [], next.aside!.to)).toBe(3);
    expect(progress.summary().undelivered).toBe(0);
  });

  test('gives up the message that failed for good and no other, also where it was read with what is before it', () => {
    const disk = [1, 4, 7].map((commit) => entry(commit, 'a'));
    const progress = fresh();
    for (const each of disk) progress.meet(each);
    const waiting = nextOf(progress, disk) as Lane;
    progress.failed(waiting, retry);
    progress.due(waiting);
    progress.finished(nextOf(progress, disk) as Lane);
    progress.failed(nextOf(progress, disk) as Lane, poison);
    const [lane] = progress.poisoned();
    expect(lane?.aside.from).toEqual({ commit: 4, n: 0 });
    progress.discard(lane as Lane, disk[1]);
    expect(nextOf(progress, disk)?.messages[0]).toBe(disk[2]);
  });

  const at = (commit: number): OutboxPosition => ({ commit, n: 0 });
  const poisonOf = (commit: number) => ({
    place: { ...at(commit), address: rootAddress('a', 1), sequence: commit },
    failure,
    sinceAtMs: 9,
  });

  test('does not give out what was passed over in an earlier life, and goes on behind it', () => {
    const lone: OutboxAside = {
      ...{ workflowId: 'a', lone: at(5), from: at(5), to: at(5) },
      count: 1,
      failed: 1,
      atMs: 5,
      poison: poisonOf(5),
    };
    const progress = new OutboxProgress({ name: 'mail', after: outboxStart, asides: [lone] }, true);
    const disk = [entry(5, 'a'), entry(6, 'a')];
    for (const each of disk) progress.meet(each);
    expect(nextOf(progress, disk)?.messages).toEqual([disk[1]]);
    expect(progress.awaits(entry(5, 'a'))).toBe(true);
    expect(progress.summary()).toMatchObject({ undelivered: 2, poison: 1 });
  });

  test('goes on with a workflow of which nobody knows how many messages stand aside', () => {
    const aside: OutboxAside = { workflowId: 'a', from: at(1), to: at(2), failed: 0, atMs: 1 };
    const progress = new OutboxProgress({ name: 'mail', after: at(2), asides: [aside] }, false);
    const disk = [entry(1, 'a'), entry(2, 'a'), entry(3, 'a')];
    progress.meet(entry(3, 'a'));
    expect(progress.summary()).toMatchObject({ undelivered: 1, isExact: false, poison: 0 });
    for (const each of disk) {
      const lane = nextOf(progress, disk) as Lane;
      expect(lane.messages[0]).toEqual(each);
      progress.finished(lane);
    }
    const rest = progress.next() as Lane;
    expect(progress.loaded(rest, [], at(3))).toBe(0);
    expect(progress.summary()).toMatchObject({ undelivered: 0, isExact: true });
    expect(progress.loaded(rest, [], at(3))).toBe(0);
  });

  test('reads a workflow again of which more was met while it was read', () => {
    const aside: OutboxAside = { workflowId: 'a', from: at(1), to: at(1), count: 1, failed: 0, atMs: 1 };
    const progress = new OutboxProgress({ name: 'mail', after: at(1), asides: [aside] }, false);
    const lane = progress.next() as Lane;
    progress.meet(entry(2, 'a'));
    expect(progress.loaded(lane, [], at(1))).toBe(0);
    expect(progress.next()).toBe(lane);
  });

  test('gives out again what is given back, in memory and aside, but nothing that is done with', () => {
    const progress = fresh();
    const disk = [entry(1, 'a'), entry(2, 'b')];
    progress.meet(entry(1, 'a'));
    const first = progress.next() as Lane;
    expect(progress.summary()).toMatchObject({ undelivered: 1, poison: 0 });
    progress.back(first);
    expect(progress.next()).toBe(first);
    progress.finished(first);
    for (const again of ['back', 'finished', 'retry'] as const) progress[again](first);
    progress.failed(first, poison);
    progress.discard(first, disk[0]);
    expect(progress.next()).toBeUndefined();
    expect(progress.summary()).toMatchObject({ undelivered: 0, poison: 0 });
    progress.meet(entry(2, 'b'));
    const other = progress.next() as Lane;
    progress.failed(other, retry);
    expect(progress.next()).toBeUndefined();
    progress.back(other);
    expect(progress.next()).toBe(other);
  });

  test('leaves poison alone when a wait is over', () => {
    const progress = fresh();
    progress.meet(entry(1, 'a'));
    const lane = progress.next() as Lane;
    progress.failed(lane, poison);
    progress.due(lane);
    expect(progress.next()).toBeUndefined();
  });

  test('keeps what is newer when a write failed', () => {
    const progress = fresh();
    const disk = [entry(1, 'a')];
    progress.meet(entry(1, 'a'));
    progress.failed(progress.next() as Lane, poison);
    const failed = progress.takeChange();
    const [lane] = progress.poisoned();
    progress.retry(lane as Lane);
    progress.restore(failed);
    const retried = progress.takeChange();
    expect(retried).toMatchObject({ asidesPut: [{ failed: 0 }], queuePut: [], queueRemoved: [{ n: 1, atMs: 9 }] });
    progress.restore(retried);
    expect(progress.takeChange()).toEqual(retried);
    progress.failed(nextOf(progress, disk) as Lane, poison);
    progress.restore(retried);
    expect(progress.takeChange()).toMatchObject({ asidesPut: [{ failed: 1 }], queuePut: [{ n: 1, atMs: 9 }], queueRemoved: [] });
  });
});
