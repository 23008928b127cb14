import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import type { ActivityOptions } from '../../src/kernel/activity.ts';
import { activity } from '../../src/kernel/activity.ts';
import type { Actor } from '../../src/kernel/actor.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { encodeCursor } from '../../src/kernel/cursor.ts';
import type { StepEnvelope } from '../../src/kernel/envelope.ts';
import { decideAct, isOwed, poisonPosition } from '../../src/kernel/queue-acts.ts';
import type { QueueAct } from '../../src/kernel/queue-acts.ts';
import { describeItem, showDetails } from '../../src/kernel/queue-item.ts';
import { checkQueueList, matchesQueueFilter, queueGroupsOf } from '../../src/kernel/queue-query.ts';
import type { QueueCause, QueueRecord } from '../../src/kernel/queue-record.ts';
import { queueItemId } from '../../src/kernel/queue-record.ts';
import { due, wakeAt } from '../../src/kernel/wake.ts';
import { at, began, completed, controlled, decidedOn, failed, pending, revive, signal, took, treeOf, walked } from './workflows.ts';

function machineWith(options: ActivityOptions<unknown, unknown> = {}) {
  const work = activity<unknown, unknown>({ name: 'work', run: () => 1, deadLetter: true, retry: { maximumAttempts: 1 }, ...options });
  return setup({ actors: { work } }).createMachine({
    id: 'job',
    version: '1',
    initial: 'busy',
    states: {
      busy: {
        tags: 'needs-decision',
        invoke: { src: 'work', onDone: 'done', onError: 'failed' },
        on: { AGAIN: { target: 'busy', reenter: true } },
      },
      done: {},
      failed: {},
    },
  });
}

const settledState = { state: 'exhausted', lastFailure: { class: 'Error' } };
const timedOut: StepEnvelope = { kind: 'activity-timed-out', n: 1 };

