import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { PreparedCommit, Store, StoreBatch } from '../../src/kernel/ports.ts';
import { CommitPipeline } from '../../src/runtime/commit-pipeline.ts';
import type { SampleStep } from '../storage/samples.ts';
import { sampleActivity, sampleCommit } from '../storage/samples.ts';
import type { Held } from './fake-store.ts';
import { fakeStore, hold } from './fake-store.ts';
import { settle } from './manual-clock.ts';

interface Bench {
  readonly pipeline: CommitPipeline;
  readonly store: Store;
  /** Batches handed to the store, in order; each is on disk when its `held` is released. */
  readonly batches: { readonly batch: StoreBatch; readonly held: Held }[];
  /** What was told to whom, in order. */
  readonly told: string[];
  readonly submit: (name: string, commits?: number) => void;
  readonly inFlight: () => number;
}

function bench(lastCommit = 0, clock: { nowMs: number } = { nowMs: 0 }): Bench {
  const batches: Bench['batches'] = [];
  const told: string[] = [];
  let inFlight = 0;
  const store = fakeStore({
    lastCommit,
    write: async (batch) => {
      const held = hold();
      batches.push({ batch, held });
      inFlight += 1;
      expect(inFlight).toBe(1);
      await held.promise.finally(() => (inFlight -= 1));
    },
  });
  const pipeline = new CommitPipeline(
    store,
    (error) => told.push(`failed ${error.code}`),
    () => clock.nowMs,
    (tookMs) => told.push(`slow ${tookMs}`),
  );
  const submit: Bench['submit'] = (name, commits = 1) => {
    pipeline.submit({
      commits: Array.from({ length: commits }, (_, index) => commitOf(name, index + 1)),
      onCommitted: () => told.push(name),
      onRejected: (error) => told.push(`${name} ${error.code}`),
    });
  };
  return { pipeline, store, batches, told, submit, inFlight: () => inFlight };
}

function commitOf(name: string, sequence: number): Commit {
  return sampleCommit(sequence, { address: rootAddress(name, 1) });
}

const namesIn = (batch: StoreBatch | undefined): string[] => [...new Set(batch?.commits.map(({ record }) => record.address.workflowId))];

test('what one tick submits is one batch, in order, numbered after the last commit of the store', async () => {
  const { batches, submit } = bench(41);
  submit('a', 2);
  submit('b');
  expect(batches).toHaveLength(0);
  submit('c');
  await settle();
  expect(batches).toHaveLength(1);
  expect(batches[0]?.batch).toMatchObject({ firstCommit: 42, definitions: [] });
  expect(batches[0]?.batch.commits.map(({ record }) => [record.address.workflowId, record.sequence])).toEqual([
    ['a', 1],
    ['a', 2],
    ['b', 1],
    ['c', 1],
  ]);
});

test('nobody is told before the batch is on disk, then all are, in order', async () => {
  const { batches, told, submit } = bench();
  submit('a');
  submit('b');
  await settle();
  expect(told).toEqual([]);
  batches[0]?.held.release();
  await settle();
  expect(told).toEqual(['a', 'b']);
});

test('what is decided while a batch is on its way forms the next, and never two are', async () => {
  const { batches, told, submit, inFlight } = bench();
  submit('a');
  await settle();
  submit('b');
  await settle();
  submit('c', 2);
  await settle();
  expect(batches).toHaveLength(1);
  batches[0]?.held.release();
  await settle();
  expect(batches.map(({ batch }) => [batch.firstCommit, namesIn(batch)])).toEqual([
    [1, ['a']],
    [2, ['b', 'c']],
  ]);
  expect(inFlight()).toBe(1);
  batches[1]?.held.release();
  submit('d');
  await settle();
  expect(batches[2]?.batch.firstCommit).toBe(5);
  expect(told).toEqual(['a', 'b', 'c']);
});

test('what waits is on its way before those are told whose batch is on disk; what they submit in turn forms the batch after that', async () => {
  const { batches, pipeline, submit } = bench();
  const onCommitted = (): void => {
    expect(namesIn(batches[1]?.batch)).toEqual(['b']);
    submit('answer');
  };
  pipeline.submit({ commits: [commitOf('a', 1)], onCommitted, onRejected: () => undefined });
  await settle();
  submit('b');
  batches[0]?.held.release();
  await settle();
  expect(batches).toHaveLength(2);
  batches[1]?.held.release();
  await settle();
  expect(namesIn(batches[2]?.batch)).toEqual(['answer']);
});

test('a batch ends before the unit that would outgrow it, and no unit is split', async () => {
  const { batches, submit } = bench();
  submit('a', limits.batchCommitsMax - 1);
  submit('b', 2);
  submit('c', 1);
  await settle();
  expect(namesIn(batches[0]?.batch)).toEqual(['a']);
  batches[0]?.held.release();
  await settle();
  expect(namesIn(batches[1]?.batch)).toEqual(['b', 'c']);
  expect(batches[1]?.batch.firstCommit).toBe(limits.batchCommitsMax);
});

