/** What a deadline means to the steps of a workflow. */
import { describe, expect, test } from 'vitest';
import { cancel, raise, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { Actor } from '../../src/kernel/actor.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { child as childOf } from '../../src/kernel/child.ts';
import { decideInTree, decideTreeStart } from '../../src/kernel/decide-in-tree.ts';
import { cancelOf } from '../../src/kernel/ending.ts';
import type { StepEnvelope } from '../../src/kernel/envelope.ts';
import { limits } from '../../src/kernel/limits.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { due as dueOn, wakeAt } from '../../src/kernel/wake.ts';
import { at, began, completed, controlled, decidedOn, errorNamed, failed, pending, revive, signal, took, treeOf } from './workflows.ts';

const fetch = activity<undefined, string>({ name: 'fetch', run: () => 'x', retry: { jitter: 'none', initialInterval: '1s' } });

const machine = setup({
  actors: { fetch },
  guards: {
    breaks: () => {
      throw new RangeError('broke');
    },
  },
  actions: { act: () => undefined },
}).createMachine({
  id: 'm',
  version: '1',
  initial: 'idle',
  states: {
    idle: {
      on: {
        FETCH: 'fetching',
        CANCEL: { actions: cancel('workflow.deadline') },
        RAISE: { actions: raise({ type: 'OWN' }, { id: 'workflow.deadline', delay: 500 }) },
        MANY: { actions: Array.from({ length: limits.timersMax }, () => raise({ type: 'OWN' }, { delay: 500 })) },
        MORE: { actions: raise({ type: 'OWN' }, { delay: 500 }) },
        ACT: { actions: 'act' },
        CARE: 'careful',
        BREAK: 'broken',
        FRAGILE: 'fragile',
        END: 'done',
      },
    },
    fetching: { invoke: { src: 'fetch', onDone: 'done', onError: 'refused' }, on: { CARE: 'careful' } },
    fragile: { on: { FETCH: 'guarded' } },
    guarded: { invoke: { src: 'fetch', onError: { guard: 'breaks', target: 'refused' } } },
    careful: { on: { 'workflow.deadline': 'late' } },
    late: { invoke: { src: 'fetch', onDone: 'done', onError: 'refused' } },
    broken: { on: { 'workflow.deadline': { guard: 'breaks', target: 'late' } } },
    refused: {},
    done: { type: 'final' },
  },
});

const timer: StepEnvelope = { kind: 'timer', generation: 1 };
const attemptDue = (n: number): StepEnvelope => ({ kind: 'attempt-due', n });

/** Due at 5,000. */
function started(...types: string[]): Actor {
  return types.reduce((actor, type) => took(actor, signal(type)).actor, began(machine, undefined, at(1_000), 5_000).actor);
}

test('it is armed with the first step and wakes the workflow, on disk as in memory', () => {
  const { commit, actor } = began(machine, undefined, at(1_000), 5_000);
  expect(commit.timersArmed).toMatchObject([{ id: 'workflow.deadline', generation: 1, dueAtMs: 5_000, isDeadline: true }]);
  expect(commit.record.deadline).toEqual({ atMs: 5_000 });
  for (const tree of [treeOf(actor), treeOf(revive(actor))]) {
    expect(wakeAt(tree)).toBe(5_000);
    expect(dueOn(tree, 4_999)).toEqual([]);
    expect(dueOn(tree, 5_000)).toMatchObject([{ envelope: timer }]);
  }
});

test('in the past it is due at once, under the moment that was given', () => {
  const { commit, actor } = began(machine, undefined, at(1_000), -5);
  expect(commit.record).toMatchObject({ deadline: { atMs: -5 }, timers: [{ dueAtMs: 1_000 }] });
  expect(took(actor, timer).commit.record).toMatchObject({ status: 'failed', failure: { class: 'DeadlineExceeded' } });
});

test('it goes with the end of its workflow', () => {
  const { commit, actor } = took(started(), signal('END'));
  expect(commit).toMatchObject({ timersDisarmed: [{ generation: 1 }], record: { status: 'completed', deadline: { atMs: 5_000 } } });
  expect(decidedOn(actor, timer, at(6_000))).toEqual({ kind: 'ignore' });
  expect(decidedOn(actor, { kind: 'deadline' }, at(6_000))).toEqual({ kind: 'ignore' });
});

describe('a chart', () => {
  test('neither cancels it by its name, nor takes it for a timer of its own', () => {
    const cancelled = started('CANCEL', 'RAISE');
    expect(cancelled.record.timers.map(({ generation }) => generation)).toEqual([1, 2]);
    const again = took(cancelled, signal('CANCEL'));
    expect(again.commit.timersDisarmed.map(({ generation }) => generation)).toEqual([2]);
    expect(took(cancelled, { kind: 'timer', generation: 2 }).commit.journal.envelope).toMatchObject({ kind: 'timer' });
  });

  test('has as many timers beside it as without it, and no more when it has passed', () => {
    const many = started('MANY');
    expect(many.record.timers).toHaveLength(limits.timersMax + 1);
    expect(took(many, signal('MORE')).commit.journal.outcome).toBe('parked');
    const passed = took(started('CARE'), timer, at(5_000)).actor;
    expect(passed.record.timers).toEqual([]);
  });

  test('that says nothing to it ends failed', () => {
    const { commit } = took(started(), timer, at(5_007));
    expect(commit).toMatchObject({
      journal: { envelope: { kind: 'deadline' }, outcome: 'failed', dueAtMs: 5_000, atMs: 5_007 },
      timersDisarmed: [{ generation: 1 }],
      record: {
        status: 'failed',
        deadline: { atMs: 5_000, passedAtMs: 5_007 },
        failure: { class: 'DeadlineExceeded', message: 'It was to end by 1970-01-01T00:00:05.000Z, its deadline.', state: 'idle' },
      },
    });
  });

  test('that takes it hears when it was due, and is not asked again', () => {
    const { commit, actor } = took(started('CARE'), timer, at(5_007));
    expect(commit).toMatchObject({
      journal: { outcome: 'applied', dueAtMs: 5_000 },
      effects: [{ kind: 'run-attempt' }],
      record: { status: 'running', chart: { value: 'late' }, deadline: { passedAtMs: 5_007 }, timers: [] },
    });
    for (const envelope of [timer, { kind: 'deadline' } as const]) {
      expect(decidedOn(actor, envelope, at(9_000))).toEqual({ kind: 'ignore' });
    }
    expect(took(actor, failed(1, new Error('x')), at(6_000)).commit.record.activities).toHaveLength(1);
    expect(took(actor, cancelOf(), at(6_000)).commit.record).toMatchObject({ status: 'cancelled', deadline: { passedAtMs: 5_007 } });
  });

  test('that throws on it parks the workflow, and hears of it first when that goes on', () => {
    const { commit, actor } = took(started('BREAK'), timer, at(5_000));
    expect(commit).toMatchObject({ journal: { outcome: 'parked' }, mailPut: [{ envelope: { kind: 'deadline' } }] });
    expect(commit.record.deadline).toEqual({ atMs: 5_000 });
    const { actor: unparked } = controlled(actor, 'unpark', 6_000);
    expect(took(unparked, { kind: 'deadline' }, at(6_000), 1).commit.journal).toMatchObject({ outcome: 'parked', mail: 1 });
  });
});

test('of one that is paused it waits', () => {
  const { actor } = controlled(started(), 'pause');
  expect(decidedOn(actor, timer, at(6_000))).toEqual({ kind: 'ignore' });
  expect(wakeAt(treeOf(actor))).toBeUndefined();
  expect(wakeAt(treeOf(controlled(actor, 'resume', 6_000).actor))).toBe(5_000);
});

describe('of children', () => {
  const child = setup({ actors: { fetch } }).createMachine({ id: 'child', invoke: { src: 'fetch' } });
  const parent = (on: object) =>
    setup({ actors: { child } }).createMachine({
      id: 'parent',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'child' }, on } },
    });
  /** Its child has failed once, and is to try again at 4,500. */
  const waiting = (on: object) => {
    const registered = registerMachine(parent(on));
    const begun = decideTreeStart({ machine: registered, address: rootAddress('w-1', 1), input: null, deadlineAtMs: 5_000 }, at(1_000));
    if (begun.kind === 'refuse') throw begun.error;
    decideInTree(begun.tree, { to: [1], envelope: failed(1, errorNamed('Busy')) }, at(3_500));
    return begun.tree;
  };

  test('no attempt begins from then on, either', () => {
    const tree = waiting({});
    expect(decideInTree(tree, { to: [1], envelope: attemptDue(1) }, at(4_999))).toMatchObject({ steps: [{ commit: { effects: [{}] } }] });
    const late = decideInTree(waiting({}), { to: [1], envelope: attemptDue(1) }, at(5_000));
    expect(late).toMatchObject({ steps: [{ commit: { effects: [], record: { activityFailure: { class: 'Busy' } } } }, {}] });
  });

  test('attempts begin again once the root has taken it', () => {
    const tree = waiting({ 'workflow.deadline': {} });
    const heard = decideInTree(tree, { to: [], envelope: timer }, at(5_000));
    expect(heard).toMatchObject({ steps: [{ commit: { journal: { outcome: 'applied' } } }] });
    expect(decideInTree(tree, { to: [1], envelope: attemptDue(1) }, at(6_000))).toMatchObject({
      steps: [{ commit: { effects: [{ kind: 'run-attempt' }] } }],
    });
  });

  test('the end of their root sets them free', () => {
    const free = setup({ actors: { child: childOf(child, { parentClosePolicy: 'abandon' }) } }).createMachine({
      id: 'parent',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'child' }, on: { END: 'over' } }, over: { type: 'final' } },
    });
    const address = rootAddress('w-1', 1);
    const begun = decideTreeStart({ machine: registerMachine(free), address, input: null, deadlineAtMs: 5_000 }, at(1_000));
    if (begun.kind === 'refuse') throw begun.error;
    const { tree } = begun;
    decideInTree(tree, { to: [], envelope: signal('END') }, at(2_000));
    expect(tree.root.record.status).toBe('completed');
    decideInTree(tree, { to: [1], envelope: failed(1, errorNamed('Busy')) }, at(4_500));
    expect(decideInTree(tree, { to: [1], envelope: attemptDue(1) }, at(6_000))).toMatchObject({
      steps: [{ commit: { effects: [{ kind: 'run-attempt' }] } }],
    });
  });
});

