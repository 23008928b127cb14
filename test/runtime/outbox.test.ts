import { describe, expect, test } from 'vitest';
import { emit, setup } from 'xstate';
import type { AnyEventObject } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import type { OutboxStore } from '../../src/kernel/ports.ts';
import { changedStore } from '../support/changed-store.ts';
import { recordingLogger } from '../support/logged.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';
import { keptIn, listener, open, reopened, retry, say, tell, teller, wordOf, write } from './outbox-world.ts';

describe('an outbox consumer', () => {
  test('is given what was emitted, in order per workflow, with all there is to know of it', async () => {
    const { taken, handle, words } = listener();
    const opened = await open({ mail: handle });
    await say(opened, 'a', '1', '2');
    await tell(opened, 'a', { type: 'SAY_TWO', word: '3.' });
    await say(opened, 'b', '1');
    await until(() => taken.length === 5);
    expect(words('a')).toEqual(['1', '2', '3.1', '3.2']);
    expect(words('b')).toEqual(['1']);
    const [first] = taken;
    expect(first).toEqual({
      event: { type: 'SAID', word: '1' },
      workflowId: 'a',
      run: 1,
      machine: { id: 'teller', version: '1' },
      messageId: 'a:1::2:0',
      commit: 2,
      atMs: opened.clock.now(),
      attempt: 1,
      signal: expect.any(AbortSignal),
    });
    expect(taken.map(({ messageId }) => messageId)).toEqual(['a:1::2:0', 'a:1::3:0', 'a:1::4:0', 'a:1::4:1', 'b:1::2:0']);
  });

  test('is given one message of a workflow at a time, and many workflows at once up to a bound', async () => {
    const ends: (() => void)[] = [];
    const begun: string[] = [];
    const opened = await open({
      slow: (message) =>
        new Promise<void>((end) => {
          begun.push(`${message.workflowId} ${wordOf(message)}`);
          ends.push(end);
        }),
    });
    const ids = Array.from({ length: limits.outboxConcurrentMax + 8 }, (_, n) => `w-${n}`);
    for (const id of ids) await say(opened, id, '1', '2');
    await until(() => begun.length === limits.outboxConcurrentMax);
    await settle();
    expect(begun).toEqual(ids.slice(0, limits.outboxConcurrentMax).map((id) => `${id} 1`));
    while (begun.length < 2 * ids.length) {
      for (const end of ends.splice(0)) end();
      await settle(2);
    }
    for (const end of ends.splice(0)) end();
    for (const id of ids) expect(begun.filter((each) => each.startsWith(`${id} `))).toEqual([`${id} 1`, `${id} 2`]);
  });

  test('goes on where it was in the next process, and what everybody had is not kept', async () => {
    const before = listener();
    const opened = await open({ mail: before.handle });
    await say(opened, 'a', '1', '2');
    await until(() => before.taken.length === 2);
    expect(await keptIn(opened.database)).toBe(2);
    await write(opened);
    expect(await keptIn(opened.database)).toBe(0);
    const after = listener();
    const next = await reopened(opened, { mail: after.handle });
    await tell(next, 'a', { type: 'SAY', word: '3' });
    await until(() => after.taken.length === 1);
    expect(after.words()).toEqual(['3']);
  });

  test('is given again, under the same ids and in order, what a crash kept from being written down', async () => {
    const before = listener();
    const opened = await open({ mail: before.handle });
    await say(opened, 'a', '1', '2');
    await until(() => before.taken.length === 2);
    const after = listener();
    await reopened(opened, { mail: after.handle });
    await until(() => after.taken.length === 2);
    expect(after.taken.map(({ messageId }) => messageId)).toEqual(before.taken.map(({ messageId }) => messageId));
  });

  test('that takes what it is given writes once for many messages', async () => {
    const { taken, handle } = listener();
    const writes: number[] = [];
    const opened = await open(
      { mail: handle },
      {
        onStore: (store) => {
          const outbox: OutboxStore = {
            scan: (after, untilCommit, limit) => store.outbox.scan(after, untilCommit, limit),
            readOf: (id, from, limit) => store.outbox.readOf(id, from, limit),
            count: (after, limit) => store.outbox.count(after, limit),
            readConsumers: () => store.outbox.readConsumers(),
            async write(change) {
              writes.push(change.entriesRemoved.length);
              await store.outbox.write(change);
            },
          };
          return changedStore(store, { outbox });
        },
      },
    );
    await say(opened, 'a', ...Array.from({ length: 50 }, (_, n) => String(n)));
    await until(() => taken.length === 50);
    await write(opened);
    expect(writes).toEqual([0, 50]);
  });

  test('that is new is given everything that is kept', async () => {
    const opened = await open({});
    await say(opened, 'a', '1', '2');
    expect(await keptIn(opened.database)).toBe(2);
    await closeTestRuntime(opened);
    const late = listener();
    const next = await reopened(opened, { late: late.handle });
    await until(() => late.taken.length === 2);
    await write(next);
    expect(await keptIn(next.database)).toBe(0);
  });

  test('gets what it had not when others have had it', async () => {
    const [quick, lame] = [listener(), listener()];
    lame.refused.add('1');
    const opened = await open({ quick: quick.handle, lame: lame.consumer });
    await say(opened, 'a', '1', '2');
    await until(() => quick.taken.length === 2);
    await write(opened);
    expect(await keptIn(opened.database)).toBe(2);
    lame.refused.clear();
    await opened.clock.pass(1_000);
    expect(lame.words()).toEqual(['1', '2']);
    await write(opened);
    expect(await keptIn(opened.database)).toBe(0);
  });

  test('hears of children, too, and of a last step', async () => {
    const { taken, handle } = listener();
    const speaker = setup({ types: { emitted: {} as AnyEventObject } }).createMachine({
      id: 'speaker',
      version: '1',
      entry: emit({ type: 'SAID', word: 'hello' }),
    });
    const parent = setup({ actors: { speaker } }).createMachine({ id: 'parent', version: '1', invoke: { src: 'speaker' } });
    const opened = await openTestRuntime({ machines: [teller, parent], outbox: { mail: handle } });
    await opened.runtime.start(parent, { id: 'p' });
    await opened.runtime.start(teller, { id: 't' });
    await opened.runtime.send('t', { type: 'END' });
    await until(() => taken.length === 2);
    expect(taken.map((message) => [message.messageId, message.machine.id, wordOf(message)])).toEqual([
      ['p:1:1:1:0', 'speaker', 'hello'],
      ['t:1::2:0', 'teller', 'bye'],
    ]);
  });
});

