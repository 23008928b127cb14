/** Which pending activities stand in the record of their actor, and what is written of them. */
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import type { Taken } from './workflows.ts';
import { began, completed, controlled, errorNamed, failed, signal, took } from './workflows.ts';

const work = activity<{ readonly text: string }, string>({ run: () => 'done', retry: { maximumAttempts: 3 } });
const small = 'lamp';
const large = 'x'.repeat(limits.activityInRecordSizeMax);

/** As many activities at once as there are inputs. */
function working(...texts: readonly string[]): Taken {
  const machine = setup({ actors: { work } }).createMachine({
    id: 'order',
    version: '1',
    initial: 'busy',
    states: {
      busy: {
        invoke: texts.map((text, index) => ({ src: 'work' as const, id: `work-${index + 1}`, input: { text } })),
        on: { LEAVE: 'left', AGAIN: { target: 'busy', reenter: true } },
      },
      left: {},
    },
  });
  return began(machine);
}

function numbersIn({ activities }: ActorRecord): readonly number[] {
  return activities.filter((pending) => 'src' in pending).map(({ n }) => n);
}

describe('an activity', () => {
  test('whose input is small stands whole in the record of its actor', () => {
    const { commit, actor } = working(small);
    expect(commit.record.activities).toStrictEqual([actor.activities.get(1)]);
    expect(commit).toMatchObject({ activitiesPut: [{ n: 1, isInRecord: true }], activityMark: 'put' });
  });

  test('whose input is large has a row of its own, and the record its name', () => {
    const { commit, actor } = working(large);
    expect(commit.record.activities).toStrictEqual([{ n: 1, childId: 'work-1' }]);
    expect(actor.activities.get(1)).not.toHaveProperty('isInRecord');
    expect(commit).not.toHaveProperty('activityMark');
  });

  test('has a row if as many are pending as may stand there', () => {
    const { commit } = working(small, large, ...Array.from({ length: limits.activitiesInRecordMax }, () => small));
    expect(commit.record.activities).toHaveLength(limits.activitiesInRecordMax + 2);
    expect(numbersIn(commit.record)).toEqual([1, 3, 4]);
  });

  test('whose attempt failed moves to a row: what is told of it may be large', () => {
    const { commit, actor } = took(working(small, small).actor, failed(1, errorNamed('Busy')));
    expect(actor.activities.get(1)).toMatchObject({ state: 'backoff', lastFailure: { class: 'Busy' } });
    expect(actor.activities.get(1)).not.toHaveProperty('isInRecord');
    expect(numbersIn(commit.record)).toEqual([2]);
    expect(commit).not.toHaveProperty('activityMark');
    const last = took(actor, failed(2, errorNamed('Busy')));
    expect(last.commit).toMatchObject({ activityMark: 'removed', activityRowsRemoved: [] });
    const begun = took(last.actor, { kind: 'attempt-due', n: 1 });
    expect(begun.commit.record.activities).toStrictEqual([
      { n: 1, childId: 'work-1' },
      { n: 2, childId: 'work-2' },
    ]);
  });

  test.each<[string, Parameters<typeof took>[1]]>([
    ['showing how far it is', { kind: 'attempt-heartbeat', n: 1, attempt: 1, heartbeatDetails: 'half' }],
    ['adjusted by hand', { kind: 'activity-adjusted', n: 1, startToCloseTimeoutMs: 5 }],
  ])('that is %s moves to a row, too', (_what, envelope) => {
    const { commit, actor } = took(working(small).actor, envelope);
    expect(actor.activities.get(1)).not.toHaveProperty('isInRecord');
    expect(commit).toMatchObject({ activityMark: 'removed', activitiesPut: [{ n: 1 }] });
  });

  test('that ends takes away a row only if it has one', () => {
    const ended = took(working(small, large).actor, completed(1, 'x'));
    expect(ended.commit).toMatchObject({ activitiesRemoved: [1], activityRowsRemoved: [], activityMark: 'removed' });
    expect(took(ended.actor, completed(2, 'y')).commit).toMatchObject({ activitiesRemoved: [2], activityRowsRemoved: [2] });
    const left = took(working(small, large).actor, signal('LEAVE'));
    expect(left.commit).toMatchObject({ activitiesRemoved: [1, 2], activityRowsRemoved: [2], record: { activities: [] } });
  });

  test('that follows on another leaves the mark where it is', () => {
    const again = took(working(small).actor, signal('AGAIN'));
    expect(again.commit).toMatchObject({ activitiesRemoved: [1], activityRowsRemoved: [], activitiesPut: [{ n: 2, isInRecord: true }] });
    expect(again.commit).not.toHaveProperty('activityMark');
  });

  test('whose outcome waits in the mailbox says so in the record, as those beside it do not', () => {
    const paused = controlled(working(small, small, large).actor, 'pause');
    expect(paused.commit.record.activities).toStrictEqual(working(small, small, large).commit.record.activities);
    const settled = took(paused.actor, completed(2, 'x'));
    expect(settled.commit.record.activities).toMatchObject([{ state: 'running' }, { state: 'settled' }, { n: 3 }]);
    const both = took(settled.actor, completed(3, 'x'));
    expect(both.commit.record.activities[2]).toStrictEqual({ n: 3, childId: 'work-3' });
    expect(both.commit).toMatchObject({ activitiesPut: [{ n: 3, state: 'settled' }] });
  });
});
