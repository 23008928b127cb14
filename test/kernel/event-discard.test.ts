import { describe, expect, test } from 'vitest';
import { sendTo, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { child } from '../../src/kernel/child.ts';
import { discardEvent } from '../../src/kernel/event-discard.ts';
import type { MailRecord } from '../../src/kernel/mail-record.ts';
import { poisonPlace } from '../../src/kernel/queue-poison.ts';
import { Family } from './families.ts';

const context = { nowMs: 9_000 };
const act = { by: 'ada', note: 'why' };

const bad = (): never => {
  throw new RangeError('poison');
};

/** A parent that tells its child what it cannot bear, and may have ended by then. */
const parent = setup({
  actors: {
    part: child(setup({}).createMachine({ id: 'part', on: { BAD: { guard: bad } }, after: { 1_000: { guard: bad } } }), {
      parentClosePolicy: 'abandon',
    }),
  },
}).createMachine({
  id: 'parent',
  version: '1',
  initial: 'busy',
  states: {
    busy: { on: { TELL: { actions: sendTo('part', { type: 'BAD' }) }, END: 'end' } },
    end: { type: 'final' },
  },
  invoke: { id: 'part', src: 'part' },
});

function parkedOn(family: Family): MailRecord {
  const [row] = family.stored().mail;
  expect(family.root.record.parked?.reason).toBe('poison');
  return row!;
}

function discarded(family: Family, row: MailRecord) {
  return discardEvent(family.tree, row, poisonPlace(family.root.record)!, act, context)!.map(({ commit }) => commit);
}

test('what a workflow is parked on waits in the queue whatever else is written down meanwhile', () => {
  const family = new Family(
    setup({ actors: { work: activity({ run: () => 1 }) } }).createMachine({
      id: 'job',
      version: '1',
      invoke: { src: 'work' },
      on: { BAD: { guard: bad } },
    }),
  );
  family.send('BAD');
  parkedOn(family);
  const [commit] = family.tell([], { kind: 'attempt-handed-over', n: 1, attempt: 1 });
  expect(commit).toMatchObject({ record: { status: 'parked' }, activitiesPut: [{ n: 1, isHandedOver: true }] });
  expect(commit!.queueRemoved ?? []).toEqual([]);
});

describe('an event that a child threw on, left out', () => {
  test('lets the workflow go on, and leaves nothing in the queue', () => {
    const family = new Family(parent);
    family.send('TELL');
    const place = poisonPlace(family.root.record);
    const [commit] = discarded(family, parkedOn(family));
    expect(commit).toMatchObject({ record: { status: 'running' }, mailRemoved: [1], queueRemoved: [place] });
    expect(commit!.journal).toMatchObject({ envelope: { kind: 'event-discarded', from: 'message', to: [1], ...act } });
  });

  test('leaves a workflow closed that has ended', () => {
    const family = new Family(parent);
    family.send('END');
    expect(family.root.record.status).toBe('completed');
    const [timer] = family.stored(1).record.timers;
    family.tell([1], { kind: 'timer', generation: timer!.generation });
    const row = parkedOn(family);
    const [commit, own] = discarded(family, row);
    expect(commit!.record.status).toBe('completed');
    expect(own!.record.timers).toEqual([]);
    // Also if the timer is not there any more: there is nothing to disarm then.
    const gone = { ...row, envelope: { kind: 'timer', generation: 99 } } as const;
    const commits = discarded(family, gone);
    expect(commits).toHaveLength(1);
    expect(commits[0]!.journal.envelope).toMatchObject({ kind: 'event-discarded', event: null, from: 'timer' });
  });
});