describe('a message that fails', () => {
  test('is tried again with backoff, and holds back only its own workflow meanwhile', async () => {
    const { tried, refused, consumer, words } = listener();
    refused.add('bad');
    const opened = await open({ mail: consumer });
    await say(opened, 'a', 'bad', 'later');
    await say(opened, 'b', '1');
    await until(() => tried.length === 2);
    await settle();
    expect(words()).toEqual(['1']);
    await opened.clock.pass(999);
    expect(tried).toHaveLength(2);
    await opened.clock.pass(1);
    expect(tried.map((message) => [wordOf(message), message.attempt])).toEqual([
      ['bad', 1],
      ['1', 1],
      ['bad', 2],
    ]);
    refused.clear();
    await opened.clock.pass(2_000);
    expect(words('a')).toEqual(['bad', 'later']);
  });

  test('for good is poison: it holds back the later ones of its workflow, in the next process, too', async () => {
    const { tried, refused, consumer, words } = listener();
    refused.add('bad');
    const logger = recordingLogger();
    const opened = await open({ mail: consumer }, { logger });
    await say(opened, 'a', '1', 'bad', 'later');
    await opened.clock.pass(3_000);
    await say(opened, 'b', '1');
    await tell(opened, 'a', { type: 'SAY', word: 'latest' });
    await until(() => words('b').length === 1);
    await opened.clock.pass(60_000);
    expect(tried.filter((message) => wordOf(message) === 'bad')).toHaveLength(3);
    expect(words('a')).toEqual(['1']);
    expect(await opened.runtime.outbox.lag()).toEqual([
      { consumer: 'mail', isRegistered: true, undelivered: 3, exact: true, poison: 1, oldestAtMs: expect.any(Number) },
    ]);
    expect(await keptIn(opened.database)).toBe(3);
    const after = listener();
    const next = await reopened(opened, { mail: after.consumer });
    await say(next, 'c', '1');
    await until(() => after.taken.length === 1);
    await next.clock.pass(60_000);
    expect(after.words()).toEqual(['1']);
    expect(await next.runtime.outbox.lag()).toMatchObject([{ undelivered: 3, poison: 1 }]);
  });

  test('for good is passed over where the consumer says so', async () => {
    const { refused, consumer, words } = listener();
    refused.add('bad');
    const opened = await open({ mail: { ...consumer, onPoison: 'skip' } });
    await say(opened, 'a', '1', 'bad', 'later');
    await opened.clock.pass(3_000);
    expect(words('a')).toEqual(['1', 'later']);
    await write(opened);
    expect(await opened.runtime.outbox.lag()).toMatchObject([{ undelivered: 1, poison: 1 }]);
    expect(await keptIn(opened.database)).toBe(1);
  });

  test('goes on with its attempts in the next process', async () => {
    const { tried, refused, consumer } = listener();
    refused.add('bad');
    const opened = await open({ mail: consumer });
    await say(opened, 'a', 'bad');
    await opened.clock.pass(1_000);
    await write(opened);
    expect(tried.map(({ attempt }) => attempt)).toEqual([1, 2]);
    const after = listener();
    after.refused.add('bad');
    const next = await reopened(opened, { mail: after.consumer });
    await until(() => after.tried.length === 1);
    expect(after.tried[0]?.attempt).toBe(3);
    await next.clock.pass(60_000);
    expect(after.tried).toHaveLength(1);
  });

  test('because its handler takes too long is told by its signal, and tried again', async () => {
    const signals: AbortSignal[] = [];
    const opened = await open({
      mail: {
        handle: ({ signal }) => (signals.push(signal) > 1 ? undefined : new Promise(() => undefined)),
        retry,
        startToCloseTimeout: '5s',
      },
    });
    await say(opened, 'a', '1');
    await until(() => signals.length === 1);
    await opened.clock.pass(5_000);
    expect(signals[0]?.reason).toBe('start-to-close-timeout');
    await opened.clock.pass(1_000);
    expect(signals).toHaveLength(2);
    expect(await opened.runtime.outbox.lag()).toMatchObject([{ undelivered: 0, poison: 0 }]);
  });

  test('because nothing is taken at all makes poison of no more than a bounded number', async () => {
    const { tried, consumer } = listener();
    const opened = await open({
      mail: {
        ...consumer,
        handle: (message) => {
          tried.push(message);
          throw new Error('down');
        },
      },
    });
    const ids = Array.from({ length: limits.outboxRetryingMax + limits.outboxConcurrentMax + 50 }, (_, n) => `w-${n}`);
    await Promise.all(ids.map(async (id) => say(opened, id, '1')));
    await until(() => tried.length >= limits.outboxRetryingMax);
    await settle();
    expect(tried.length).toBeLessThanOrEqual(limits.outboxRetryingMax + limits.outboxConcurrentMax);
  });
});

