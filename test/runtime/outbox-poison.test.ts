import { describe, expect, test } from 'vitest';
import { flip } from '../storage/samples.ts';
import { changedStore } from '../support/changed-store.ts';
import { recordingLogger } from '../support/logged.ts';
import { closeTestRuntime } from './local-runtime.ts';
import { settle, until } from './manual-clock.ts';
import { keptIn, listener, open, reopened, say, tell, write } from './outbox-world.ts';

describe('poison in the queue', () => {
  async function poisoned(onPoison: 'hold' | 'skip' = 'hold') {
    const heard = listener();
    heard.refused.add('bad');
    const opened = await open({ mail: { ...heard.consumer, onPoison } });
    await say(opened, 'a', 'bad', 'later');
    await opened.clock.pass(3_000);
    await write(opened);
    const { items } = await opened.runtime.queue.list();
    return { ...heard, opened, items, item: items[0]?.id ?? '' };
  }

  test('says what failed, for whom and why, and goes on when it is tried again', async () => {
    const { opened, items, item, refused, words } = await poisoned();
    expect(items).toMatchObject([
      {
        kind: 'dead-letter',
        cause: 'outbox-message',
        workflow: 'a',
        name: 'mail',
        attempts: 3,
        failure: { class: 'Error', message: 'no bad' },
      },
    ]);
    expect(await opened.runtime.queue.get(item)).toMatchObject({ acts: ['retry', 'discard'] });
    refused.clear();
    await opened.runtime.queue.retry(item, { by: 'ann', note: 'mended' });
    await until(() => words().length === 2);
    expect(words()).toEqual(['bad', 'later']);
    await write(opened);
    expect((await opened.runtime.queue.list()).items).toEqual([]);
    expect(await keptIn(opened.database)).toBe(0);
  });

  test('is there again when it fails again', async () => {
    const { opened, item, tried } = await poisoned();
    await opened.runtime.queue.retry(item);
    await opened.clock.pass(3_000);
    await write(opened);
    expect(tried.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 1, 2, 3]);
    const again = (await opened.runtime.queue.list()).items;
    expect(again).toHaveLength(1);
    expect(again[0]?.id).not.toBe(item);
    await expect(opened.runtime.queue.retry(item)).rejects.toMatchObject({ code: 'QUEUE_ITEM_NOT_FOUND' });
  });

  test.each(['hold', 'skip'] as const)('is given up when it is discarded (%s), also in the next process', async (onPoison) => {
    const { opened, item } = await poisoned(onPoison);
    const after = listener();
    const next = await reopened(opened, { mail: { ...after.consumer, onPoison } });
    await next.runtime.queue.discard(item, { note: 'nobody needs it' });
    await settle();
    expect(after.words()).toEqual(onPoison === 'hold' ? ['later'] : []);
    await write(next);
    expect((await next.runtime.queue.list()).items).toEqual([]);
    expect(await keptIn(next.database)).toBe(0);
    await expect(next.runtime.queue.discard(item, { note: 'again' })).rejects.toMatchObject({ code: 'QUEUE_ITEM_NOT_FOUND' });
  });

  test('knows no other act, and no other input', async () => {
    const { opened, item } = await poisoned();
    const refused = { code: 'QUEUE_ACT_NOT_ALLOWED' };
    await expect(opened.runtime.queue.settle(item, { note: 'done' })).rejects.toMatchObject(refused);
    await expect(opened.runtime.queue.retry(item, { input: 1 })).rejects.toMatchObject(refused);
  });

  test('goes with its workflow, and with its consumer', async () => {
    const { opened } = await poisoned();
    await tell(opened, 'a', { type: 'END' });
    await opened.runtime.delete('a');
    await write(opened);
    expect((await opened.runtime.queue.list()).items).toEqual([]);
    const second = await poisoned();
    const next = await reopened(second.opened, {});
    await expect(next.runtime.queue.retry(second.item)).rejects.toMatchObject({ code: 'CONSUMER_NOT_FOUND' });
    await next.runtime.outbox.remove('mail');
    expect((await next.runtime.queue.list()).items).toEqual([]);
  });

  test('of one commit is told apart', async () => {
    const heard = listener();
    for (const word of ['x1', 'x2']) heard.refused.add(word);
    const once = { ...heard.consumer, retry: { maximumAttempts: 1 }, onPoison: 'skip' } as const;
    const opened = await open({ mail: once, other: once });
    await say(opened, 'a');
    await tell(opened, 'a', { type: 'SAY_TWO', word: 'x' });
    await until(() => heard.tried.length === 4);
    await write(opened);
    const { items } = await opened.runtime.queue.list();
    expect(new Set(items.map(({ id }) => id)).size).toBe(4);
  });

  test('is there again for a consumer that comes back after its workflow was deleted, and holds back nobody for ever', async () => {
    const { opened } = await poisoned();
    const without = await reopened(opened, {});
    await tell(without, 'a', { type: 'END' });
    await without.runtime.delete('a');
    const heard = listener();
    const next = await reopened(without, { mail: heard.consumer });
    await say(next, 'a', 'good');
    const [item] = (await next.runtime.queue.list()).items;
    await next.runtime.queue.discard(item?.id ?? '', { note: 'nobody waits for it' });
    await until(() => heard.words().includes('good'));
    expect((await next.runtime.queue.list()).items).toEqual([]);
  });
});