test('a batch is filled to its limit exactly', async () => {
  const { batches, submit } = bench();
  submit('first');
  await settle();
  submit('a', limits.batchCommitsMax - 1);
  submit('b', 1);
  submit('c', 1);
  batches[0]?.held.release();
  await settle();
  expect(batches[1]?.batch.commits).toHaveLength(limits.batchCommitsMax);
  expect(namesIn(batches[1]?.batch)).toEqual(['a', 'b']);
});

test('so many commits are written at once that the next can be decided meanwhile', async () => {
  const { batches, told, submit } = bench();
  for (let n = 1; n < limits.flushCommitsMin; n += 1) submit(`a${n}`);
  expect(batches).toEqual([]);
  submit('last');
  submit('next');
  expect(batches.map(({ batch }) => batch.commits.length)).toEqual([limits.flushCommitsMin]);
  await settle();
  expect(batches).toHaveLength(1);
  batches[0]?.held.release();
  await settle();
  expect(namesIn(batches[1]?.batch)).toEqual(['next']);
  batches[1]?.held.release();
  await settle();
  expect(told.slice(-2)).toEqual(['last', 'next']);
});

test('what is submitted is made ready at once, with the number it will have, and handed over with its batch', async () => {
  const { batches, submit, store } = bench(6);
  const prepared: PreparedCommit[] = [];
  store.prepare = (commit, number) => {
    prepared.push({ commit, number });
    return prepared.at(-1) as PreparedCommit;
  };
  submit('a', 2);
  await settle();
  submit('b');
  submit('nobody', 0);
  submit('c');
  expect(prepared.map(({ commit, number }) => [commit.record.address.workflowId, number])).toEqual([
    ['a', 7],
    ['a', 8],
    ['b', 9],
    ['c', 10],
  ]);
  batches[0]?.held.release();
  await settle();
  expect(batches.map(({ batch }) => batch.prepared)).toEqual([prepared.slice(0, 2), prepared.slice(2)]);
});

test('what cannot be made ready is left to the write', async () => {
  const { batches, submit, store } = bench();
  store.prepare = () => {
    throw new Error('There is no memory.');
  };
  submit('a');
  await settle();
  expect(batches.map(({ batch }) => batch.prepared)).toEqual([[undefined]]);
});

test('work on the store is done alone, between two batches, and answers', async () => {
  const { batches, told, submit, pipeline } = bench();
  const work = hold();
  submit('a');
  await settle();
  submit('b');
  const answer = pipeline.alone(async () => {
    told.push('at work');
    await work.promise;
    return 7;
  });
  void answer.then((found) => told.push(`answered ${found}`));
  submit('c');
  submit('d');
  batches[0]?.held.release();
  await settle();
  expect([namesIn(batches[1]?.batch), told]).toEqual([['b'], ['a']]);
  batches[1]?.held.release();
  await settle();
  expect([batches.length, told]).toEqual([2, ['a', 'b', 'at work']]);
  work.release();
  await settle();
  expect(told.slice(3)).toEqual(['answered 7']);
  expect(namesIn(batches[2]?.batch)).toEqual(['c', 'd']);
  expect(batches[2]?.batch.firstCommit).toBe(3);
});

test('work that comes first is not joined by what is submitted with it, and its failure is that of a write', async () => {
  const { batches, told, submit, pipeline } = bench();
  const answer = pipeline.alone(() => Promise.reject(new Error('The disk is full.')));
  submit('a');
  await expect(answer).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await settle();
  expect([batches, told]).toEqual([[], ['a STORE_UNAVAILABLE', 'failed STORE_UNAVAILABLE']]);
});

test('how long a batch is on its way is known, and told of if it is too long', async () => {
  const clock = { nowMs: 1_000 };
  const { batches, told, submit, pipeline } = bench(0, clock);
  expect(pipeline.inFlightForMs).toBe(0);
  submit('a');
  await settle();
  clock.nowMs += limits.slowSyncMs;
  expect(pipeline.inFlightForMs).toBe(limits.slowSyncMs);
  batches[0]?.held.release();
  await settle();
  submit('b');
  await settle();
  clock.nowMs += limits.slowSyncMs + 1;
  batches[1]?.held.release();
  await settle();
  expect(told).toEqual(['a', `slow ${limits.slowSyncMs + 1}`, 'b']);
  expect(pipeline.inFlightForMs).toBe(0);
});

test('commits left over by a full batch count as waiting', async () => {
  const { batches, submit } = bench();
  submit('first');
  await settle();
  submit('a', limits.batchCommitsMax);
  submit('b', 3);
  batches[0]?.held.release();
  await settle();
  batches[1]?.held.release();
  await settle();
  batches[2]?.held.release();
  await settle();
  // Nothing waits any more: so few are held back until the end of the tick.
  submit('c', limits.flushCommitsMin - 1);
  expect(batches).toHaveLength(3);
  submit('d');
  expect(batches).toHaveLength(4);
});

test('a unit larger than a batch is written whole, alone', async () => {
  const { batches, submit } = bench();
  submit('huge', limits.batchCommitsMax + 5);
  submit('b');
  await settle();
  expect(batches[0]?.batch.commits).toHaveLength(limits.batchCommitsMax + 5);
  batches[0]?.held.release();
  await settle();
  expect(namesIn(batches[1]?.batch)).toEqual(['b']);
});

