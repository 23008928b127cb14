import { describe, expect, it } from 'vitest';
import type { QueuePlace, QueueRecord } from '../../src/kernel/queue-record.ts';
import { parseQueueItemId, putQueueItem, queueItemId, removeQueueItem } from '../../src/kernel/queue-record.ts';

const place: QueuePlace = {
  kind: 'dead-letter',
  cause: 'activity',
  address: { workflowId: 'w', run: 2, path: [3, 1] },
  n: 7,
  atMs: 1_000.5,
};
const record: QueueRecord = { ...place, machine: { id: 'm', version: '1' }, name: 'm.pay' };

describe('the id of an item of the queue', () => {
  it.each(['w', ':', 'a:b:1:2', '\0', 'dead-letter:activity:1:1:1::w', 'ид 🙂\n\u2028', '%2F/..'])(
    'is read back, whatever the workflow is called: %j',
    (workflowId) => {
      for (const path of [[], [1], [3, 12]]) {
        const other: QueuePlace = { ...place, address: { workflowId, run: 2, path } };
        expect(parseQueueItemId(queueItemId(other))).toEqual(other);
      }
    },
  );

  it('tells items apart that differ in anything', () => {
    const { address } = place;
    const others: QueuePlace[] = [
      place,
      { ...place, kind: 'deferred' },
      { ...place, cause: 'event' },
      { ...place, n: 8 },
      { ...place, atMs: 1_000 },
      { ...place, address: { ...address, run: 1 } },
      { ...place, address: { ...address, path: [31] } },
      { ...place, address: { ...address, workflowId: 'w2' } },
    ];
    expect(new Set(others.map(queueItemId)).size).toBe(others.length);
  });

  it.each([
    '',
    'w',
    'dead-letter:activity:1:1:1::',
    'letter:activity:1:1:1::w',
    'dead-letter:task:1:1:1::w',
    'dead-letter:activity:01:1:1::w',
  ])('is not made of %j', (text) => expect(parseQueueItemId(text)).toBeUndefined());
});

describe('the changes of a step to the queue', () => {
  it('leave out an item that was put and taken away', () => {
    const draft = { queuePut: [] as QueueRecord[], queueRemoved: [] as QueuePlace[] };
    putQueueItem(draft, record);
    removeQueueItem(draft, { ...place });
    expect(draft).toEqual({ queuePut: [], queueRemoved: [] });
  });

  it('keep an item that was taken away and put again', () => {
    const draft = { queuePut: [] as QueueRecord[], queueRemoved: [] as QueuePlace[] };
    removeQueueItem(draft, place);
    putQueueItem(draft, record);
    expect(draft).toEqual({ queuePut: [record], queueRemoved: [] });
  });
});
