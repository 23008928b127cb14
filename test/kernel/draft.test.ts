import { describe, expect, test } from 'vitest';
import { assign, cancel, enqueueActions, raise, setup, spawnChild } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import { at, began, completed, decidedOn, signal, taken, took, walked } from './workflows.ts';

const work = activity<unknown, unknown>({ run: () => 1, retry: { maximumAttempts: 1 } });
const base = setup({ actors: { work } });

describe('timers', () => {
  const waiting = base.createMachine({
    id: 'waiting',
    version: '1',
    initial: 'a',
    states: { a: { after: { 1_000: 'b' }, on: { SKIP: 'b', AGAIN: { target: 'a', reenter: true } } }, b: { on: { BACK: 'a' } } },
  });

  test('are due by absolute time, and fire as the chart’s own event', () => {
    const first = began(waiting, undefined, at(10_000));
    const timer = {
      id: 'xstate.after.1000.waiting.a',
      generation: 1,
      armedAtMs: 10_000,
      dueAtMs: 11_000,
      event: { type: 'xstate.after.1000.waiting.a' },
    };
    expect(first.commit).toMatchObject({ timersArmed: [timer], record: { timers: [timer] }, journal: { armed: [timer] } });
    const fired = took(first.actor, { kind: 'timer', generation: 1 }, at(11_500));
    expect(fired.commit).toMatchObject({ timersDisarmed: [timer], timersArmed: [], journal: { outcome: 'applied', cancelled: [1] } });
    expect(fired.commit.record).toMatchObject({ timers: [], chart: { value: 'b' } });
  });

  test('go with their state', () => {
    const left = took(began(waiting).actor, signal('SKIP'));
    expect(left.commit).toMatchObject({ timersDisarmed: [{ generation: 1 }], record: { timers: [] } });
    expect(decidedOn(left.actor, { kind: 'timer', generation: 1 }, at(9_000))).toEqual({ kind: 'ignore' });
  });

  test('of one state entered again are told apart', () => {
    const again = took(began(waiting).actor, signal('AGAIN'), at(3_000));
    expect(again.commit).toMatchObject({ timersDisarmed: [{ generation: 1 }], timersArmed: [{ generation: 2, dueAtMs: 4_000 }] });
    expect(decidedOn(again.actor, { kind: 'timer', generation: 1 }, at(9_000))).toEqual({ kind: 'ignore' });
    expect(took(again.actor, { kind: 'timer', generation: 2 }).commit.record.chart.value).toBe('b');
  });

  test.each<[number, number]>([
    [0, 0],
    [-5, 0],
    [-Infinity, 0],
    [0.1, 1],
    [1_000.5, 1_001],
    [2 ** 31, 2 ** 31],
    [2 ** 31 * 1_000, 2 ** 31 * 1_000],
    [limits.delayMsMax, limits.delayMsMax],
  ])('with a delay of %d are due in %d ms', (delay, due) => {
    const machine = setup({ delays: { some: () => delay } }).createMachine({
      id: 'd',
      version: '1',
      initial: 'a',
      states: { a: { after: { some: 'b' } }, b: {} },
    });
    expect(began(machine, undefined, at(500)).commit.record.timers).toMatchObject([{ armedAtMs: 500, dueAtMs: 500 + due }]);
  });

  test.each([NaN, Infinity, limits.delayMsMax + 1, 1e20, '5s' as never])('with a delay of %s fail the step and name the state', (delay) => {
    const machine = setup({ delays: { some: () => delay } }).createMachine({
      id: 'd',
      version: '1',
      initial: 'rest',
      states: { rest: { on: { GO: 'a' } }, a: { after: { some: 'rest' } } },
    });
    const { commit } = took(began(machine).actor, signal('GO'));
    expect(commit.record).toMatchObject({ status: 'parked', timers: [], chart: { value: 'rest' }, parked: { reason: 'poison' } });
    expect(commit.record.parked?.failure.message).toContain(`The delay of state "d.a" is ${delay}; give milliseconds up to 100 years`);
  });

  test('with a dot in the name of their delay name their state all the same', () => {
    const machine = setup({ delays: { 'my.delay': () => NaN } }).createMachine({
      id: 'd',
      version: '1',
      initial: 'rest',
      states: { rest: { on: { GO: 'in' } }, in: { initial: 'x', states: { x: { after: { 'my.delay': '#d.rest' } } } } },
    });
    const { commit } = took(began(machine).actor, signal('GO'));
    expect(commit.record.parked?.failure.message).toContain('The delay of state "d.in.x" is NaN');
  });

  test('with a wrong delay of a raised event fail the step and name event and state', () => {
    const states = { a: { on: { GO: { actions: raise({ type: 'LATER' }, { delay: () => NaN }) } } } };
    const machine = base.createMachine({ id: 'd', version: '1', initial: 'a', states });
    expect(took(began(machine).actor, signal('GO')).commit.record.parked?.failure.message).toContain(
      'the delayed event "LATER" in state "a" is NaN',
    );
  });
});