describe('an activity that waits for a person', () => {
  const start = (options?: ActivityOptions<unknown, unknown>): Actor => began(machineWith(options)).actor;
  const exhausted = (options?: ActivityOptions<unknown, unknown>): Actor => took(start(options), failed(1, new Error('no'))).actor;

  test.each<readonly [string, StepEnvelope]>([
    ['failed for good', failed(1, new Error('no'))],
    ['was lost and may not begin again', { kind: 'attempt-lost', n: 1, attempt: 1 }],
    ['was given back and may not begin again', { kind: 'attempt-released', n: 1, attempt: 1, hasBegun: true }],
    ['took too long', { kind: 'attempt-timed-out', n: 1, attempt: 1 }],
  ])('is one that %s', (_why, envelope) => {
    const { commit, actor } = took(start(), envelope);
    const activityAfter = pending(actor);
    expect(activityAfter).toMatchObject({
      state: 'exhausted',
      attempt: 1,
      exhaustedAtMs: 2_000,
      lastFailure: { activity: 'work', retryable: false },
    });
    expect(activityAfter).not.toHaveProperty('attemptStartedAtMs');
    expect(commit).toMatchObject({
      journal: { outcome: 'noted', value: 'busy' },
      effects: envelope.kind === 'attempt-timed-out' ? [{}] : [],
    });
    expect(commit.queuePut).toMatchObject([{ kind: 'dead-letter', cause: 'activity', n: 1, atMs: 2_000, name: 'work', attempts: 1 }]);
  });

  test('is also one that took too long as a whole, or has no time left for another attempt', () => {
    const whole = start({ scheduleToCloseTimeout: '10s', retry: { maximumAttempts: 5 } });
    expect(pending(took(whole, timedOut).actor)).toMatchObject({ state: 'exhausted', lastFailure: { class: 'ScheduleToCloseTimeout' } });
    expect(pending(took(whole, failed(1, new Error('no')), at(10_999)).actor)).toMatchObject(settledState);
  });

  test('is woken by nothing, and keeps nobody in memory', () => {
    const actor = exhausted({ scheduleToCloseTimeout: '10s' });
    const tree = treeOf(actor);
    expect([wakeAt(tree), due(tree, 1e12), tree.isActive]).toEqual([undefined, [], false]);
    expect(poisonPosition(actor.record)).toBeUndefined();
    const wakeUps: StepEnvelope[] = [
      timedOut,
      { kind: 'attempt-due', n: 1 },
      { kind: 'activity-hurried', n: 1 },
      { kind: 'attempt-lost', n: 1, attempt: 1 },
    ];
    for (const envelope of wakeUps) expect(decidedOn(actor, envelope, at(99_000))).toEqual({ kind: 'ignore' });
    expect(decidedOn(controlled(actor, 'pause').actor, timedOut, at(99_000))).toEqual({ kind: 'ignore' });
    expect(took(actor, completed(1, 'late')).commit.journal.outcome).toBe('late');
  });

  test('that took too long is left with nothing where a person does without it', () => {
    const late = took(start(), { kind: 'attempt-timed-out', n: 1, attempt: 1 });
    const [item] = late.commit.queuePut ?? [];
    const decision = decideAct(treeOf(late.actor), item!, { kind: 'discard', note: 'why' }, at(3_000));
    expect(decision).toMatchObject({ kind: 'commit', steps: [{ commit: { record: { chart: { value: 'failed' } } } }] });
  });

  test('is retried only then', () => {
    const retry: StepEnvelope = { kind: 'activity-retried', n: 1 };
    expect(decidedOn(start(), retry, at(2_000))).toEqual({ kind: 'ignore' });
    const { actor, commit } = took(exhausted({ scheduleToCloseTimeout: '10s' }), retry, at(5_000));
    expect(pending(actor)).toMatchObject({ state: 'waiting', attempt: 1, uncharged: 1, scheduledAtMs: 5_000, scheduleToCloseAtMs: 15_000 });
    expect(pending(actor)).not.toHaveProperty('lastError');
    expect(commit.queueRemoved).toEqual([{ kind: 'dead-letter', cause: 'activity', address: actor.record.address, n: 1, atMs: 2_000 }]);
    expect(treeOf(actor).isActive).toBe(true);
  });

  test('has an item of its own each time, also within a millisecond', () => {
    const times = [2_000, 2_000, 2_000];
    let actor = start();
    const moments = times.map((nowMs, index) => {
      const step = took(actor, failed(1, new Error('no'), index + 1), at(nowMs));
      const [item] = step.commit.queuePut ?? [];
      actor = took(took(step.actor, { kind: 'activity-retried', n: 1 }, at(nowMs)).actor, { kind: 'attempt-due', n: 1 }, at(nowMs)).actor;
      return item?.atMs;
    });
    expect(moments).toEqual([2_000, 2_001, 2_002]);
  });

  test('that is settled while its workflow is paused waits for its outcome alone', () => {
    const paused = controlled(exhausted(), 'pause').actor;
    const kept = took(paused, { kind: 'activity-completed', n: 1, output: 'by hand', by: 'ada', note: 'why' }, at(4_000));
    expect(pending(kept.actor)).toMatchObject({ state: 'settled' });
    expect(pending(kept.actor)).not.toHaveProperty('lastError');
    expect(kept.commit.queueRemoved).toHaveLength(1);
  });

  test('is declared so with true or false', () => {
    expect(() => activity({ deadLetter: 'yes' as never })).toThrow('activity: deadLetter must be true or false; found "yes".');
    expect(pending(exhausted())).toMatchObject(settledState);
    expect(took(start({ deadLetter: false }), failed(1, new Error('no'))).commit.record.chart.value).toBe('failed');
  });
});