describe('damage in the outbox', () => {
  test('of an entry holds back its workflow alone, and says so', async () => {
    const opened = await open({});
    await say(opened, 'a', '1', '2');
    await say(opened, 'b', '1');
    await closeTestRuntime(opened);
    const database = opened.database.reopen();
    const [row] = await database.entries({ from: Buffer.from('E'), to: Buffer.from('F'), limit: 1 });
    await database.write([{ kind: 'put', key: row!.key, value: flip(row!.value, 300) }]);
    const heard = listener();
    const next = await open({ mail: heard.consumer }, { database, clock: opened.clock });
    await until(() => heard.taken.length === 1);
    await write(next);
    expect(heard.words('b')).toEqual(['1']);
    const { items } = await next.runtime.queue.list();
    expect(items).toMatchObject([{ cause: 'outbox-message', workflow: 'a', failure: { class: 'RECORD_DAMAGED' } }]);
    await next.runtime.queue.discard(items[0]!.id, { note: 'it is in the history' });
    await until(() => heard.taken.length === 2);
    expect(heard.words('a')).toEqual(['2']);
  });

  test('of a key that names nobody is told, and stops nobody', async () => {
    const opened = await open({});
    await say(opened, 'a', '1');
    await closeTestRuntime(opened);
    const database = opened.database.reopen();
    await database.write([{ kind: 'put', key: Buffer.from('E\0\0\0\0\0\0\0\u0001\0\0\0\0x'), value: Buffer.from('?') }]);
    const [heard, logger] = [listener(), recordingLogger()];
    await open({ mail: heard.consumer }, { database, clock: opened.clock, logger });
    await until(() => heard.taken.length === 1);
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([{ data: { consumer: 'mail', entries: 1 } }]);
  });

  test('of a cursor has everything delivered that is kept, and is told', async () => {
    const heard = listener();
    heard.refused.add('bad');
    const opened = await open({ mail: heard.consumer });
    await say(opened, 'a', 'bad', 'later');
    await opened.clock.pass(3_000);
    await closeTestRuntime(opened);
    const database = opened.database.reopen();
    for (const { key, value } of await database.entries({ from: Buffer.from('K'), to: Buffer.from('L') })) {
      await database.write([{ kind: 'put', key, value: flip(value, 20) }]);
    }
    const [after, logger] = [listener(), recordingLogger()];
    const next = await open({ mail: after.consumer }, { database, clock: opened.clock, logger });
    await say(next, 'b', '1');
    await until(() => after.taken.length === 1);
    expect(after.words()).toEqual(['1']);
    expect(await next.runtime.outbox.lag()).toMatchObject([{ undelivered: 2, poison: 1 }]);
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([{ data: { consumer: 'mail' } }]);
  });
});

describe('a store that fails', () => {
  test('stops no consumer: what was taken meanwhile is written down over the next one, what came of the failed batch is delivered', async () => {
    const faults: ('lost' | 'applied')[] = [];
    const heard = listener();
    const opened = await open(
      { mail: heard.consumer },
      {
        onStore: (store) =>
          changedStore(store, {
            async write(batch) {
              const fault = faults.shift();
              if (fault !== 'lost') await store.write(batch);
              if (fault !== undefined) throw new Error('no space left');
            },
          }),
        reopening: (reopen) => ({ isPromising: () => Promise.resolve(true), open: reopen }),
      },
    );
    await say(opened, 'a', '1');
    await until(() => heard.taken.length === 1);
    faults.push('applied');
    await expect(tell(opened, 'a', { type: 'SAY', word: '2' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await opened.clock.pass(1_000);
    expect(opened.runtime.health().state).toBe('open');
    await tell(opened, 'a', { type: 'SAY', word: '3' });
    await until(() => heard.taken.length === 3);
    expect(heard.words()).toEqual(['1', '2', '3']);
    await write(opened);
    expect(await keptIn(opened.database.reopen())).toBe(0);
  });
});