describe('delayed events', () => {
  const later = (id: string | undefined, type: string) => raise({ type }, { delay: 1_000, ...(id === undefined ? {} : { id }) });

  test('cancelled in the step that scheduled them leave no trace', () => {
    const machine = base.createMachine({
      id: 'c',
      version: '1',
      initial: 'rest',
      states: { rest: { on: { GO: { actions: [later('x', 'LATER'), cancel('x')] } } } },
    });
    const { commit, actor } = took(began(machine).actor, signal('GO'));
    expect(commit).toMatchObject({ timersArmed: [], timersDisarmed: [], journal: { armed: [], cancelled: [] }, record: { timers: [] } });
    // The number it had is not given again.
    expect(took(actor, signal('GO')).commit.record.counters.timer).toBe(2);
  });

  test('cancelled before they are scheduled anew under the same id are', () => {
    const machine = base.createMachine({ id: 'c', version: '1', on: { GO: { actions: [cancel('x'), later('x', 'LATER')] } } });
    const first = took(began(machine).actor, signal('GO'));
    expect(first.commit.record.timers).toMatchObject([{ id: 'x', generation: 1 }]);
    const second = took(first.actor, signal('GO'));
    expect(second.commit).toMatchObject({ timersDisarmed: [{ generation: 1 }], timersArmed: [{ generation: 2 }] });
    expect(second.commit.record.timers).toMatchObject([{ id: 'x', generation: 2 }]);
  });

  test('scheduled twice under one id both fire, and one cancel takes both', () => {
    const machine = base.createMachine({
      id: 'c',
      version: '1',
      entry: [later('x', 'FIRST'), later('x', 'SECOND')],
      on: { STOP: { actions: cancel('x') }, FIRST: {}, SECOND: {} },
    });
    const first = began(machine);
    expect(first.commit.record.timers.map(({ generation }) => generation)).toEqual([1, 2]);
    expect(walked(first.actor, { kind: 'timer', generation: 1 }, { kind: 'timer', generation: 2 }).commit.journal).toMatchObject({
      outcome: 'applied',
    });
    const stopped = took(first.actor, signal('STOP'));
    expect(stopped.commit).toMatchObject({ timersDisarmed: [{ generation: 1 }, { generation: 2 }], record: { timers: [] } });
  });

  test('carry their data, also over a restart', () => {
    const moment = new Date(77);
    const machine = setup({
      types: { context: {} as { at: Date }, events: {} as { type: 'LATER'; at: Date } },
    }).createMachine({
      id: 'c',
      version: '1',
      context: { at: new Date(0) },
      entry: raise({ type: 'LATER', at: moment }, { delay: 5 }),
      on: { LATER: { actions: assign({ at: ({ event }) => event.at }) } },
    });
    const first = began(machine);
    expect(first.commit.record.timers).toMatchObject([{ id: 'timer.1', event: { type: 'LATER', at: { $type: 'Date', value: 77 } } }]);
    const fired = took(first.actor, { kind: 'timer', generation: 1 });
    expect(fired.actor.chart.snapshot.context).toEqual({ at: moment });
  });

  test('that cannot be stored fail the step with the path', () => {
    const events = {} as { type: 'GO' } | { type: 'LATER'; callback: () => number };
    const machine = setup({ types: { events } }).createMachine({
      id: 'c',
      version: '1',
      on: { GO: { actions: raise({ type: 'LATER', callback: () => 1 }, { delay: 5 }) } },
    });
    expect(took(began(machine).actor, signal('GO')).commit.record.parked?.failure.message).toContain('event.callback is a function');
  });

  test('are at most so many at once', () => {
    const many = Array.from({ length: limits.timersMax }, (_, index) => later(undefined, `T${index}`));
    const machine = base.createMachine({ id: 'c', version: '1', entry: many, on: { ONE_MORE: { actions: later(undefined, 'X') } } });
    const { commit } = taken(decidedOn(began(machine).actor, signal('ONE_MORE'), at(2_000)));
    expect(commit.record.parked?.failure.message).toContain(`at most ${limits.timersMax} timers`);
  });
});