describe('a decision', () => {
  test('stays the same one while its state does, whatever else is noted, and over a restart', () => {
    const first = began(machineWith());
    const [item] = first.commit.queuePut ?? [];
    expect(item).toEqual({
      kind: 'decision',
      cause: 'decision',
      address: rootAddress('w-1', 1),
      n: 1,
      atMs: 1_000,
      machine: { id: 'job', version: '1' },
      name: 'busy',
    });
    const later = walked(revive(first.actor), signal('AGAIN'), signal('UNKNOWN'), failed(2, new Error('no')));
    expect(later.commit.record.decisions).toEqual({ last: 1, open: [{ n: 1, state: 'busy', atMs: 1_000 }] });
    const over = took(later.actor, { kind: 'activity-completed', n: 2, output: 'x', by: 'ada', note: 'why' }, at(9_000));
    expect(over.commit.record.decisions).toEqual({ last: 1, open: [] });
    expect(over.commit.queueRemoved).toHaveLength(2);
  });

  test('of a whole chart has the name of its machine', () => {
    const machine = setup({}).createMachine({
      id: 'desk',
      version: '1',
      tags: ['needs-decision'],
      initial: 'a.b',
      states: { 'a.b': { tags: 'needs-decision' } },
    });
    expect(began(machine).commit.queuePut?.map(({ name }) => name)).toEqual(['desk', String.raw`a\.b`]);
  });

  test('is nothing that a chart without such a state has to do with', () => {
    const { commit } = began(setup({}).createMachine({ id: 'plain', version: '1' }));
    expect(commit).not.toHaveProperty('queuePut');
    expect(commit.record).not.toHaveProperty('decisions');
  });

  test('goes when its workflow ends', () => {
    const { actor } = began(machineWith());
    const { commit } = took(actor, { kind: 'terminate', reason: 'enough' });
    expect(commit.queueRemoved).toMatchObject([{ kind: 'decision', n: 1 }]);
    expect(commit.record.decisions?.open).toEqual([]);
  });
});