describe('a shutdown', () => {
  test('tells handlers that run, waits for them, and writes down what they took', async () => {
    const reasons: unknown[] = [];
    let isDone = false;
    const opened = await open({
      mail: ({ signal }) =>
        new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            isDone = true;
            resolve();
          }),
        ),
    });
    await say(opened, 'a', '1', '2');
    await settle();
    await closeTestRuntime(opened);
    expect([reasons, isDone]).toEqual([['shutdown'], true]);
    const after = listener();
    await reopened(opened, { mail: after.handle });
    await until(() => after.taken.length === 1);
    expect(after.words()).toEqual(['2']);
  });

  test('is no failure of a message that it cuts off, and waits no longer than the grace', async () => {
    const opened = await open({ mail: { handle: () => new Promise(() => undefined), retry: { maximumAttempts: 1 } } });
    await say(opened, 'a', '1');
    await settle();
    await closeTestRuntime(opened);
    const after = listener();
    await reopened(opened, { mail: after.handle });
    await until(() => after.taken.length === 1);
    expect(after.taken[0]?.attempt).toBe(1);
  });
});

describe('removing a consumer', () => {
  test('lets go what was kept for it alone', async () => {
    const [one, other] = [listener(), listener()];
    const opened = await open({ one: one.handle, other: other.handle });
    await closeTestRuntime(opened);
    const next = await reopened(opened, { one: one.handle });
    await say(next, 'a', '1', '2');
    await until(() => one.taken.length === 2);
    await write(next);
    expect(await next.runtime.outbox.lag()).toEqual([
      { consumer: 'one', isRegistered: true, undelivered: 0, exact: true, poison: 0 },
      { consumer: 'other', isRegistered: false, undelivered: 2, exact: true, poison: 0, oldestAtMs: expect.any(Number) },
    ]);
    expect(await keptIn(next.database)).toBe(2);
    await expect(next.runtime.outbox.remove('one')).rejects.toMatchObject({ code: 'CONSUMER_REGISTERED' });
    await expect(next.runtime.outbox.remove('none')).rejects.toMatchObject({
      code: 'CONSUMER_NOT_FOUND',
      details: { known: ['one', 'other'] },
    });
    await next.runtime.outbox.remove('other');
    expect(await keptIn(next.database)).toBe(0);
    expect(await next.runtime.outbox.lag()).toMatchObject([{ consumer: 'one' }]);
  });

  test('leaves entries with their workflows if it was the last, but none of those that are gone', async () => {
    const opened = await open({ one: listener().handle });
    await closeTestRuntime(opened);
    const next = await reopened(opened, {});
    await say(next, 'a', '1');
    await say(next, 'b', '1');
    await next.runtime.send('b', { type: 'END' });
    await next.runtime.delete('b');
    expect(await keptIn(next.database)).toBe(3);
    await next.runtime.outbox.remove('one');
    expect(await keptIn(next.database)).toBe(1);
  });
});

describe('deleting a workflow', () => {
  test('takes what it emitted with it when there is no consumer', async () => {
    const opened = await open({});
    await say(opened, 'a', '1', '2');
    await say(opened, 'b', '1');
    await opened.runtime.send('a', { type: 'END' });
    await opened.runtime.delete('a');
    expect(await keptIn(opened.database)).toBe(1);
    expect(await opened.database.keys({ from: Buffer.from('V'), to: Buffer.from('W') })).toHaveLength(1);
  });

  test('leaves what a consumer has still to be given, but for poison', async () => {
    const { refused, consumer, words } = listener();
    refused.add('bad');
    const opened = await open({ mail: consumer });
    await say(opened, 'a', 'bad', '2');
    await opened.clock.pass(3_000);
    await opened.runtime.send('a', { type: 'END' });
    await opened.runtime.delete('a');
    await until(() => words().length === 2);
    expect(words()).toEqual(['2', 'bye']);
    await write(opened);
    expect(await keptIn(opened.database)).toBe(0);
    expect(await opened.runtime.outbox.lag()).toMatchObject([{ undelivered: 0, poison: 0 }]);
  });
});