describe('activities of one step', () => {
  test('scheduled and stopped in it never start', () => {
    const machine = base.createMachine({
      id: 's',
      version: '1',
      initial: 'rest',
      states: {
        rest: { on: { GO: 'brief', STAY: 'long' } },
        brief: { invoke: { src: 'work' }, after: { 50: 'rest' }, always: 'long' },
        long: { invoke: { src: 'work', id: 'long' } },
      },
    });
    const { commit, actor } = took(began(machine).actor, signal('GO'));
    expect(commit.effects).toMatchObject([{ kind: 'run-attempt', n: 2 }]);
    expect(commit.effects).toHaveLength(1);
    expect(commit).toMatchObject({ activitiesPut: [{ n: 2 }], activitiesRemoved: [], journal: { scheduled: [2], stopped: [] } });
    expect(commit).toMatchObject({ timersArmed: [], timersDisarmed: [] });
    expect([...actor.activities.keys()]).toEqual([2]);
  });

  test('scheduled and stopped in the first step never start', () => {
    const machine = base.createMachine({
      id: 's',
      version: '1',
      initial: 'brief',
      states: { brief: { invoke: { src: 'work' }, always: 'rest' }, rest: { on: { GO: 'brief' } } },
    });
    const { commit } = began(machine);
    expect(commit).toMatchObject({
      effects: [],
      activitiesPut: [],
      activitiesRemoved: [],
      record: { activities: [], counters: { child: 1 } },
    });
  });

  test('take no place if they never start', () => {
    const asked: string[] = [];
    const machine = base.createMachine({
      id: 's',
      version: '1',
      initial: 'brief',
      states: { brief: { invoke: { src: 'work' }, always: 'long' }, long: { invoke: { src: 'work' } } },
    });
    const context = at(0, { admit: (name) => asked.push(name) > 0 });
    began(machine, undefined, context);
    expect(asked).toEqual(['s.work']);
  });

  test('are aborted when their state is left', () => {
    const machine = base.createMachine({
      id: 's',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'work' }, on: { LEAVE: 'rest', AGAIN: { target: 'busy', reenter: true } } }, rest: {} },
    });
    const first = began(machine);
    const left = took(first.actor, signal('LEAVE'));
    expect(left.commit).toMatchObject({
      effects: [{ kind: 'abort-attempt', n: 1, reason: 'state-left' }],
      activitiesRemoved: [1],
      journal: { stopped: [1] },
      record: { activities: [] },
    });
    const again = took(first.actor, signal('AGAIN'));
    expect(again.commit.effects).toMatchObject([
      { kind: 'abort-attempt', n: 1 },
      { kind: 'run-attempt', n: 2, attempt: 1, idempotencyKey: 'w-1:1::2' },
    ]);
  });

  test('that wait are not aborted when their state is left, only forgotten', () => {
    const machine = base.createMachine({
      id: 's',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'work' }, on: { LEAVE: 'rest' } }, rest: {} },
    });
    const first = began(machine, undefined, at(0, { admit: () => false }));
    expect(first.commit).toMatchObject({ activitiesPut: [{ n: 1, attempt: 0, state: 'waiting' }], effects: [] });
    expect(took(first.actor, signal('LEAVE')).commit).toMatchObject({ effects: [], activitiesRemoved: [1] });
  });

  test('begin in order, as far as there are places', () => {
    const machine = base.createMachine({
      id: 's',
      version: '1',
      invoke: [1, 2, 3].map((item) => ({ src: 'work' as const, id: `job-${item}`, input: { item } })),
    });
    let places = 2;
    const context = at(0, { admit: () => (places -= 1) >= 0 });
    const { commit } = began(machine, undefined, context);
    expect(commit.activitiesPut.map(({ n, childId, state, attempt }) => [n, childId, state, attempt])).toEqual([
      [1, 'job-1', 'running', 1],
      [2, 'job-2', 'running', 1],
      [3, 'job-3', 'waiting', 0],
    ]);
    expect(commit.effects).toMatchObject([{ n: 1 }, { n: 2 }]);
    expect(commit.effects).toHaveLength(2);
    expect(commit.journal.scheduled).toEqual([1, 2, 3]);
  });

  test('are at most so many at once', () => {
    const machine = base.createMachine({
      id: 's',
      version: '1',
      initial: 'rest',
      states: {
        rest: { on: { GO: 'busy' } },
        busy: { invoke: Array.from({ length: limits.activitiesMax + 1 }, (_, index) => ({ src: 'work' as const, id: `${index}` })) },
      },
    });
    const { commit } = taken(decidedOn(began(machine).actor, signal('GO'), at(2_000)));
    expect(commit.record.parked?.failure.message).toContain(`at most ${limits.activitiesMax} pending activities`);
    expect(commit).toMatchObject({ effects: [], activitiesPut: [] });
  });
});