describe('from that moment on, until the root has heard of it,', () => {
  test('what is scheduled does not begin: it fails for that reason', () => {
    const { commit, actor } = took(started(), signal('FETCH'), at(5_000));
    expect(commit.effects).toEqual([]);
    expect(pending(actor)).toMatchObject({ state: 'waiting', attempt: 0 });
    const given = took(actor, attemptDue(1), at(5_000));
    expect(given.commit).toMatchObject({
      journal: { envelope: { kind: 'activity-timed-out', n: 1, isPastDeadline: true }, outcome: 'applied' },
      effects: [],
      record: { chart: { value: 'refused' } },
    });
    expect(given.commit.record.activityFailure).toMatchObject({ class: 'DeadlineExceeded', attempt: 0, activity: 'fetch' });
    expect(took(started(), signal('FETCH'), at(4_999)).commit.effects).toMatchObject([{ kind: 'run-attempt' }]);
  });

  test('what does not begin is heard of again where that made the chart throw', () => {
    const waiting = took(started('FRAGILE'), signal('FETCH'), at(5_000)).actor;
    const { commit, actor } = took(waiting, attemptDue(1), at(5_000));
    expect(commit).toMatchObject({ journal: { outcome: 'parked' }, activitiesPut: [{ n: 1, state: 'settled' }] });
    const { actor: unparked } = controlled(actor, 'unpark', 6_000);
    const [row] = commit.mailPut;
    const again = took(unparked, row?.envelope as StepEnvelope, at(6_000), row?.n);
    expect(again.commit.journal).toMatchObject({ outcome: 'parked', envelope: { kind: 'activity-timed-out' } });
    expect(decidedOn(unparked, { kind: 'activity-timed-out', n: 7, isPastDeadline: true }, at(6_000))).toEqual({ kind: 'ignore' });
  });

  test('custom actions run', () => {
    expect(took(started(), signal('ACT'), at(5_000)).commit.effects).toMatchObject([{ kind: 'run-attempt' }]);
  });

  test('no retry begins: the last error is the outcome, as of one that would begin then', () => {
    const fetching = started('FETCH');
    const late = took(fetching, failed(1, errorNamed('Busy')), at(4_000));
    expect(late.commit.record).toMatchObject({ chart: { value: 'refused' }, activityFailure: { class: 'Busy', retryable: false } });
    const early = took(fetching, failed(1, errorNamed('Busy', 'try later')), at(3_999));
    expect(pending(early.actor)).toMatchObject({ state: 'backoff', nextAttemptAtMs: 4_999 });
    expect(took(early.actor, attemptDue(1), at(4_999)).commit.effects).toHaveLength(1);
    const missed = took(early.actor, attemptDue(1), at(5_000));
    expect(missed.commit.effects).toEqual([]);
    expect(missed.commit.record).toMatchObject({
      chart: { value: 'refused' },
      activityFailure: { class: 'Busy', message: 'try later', attempt: 1, retryable: false },
    });
    const hurried = took(early.actor, { kind: 'activity-hurried', n: 1 }, at(5_000));
    expect(pending(hurried.actor).state).toBe('waiting');
    expect(hurried.commit.effects).toEqual([]);
  });

  test('nothing follows on what was lost', () => {
    const lost: StepEnvelope = { kind: 'attempt-lost', n: 1, attempt: 1 };
    expect(took(started('FETCH'), lost, at(4_999)).commit.effects).toHaveLength(1);
    const { commit } = took(started('FETCH'), lost, at(5_000));
    expect(commit).toMatchObject({ effects: [], record: { chart: { value: 'refused' }, activityFailure: { class: 'AttemptLost' } } });
  });

  test('what runs may still come to an end', () => {
    expect(took(started('FETCH'), completed(1, 'x'), at(5_000)).commit.record.status).toBe('completed');
  });
});