test('who waits without commits is told after everything before it, and nothing is written for it', async () => {
  const { batches, told, submit } = bench();
  submit('nobody before', 0);
  await settle();
  expect(told).toEqual(['nobody before']);
  submit('a');
  submit('barrier', 0);
  await settle();
  submit('second barrier', 0);
  await settle();
  expect(told).toEqual(['nobody before']);
  batches[0]?.held.release();
  await settle();
  expect(told).toEqual(['nobody before', 'a', 'barrier', 'second barrier']);
  expect(batches).toHaveLength(1);
});

test('a rejected batch rejects everything not confirmed, tells of it once, and nothing is written any more', async () => {
  const { batches, told, submit, pipeline } = bench();
  submit('confirmed');
  await settle();
  batches[0]?.held.release();
  await settle();
  submit('in flight');
  submit('in flight, too', 0);
  await settle();
  submit('waiting');
  submit('barrier', 0);
  const cause = new Error('disk full');
  batches[1]?.held.fail(cause);
  await settle();
  const lost = ['in flight', 'in flight, too', 'waiting', 'barrier'].map((name) => `${name} STORE_UNAVAILABLE`);
  expect(told).toEqual(['confirmed', ...lost, 'failed STORE_UNAVAILABLE']);
  let reason: unknown;
  pipeline.submit({ commits: [commitOf('later', 1)], onCommitted: () => undefined, onRejected: (error) => (reason = error) });
  expect(reason).toMatchObject({ code: 'STORE_UNAVAILABLE', cause, details: { path: 'memory' } });
  expect((reason as Error).message).toContain('repeat with the same ids');
  await settle();
  expect(batches).toHaveLength(2);
  expect(told).toHaveLength(6);
});

test('idle is reached when nothing waits or is on its way', async () => {
  const { batches, pipeline, submit } = bench();
  await pipeline.idle();
  let isIdle = false;
  submit('a');
  const idle = pipeline.idle().then(() => (isIdle = true));
  await settle();
  submit('b');
  batches[0]?.held.release();
  await settle();
  expect(isIdle).toBe(false);
  batches[1]?.held.release();
  await idle;
  expect(isIdle).toBe(true);
});

test('idle is reached also when a batch is rejected', async () => {
  const { batches, pipeline, submit } = bench();
  submit('a');
  await settle();
  submit('b');
  const idle = pipeline.idle();
  batches[0]?.held.fail(new Error('no space'));
  await expect(idle).resolves.toBeUndefined();
  await expect(pipeline.idle()).resolves.toBeUndefined();
});

test('a batch holds no more payload than its bound, unless one unit alone is larger', async () => {
  const { pipeline, batches, told } = bench();
  const large = (name: string, bytes: number): void => {
    const commit = commitOf(name, 1);
    const chart = { ...commit.record.chart, context: { text: 'x'.repeat(bytes) } };
    const unit = { commits: [{ ...commit, record: { ...commit.record, chart } }], onRejected: () => told.push(`${name} rejected`) };
    pipeline.submit({ ...unit, onCommitted: () => told.push(name) });
  };
  const half = limits.batchBytesMax / 2;
  large('a', half);
  large('b', half - 10_000);
  large('c', 2 * limits.batchBytesMax);
  large('d', 1);
  for (const expected of [['a', 'b'], ['c'], ['d']]) {
    await settle();
    const last = batches.at(-1);
    expect(namesIn(last?.batch)).toEqual(expected);
    last?.held.release();
  }
  await settle();
  expect(told).toEqual(['a', 'b', 'c', 'd']);
});

describe('bytes count wherever users put them:', () => {
  const text = 'x'.repeat(limits.batchBytesMax / 2 + 1_000);
  const signal = { kind: 'signal', event: { type: 'GO', text } } as const;
  test.each<[string, SampleStep]>([
    ['in an event', { journal: { envelope: signal } }],
    ['in an output', { journal: { envelope: { kind: 'attempt-completed', n: 1, attempt: 1, output: text } } }],
    ['in an input', { journal: { envelope: { kind: 'start', input: text } } }],
    ['in what a step set', { journal: { context: { set: { text }, removed: [] } } }],
    ['in the input of an activity', { activitiesPut: [{ ...sampleActivity(1), input: text }] }],
    ['in the mailbox', { mailPut: [{ n: 1, to: [], envelope: signal }] }],
  ])('%s', async (_where, step) => {
    const { batches, pipeline } = bench();
    const submitted = (name: string): void => {
      const commits = [sampleCommit(1, { address: rootAddress(name, 1), ...step })];
      pipeline.submit({ commits, onCommitted: () => undefined, onRejected: () => undefined });
    };
    submitted('a');
    submitted('b');
    await settle();
    expect(namesIn(batches[0]?.batch)).toEqual(['a']);
    batches[0]?.held.release();
    await settle();
    expect(namesIn(batches[1]?.batch)).toEqual(['b']);
  });
});