test('an activity may be spawned, by any of its ways', () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: 's',
    version: '1',
    context: ({ spawn }) => ({ first: spawn('work', { id: 'first' }), second: undefined as unknown }),
    entry: spawnChild('work', { id: 'second', input: { item: 2 } }),
    on: {
      GO: { actions: enqueueActions(({ enqueue }) => enqueue.spawnChild('work', { id: 'third' })) },
      KEEP: { actions: assign({ second: ({ spawn }) => spawn('work', { id: 'fourth' }) }) },
    },
  });
  const first = began(machine);
  expect(first.commit.activitiesPut).toMatchObject([
    { n: 1, childId: 'first' },
    { n: 2, childId: 'second', input: { item: 2 } },
  ]);
  const { commit } = walked(first.actor, signal('GO'), signal('KEEP'));
  expect(commit.record.activities.map(({ childId }) => childId)).toEqual(['first', 'second', 'third', 'fourth']);
});

test('numbers of activities and timers are never given twice in the life of a workflow', () => {
  const machine = base.createMachine({
    id: 'n',
    version: '1',
    initial: 'a',
    states: {
      a: { invoke: { src: 'work', onDone: 'b' }, after: { 1_000: 'b' }, on: { BRIEF: 'brief' } },
      brief: { invoke: { src: 'work' }, after: { 10: 'a' }, always: 'a' },
      b: { after: { 1_000: 'a' } },
    },
  });
  let step = began(machine);
  const activities = step.commit.journal.scheduled.slice();
  const timers = step.commit.timersArmed.map(({ generation }) => generation);
  for (let round = 0; round < 20; round += 1) {
    const [n] = step.actor.activities.keys();
    const [timer] = step.actor.record.timers;
    if (round % 3 === 0) step = took(step.actor, signal('BRIEF'));
    else if (n !== undefined) step = took(step.actor, completed(n));
    else step = took(step.actor, { kind: 'timer', generation: timer?.generation ?? 0 });
    activities.push(...step.commit.journal.scheduled);
    timers.push(...step.commit.timersArmed.map(({ generation }) => generation));
  }
  expect(new Set(activities).size).toBe(activities.length);
  expect(new Set(timers).size).toBe(timers.length);
  expect(activities.length).toBeGreaterThan(8);
  expect(step.commit.record.counters.child).toBeGreaterThanOrEqual(Math.max(...activities));
  expect(step.commit.record.counters.timer).toBeGreaterThanOrEqual(Math.max(...timers));
});