describe('an item as it is shown', () => {
  const record = (cause: QueueCause, more: Partial<QueueRecord> = {}): QueueRecord => ({
    kind: 'deferred',
    cause,
    address: rootAddress('w', 1),
    n: 1,
    atMs: 1_000,
    machine: { id: 'm', version: '1' },
    ...more,
  });

  test.each<readonly [QueueCause, string]>([
    ['undo', 'The undo of "" of workflow "w" failed for good: E: x. What it should have taken back still stands.'],
    ['outbox-message', 'An emitted event of workflow "w" could not be delivered to the outbox consumer "": E: x.'],
    ['orphan-effect', 'Activity "" of workflow "w" took effect after its undo had begun, which did not know of that. It may still stand.'],
    ['activity', 'Activity "" of workflow "w" failed for good: E: x. The workflow waits for what comes of it.'],
    [
      'event',
      'The chart of workflow "w" threw on what it was told: E: x. The workflow is parked and does nothing until that is mended or left out.',
    ],
    ['decision', 'State "" of workflow "w" waits for a decision, made by sending it an event.'],
  ])('says what happened: %s', (cause, what) => {
    const failure = { class: 'E', message: 'x' };
    expect(showDetails(record(cause, { failure }), {}, 3_500)).toMatchObject({ what, ageMs: 2_500, sinceAtMs: 1_000 });
  });

  test('has no age if the clock was set back, and no name if it has none', () => {
    expect(showDetails(record('undo'), {}, 0)).toMatchObject({ ageMs: 0 });
    expect(describeItem(record('undo'))).not.toHaveProperty('name');
  });

  test('is in the groups of what is known of it', () => {
    const told = record('undo', { name: 'pay', failure: { class: 'E', message: 'x' } });
    const { machine: _, ...place } = record('undo');
    const groups = (['kind', 'cause', 'machine', 'name', 'failureClass'] as const).map((group) => [
      queueGroupsOf(told, group),
      queueGroupsOf({ ...place, isDamaged: true }, group),
    ]);
    expect(groups).toEqual([
      [['deferred'], ['deferred']],
      [['undo'], ['undo']],
      [['m'], []],
      [['pay'], []],
      [['E'], []],
    ]);
    expect(queueGroupsOf(told, undefined)).toEqual(['']);
    expect(matchesQueueFilter({ ...place, isDamaged: true }, { machine: 'm' })).toBe(false);
  });

  test.each(['undo', 'orphan-effect'] as const)('of cause %s is no more than what the ledger says of it', (cause) => {
    const { actor } = began(machineWith());
    const act: QueueAct = { kind: 'retry' };
    const decision = decideAct(treeOf(actor), { ...record(cause), address: actor.record.address }, act, at(2_000));
    expect(decision).toMatchObject({ kind: 'refuse', error: { code: 'QUEUE_ITEM_NOT_FOUND' } });
  });

  test('of an undo may not be discarded: what stands is undone, settled or written off', () => {
    const act: QueueAct = { kind: 'discard', note: 'why' };
    const address = rootAddress('w-1', 1);
    const entry = {
      n: 1,
      src: 'pay',
      name: 'pay',
      outcome: 'completed',
      settledAt: 2,
      input: 5,
      undo: 'deferred',
      deferredAtMs: 7,
    } as const;
    const { actor } = began(machineWith({ compensate: { run: () => undefined } }));
    const owing: Actor = { ...actor, ledger: new Map([[1, entry]]) };
    const decision = decideAct(treeOf(owing), { ...record('undo'), address, atMs: 7 }, act, at(2_000));
    expect(decision).toMatchObject({
      kind: 'refuse',
      error: { code: 'QUEUE_ACT_NOT_ALLOWED', details: { acts: ['retry', 'settle', 'writeOff'] } },
    });
  });

  test('of another run than the one that is there waits no more', () => {
    const { actor } = began(machineWith());
    const tree = treeOf(took(actor, failed(1, new Error('no'))).actor);
    const place = { kind: 'dead-letter', cause: 'activity', address: rootAddress('w-1', 1), n: 1, atMs: 2_000 } as const;
    expect([isOwed(tree, place), isOwed(tree, { ...place, address: rootAddress('w-1', 2) })]).toEqual([true, false]);
    expect(showDetails({ ...record('activity'), ...place, n: 9 }, { tree }, 3_000)).toBeUndefined();
  });

  test('of a decision says so where nothing is accepted', () => {
    const machine = setup({}).createMachine({ id: 'desk', version: '1', tags: ['needs-decision'] });
    const { actor, commit } = began(machine);
    const [item] = commit.queuePut ?? [];
    const decision = decideAct(treeOf(actor), item!, { kind: 'settle', note: 'why', output: null }, at(2_000));
    expect(decision).toMatchObject({
      kind: 'refuse',
      error: { message: expect.stringMatching(/not by settle: it accepts none now\.$/) as string },
    });
  });

  test('is found by its cursor, and by no other text', () => {
    const filter = checkQueueList({}, {}).filter;
    const { next, other } = {
      next: encodeCursor(['queue', filter], [queueItemId(record('undo'))]),
      other: encodeCursor(['queue', filter], ['m-1']),
    };
    expect(checkQueueList({}, { cursor: next }).after).toMatchObject({ cause: 'undo', n: 1 });
    expect(() => checkQueueList({}, { cursor: other })).toThrow('is no cursor; give the next of the page before');
  });

  test('of a message is the business of the outbox, not of its workflow', () => {
    const { actor } = began(machineWith());
    const tree = treeOf(actor);
    for (const act of [{ kind: 'retry' }, { kind: 'writeOff', note: 'why' }] satisfies QueueAct[]) {
      const decision = decideAct(tree, { ...record('outbox-message'), address: actor.record.address }, act, at(2_000));
      expect(decision).toMatchObject({ kind: 'refuse', error: { code: 'QUEUE_ACT_NOT_ALLOWED', details: { acts: ['retry', 'discard'] } } });
    }
  });
});
