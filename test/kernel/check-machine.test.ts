import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { assign, createMachine, enqueueActions, raise, sendTo } from 'xstate';
import { checkMachine } from '../../src/kernel/check-machine.ts';
import type { MachineFinding } from '../../src/kernel/machine-finding.ts';
import { fiveStepOnboarding } from '../../machines/five-step-onboarding.ts';
import { merchantOnboarding } from '../../machines/merchant-onboarding.ts';
import type { Config } from './charts-to-check.ts';
import { actors, call, cases, chart, found, machineOf, on, timed } from './charts-to-check.ts';
import { thrownBy } from './thrown.ts';

describe('an invoke without onError is found', () => {
  const bare = (src: string): object => ({ invoke: { src, id: 'call', onDone: 'done' } });
  cases('error-unhandled', [
    ['of an activity', chart({ a: bare('undoable') }), ['m.a undoable']],
    ['of a promise', chart({ a: bare('plain') }), ['m.a plain']],
    ['of a machine', chart({ a: bare('child') }), ['m.a child'], { child: machineOf(chart({ w: on('GO', 'done') }), {}, 'child') }],
    ['that a wildcard does not make up for', chart({ a: { ...bare('plain'), on: { '*': 'failed' } } }), ['m.a plain']],
    ['nor a transition that does nothing', chart({ a: { ...bare('plain'), on: { 'xstate.error.actor.call': {} } } }), ['m.a plain']],
    ['but not of compensation', chart({ a: bare('compensation') }), []],
    ['nor of a callback', chart({ a: bare('listening') }), []],
    ['nor with onError', chart({ a: call('plain') }), []],
    [
      'nor where the state above has a transition for it',
      chart({ a: { initial: 'b', states: { b: { invoke: { src: 'plain', id: 'call' } } }, on: { 'xstate.error.actor.call': 'failed' } } }),
      [],
    ],
  ]);
});

describe('a state that waits without a timer is found', () => {
  cases('timer-missing', [
    ['alone', chart({ w: on('GO', 'done') }), ['m.w']],
    ['within a state', chart({ a: { initial: 'w', states: { w: on('GO', '#m.done') } } }), ['m.a.w']],
    ['with a guarded always beside the event', chart({ w: { ...on('GO', 'done'), always: { guard: 'g', target: 'done' } } }), ['m.w']],
    [
      'in a region whose neighbour’s timer is its own affair',
      chart({
        p: {
          type: 'parallel',
          states: { x: on('GO', '#m.done'), y: { initial: 'i', states: { i: { after: { 1: 'j' } }, j: { type: 'final' } } } },
        },
      }),
      ['m.p.x'],
    ],
    ['but not with an after', chart({ w: { ...on('GO', 'done'), ...timed } }), []],
    ['nor with one above it', chart({ a: { initial: 'w', states: { w: on('GO', '#m.done') }, ...timed } }), []],
    ['nor while something runs', chart({ w: { ...on('GO', 'done'), ...call('plain') } }), []],
    ['nor while something runs above it', chart({ a: { initial: 'w', states: { w: on('GO', '#m.done') }, ...call('listening') } }), []],
    ['nor with a deadline of the workflow', chart({ w: on('GO', 'done') }, { meta: { deadline: '72h' } }), []],
    [
      'nor where it only decides',
      chart({
        w: {
          always: [
            { guard: 'a', target: 'done' },
            { guard: 'b', target: 'failed' },
          ],
        },
      }),
      [],
    ],
    ['nor where it is passed through', chart({ w: { ...on('GO', 'done'), always: 'failed' } }), []],
    ['nor with a delayed event', chart({ w: { entry: raise({ type: 'GO' }, { delay: 10 }), ...on('GO', 'done') } }), []],
    [
      'nor with one that is sent',
      chart({ w: { entry: sendTo(({ self }) => self, { type: 'GO' }, { delay: 10 }), ...on('GO', 'done') } }),
      [],
    ],
    [
      'nor with a timer of a neighbour that ends both',
      chart({ p: { type: 'parallel', states: { x: on('GO', '#m.done'), y: { after: { 1: '#m.failed' } } } } }),
      [],
    ],
    [
      'nor where code makes actions',
      chart({ w: { entry: enqueueActions(({ enqueue }) => enqueue.raise({ type: 'GO' }, { delay: 1 })), ...on('GO', 'done') } }),
      [],
    ],
    ['nor where a spawned actor is awaited', chart({ w: { on: { 'xstate.done.actor.spawned': 'done' } } }), []],
  ]);

  const child = machineOf(chart({ w: on('GO', 'done') }), {}, 'child');
  cases('timer-missing', [
    ['in a child', chart({ s: call('child') }), ['child.w in child'], { child }],
    [
      'in a child with a timer inside of what invokes it',
      chart({ s: { ...call('child'), initial: 'i', states: { i: { after: { 1: 'j' } }, j: {} } } }),
      ['child.w in child'],
      { child },
    ],
    ['but not where a timer is around the child', chart({ s: { ...call('child'), ...timed } }), [], { child }],
    ['nor under the deadline of the workflow', chart({ s: call('child') }, { meta: { deadline: '72h' } }), [], { child }],
  ]);
});

describe('a state that no path leads to is found', () => {
  const inside = (states: object): object => ({ initial: Object.keys(states)[0], states });
  const far = { ...on('X', 'done') };
  cases('state-unreachable', [
    ['without a transition to it', chart({ a: on('GO', 'done'), far }), ['m.far', 'm.failed']],
    ['with all that is in it, once', chart({ a: on('GO', 'done'), far: inside({ i: on('X', 'j'), j: {} }) }), ['m.far', 'm.failed']],
    ['behind an unguarded transition for the same event', chart({ a: { on: { GO: ['done', 'far'], NO: 'failed' } }, far }), ['m.far']],
    ['behind an unguarded always', chart({ a: { always: 'done', on: { GO: 'far', NO: 'failed' } }, far }), ['m.far', 'm.failed']],
    [
      'behind an event that an inner state takes',
      chart({ a: { ...inside({ i: { on: { GO: {}, NO: '#m.failed' } } }), on: { GO: 'far' } }, far }),
      ['m.done', 'm.far'].reverse(),
    ],
    [
      'behind a wildcard of an inner state',
      chart({ a: { ...inside({ i: { on: { 'GO.*': '#m.failed', OK: '#m.done' } } }), on: { 'GO.ON': 'far' } }, far }),
      ['m.far'],
    ],
    [
      'behind a state that is never complete',
      chart({ a: { ...inside({ i: on('N', 'j'), j: {} }), onDone: 'far', on: { NO: 'failed', OK: 'done' } }, far }),
      ['m.far'],
    ],
    [
      'behind regions that never all complete',
      chart({
        p: {
          type: 'parallel',
          states: { x: inside({ e: { type: 'final' } }), y: inside({ e: {} }) },
          onDone: 'far',
          on: { NO: 'failed', OK: 'done' },
        },
        far,
      }),
      ['m.far'],
    ],
    ['behind the error of compensation', chart({ a: call('compensation', 'done', 'far'), far: on('X', 'failed') }), ['m.far', 'm.failed']],
    [
      'but not behind an always that leads to where it is already',
      chart({ a: { always: { target: 'a', reenter: true }, on: { GO: 'far', OK: 'done', NO: 'failed' } }, far }),
      [],
    ],
    [
      'nor behind one that leads into another region',
      chart({
        p: { type: 'parallel', states: { x: { always: '#m.p.y', on: { GO: '#m.far', OK: '#m.done', NO: '#m.failed' } }, y: {} } },
        far,
      }),
      [],
    ],
    ['nor behind a guard', chart({ a: { on: { GO: [{ guard: 'g', target: 'done' }, 'far'], NO: 'failed' } }, far }), []],
    ['nor behind a guarded always', chart({ a: { always: { guard: 'g', target: 'done' }, on: { GO: 'far', NO: 'failed' } }, far }), []],
    [
      'nor behind an always that changes the context only',
      chart({ a: { always: { actions: 'note' }, on: { GO: 'far', NO: 'failed' } }, far }),
      [],
    ],
    [
      'nor behind a complete state',
      chart({ a: { ...inside({ i: on('N', 'j'), j: { type: 'final' } }), onDone: 'far', on: { NO: 'failed' } }, far }),
      [],
    ],
    [
      'nor behind regions that complete',
      chart({
        p: {
          type: 'parallel',
          states: {
            x: inside({ e: { type: 'final' } }),
            y: inside({ i: { after: { 1: 'e' } }, e: { type: 'final' } }),
            past: { type: 'history' },
          },
          onDone: 'far',
          on: { NO: 'failed' },
        },
        far,
      }),
      [],
    ],
    [
      'nor behind history',
      chart({
        a: { ...inside({ i: on('N', 'j'), j: on('OUT', '#m.b'), k: on('N', '#m.far'), past: { type: 'history', target: 'k' } }) },
        b: { on: { BACK: 'a.past', OK: 'done', NO: 'failed' } },
        far,
      }),
      [],
    ],
    [
      'nor behind history without a default, of one state or of regions',
      chart({
        b: { on: { BACK: 'a.past', ALL: 'p.past', OK: 'done', NO: 'failed' } },
        a: inside({ i: on('OUT', '#m.b'), past: { type: 'history', target: '#m.a.j' }, j: on('P', '#m.far') }),
        p: { type: 'parallel', states: { x: { on: { X: '#m.a.i' } }, past: { type: 'history', history: 'deep' } } },
        far,
      }),
      [],
    ],
    [
      'nor in the other region that is entered with one',
      chart({
        a: { on: { GO: 'p.x.i', NO: 'failed', OK: 'done' } },
        p: { type: 'parallel', states: { x: inside({ i: {} }), y: inside({ i: on('X', '#m.far') }) } },
        far,
      }),
      [],
    ],
  ]);
});

describe('a dead end is found', () => {
  const regions = (leave: object): object => ({ p: { type: 'parallel', states: { x: {}, y: leave } } });
  cases('dead-end', [
    ['without any transition', chart({ a: on('GO', 'b'), b: {} }), ['m.b']],
    ['with a transition that does nothing', chart({ a: on('GO', 'b'), b: { on: { GO: {} } } }), ['m.b']],
    ['where the whole chart has nothing to do', {}, ['m']],
    ['in regions that nothing leaves', chart(regions({ on: { GO: {} } })), ['m.p.x', 'm.p.y']],
    ['but not in a final state', chart({ a: on('GO', 'done') }), []],
    ['nor with a transition above it', chart({ a: on('GO', 'b'), b: {} }, on('STOP', '.failed')), []],
    ['nor with a timer', chart({ a: on('GO', 'b'), b: timed }), []],
    ['nor while something runs', chart({ a: on('GO', 'b'), b: { invoke: { src: 'listening' } } }), []],
    ['nor beside a region that is left', chart(regions(on('GO', '#m.done'))), []],
    ['nor where no path leads', chart({ a: on('GO', 'done'), b: {} }), []],
  ]);
});

describe('an event that no state accepts is found', () => {
  const raising = (...actions: unknown[]): object => chart({ a: { entry: actions, ...on('GO', 'done') } });
  cases('event-unaccepted', [
    ['where it is raised', raising(raise({ type: 'GONE' })), ['m.a GONE']],
    ['once a state', raising(raise({ type: 'GONE' }), raise({ type: 'GONE' })), ['m.a GONE']],
    ['but not if some state accepts it', raising(raise({ type: 'GO' })), []],
    ['nor by a part of its name', chart({ a: { entry: raise({ type: 'GO.ON' }), on: { 'GO.*': 'done' } } }), []],
    ['nor by whatever it is', chart({ a: { entry: raise({ type: 'GONE' }), on: { '*': 'done' } } }), []],
    ['nor if code makes the event', raising(raise(() => ({ type: 'GONE' }))), []],
    ['nor if it is sent, perhaps elsewhere', raising(sendTo('x', { type: 'GONE' }, { delay: 1 }), sendTo('x', { type: 'GONE' })), []],
    ['nor of timers', chart({ a: timed }), []],
  ]);

  test('also by the name of its action', () => {
    const machine = createMachine({ id: 'm', ...chart({ a: { exit: [{ type: 'tell' }, 'unknown'], ...on('GO', 'done') } }) } as never, {
      actions: { tell: raise({ type: 'GONE' }) },
    });
    expect(found('event-unaccepted', machine)).toEqual(['m.a GONE']);
  });
});

describe('a circle of always is found', () => {
  const guarded = (target: string): object => ({ always: { guard: 'g', target } });
  cases('always-cycle', [
    ['of two states', chart({ a: { always: 'b' }, b: { always: 'a' } }), ['m.a']],
    ['with guards', chart({ a: guarded('b'), b: { ...guarded('a'), ...on('GO', 'done') } }), ['m.a']],
    [
      'from above, if something changes with it',
      chart({ a: { ...guarded('a.j'), initial: 'i', states: { i: {}, j: { entry: assign({}), ...on('GO', '#m.done') } } } }),
      ['m.a.j'],
    ],
    [
      'but not from above to where it is already, which ends there',
      chart({ a: { ...guarded('a.j'), initial: 'i', states: { i: {}, j: on('GO', '#m.done') } } }),
      [],
    ],
    ['of one that changes the context for ever', chart({ a: { always: { actions: assign({}) }, ...on('GO', 'done') } }), ['m.a']],
    ['twice', chart({ a: { ...guarded('b'), ...on('GO', 'c') }, b: guarded('a'), c: guarded('d'), d: guarded('c') }), ['m.a', 'm.c']],
    ['but not with an event in between', chart({ a: { always: 'b' }, b: on('GO', 'a') }), []],
    ['nor with an end', chart({ a: guarded('b'), b: { always: 'done' } }), []],
    [
      'nor of a guarded one that changes the context',
      chart({ a: { always: { guard: 'g', actions: assign({}) }, ...on('GO', 'done') } }),
      [],
    ],
  ]);

  test('and said to be sure only without guards', () => {
    const reasonOf = (config: Config): string | undefined =>
      checkMachine(machineOf(config)).find(({ code }) => code === 'always-cycle')?.reason;
    expect(reasonOf(chart({ a: { always: 'b' }, b: { always: 'a' } }))).toContain('"m.a", "m.b" go round');
    expect(reasonOf(chart({ a: guarded('b'), b: { always: 'a' } }))).toContain('"m.a", "m.b" may go round');
  });
});

describe('the answer', () => {
  test('goes by machine, state and code, names what it is about, and is the same again', () => {
    const child = machineOf(chart({ w: on('GO', 'done') }), {}, 'child');
    const machine = createMachine(
      {
        id: 'm',
        ...chart({ b: { invoke: { src: 'careless', onDone: 'a' } }, a: { ...call('child'), entry: raise({ type: 'GONE' }) } }),
      } as never,
      { actors: { careless: actors.careless, child } },
    ) as AnyStateMachine;
    const findings = checkMachine(machine);
    expect(findings.map(({ machine: id, state, code }) => [id, state, code])).toEqual([
      ['m', 'm.b', 'undo-missing'],
      ['m', 'm.b', 'error-unhandled'],
      ['m', 'm.a', 'event-unaccepted'],
      ['child', 'child', 'undo-missing'],
      ['child', 'child.w', 'timer-missing'],
      ['child', 'child.failed', 'state-unreachable'],
    ]);
    expect(findings[1]).toEqual({
      machine: 'm',
      code: 'error-unhandled',
      state: 'm.b',
      src: 'careless',
      reason: '"careless" is invoked without onError: its failure ends the whole machine in error.',
      remedy: 'Give the invoke of "careless" an onError.',
    } satisfies MachineFinding);
    expect(findings.every(({ reason }) => !reason.includes('prove'))).toBe(true);
    expect(checkMachine(machine)).toEqual(findings);
  });

  test('is empty for a chart with nothing to say against', () => {
    const states = { a: call('undoable', 'b'), b: { ...on('GO', 'c'), ...timed }, c: call('final') };
    const machine = createMachine({ id: 'm', ...chart(states) } as never, { actors: { undoable: actors.undoable, final: actors.final } });
    expect(checkMachine(machine as AnyStateMachine)).toEqual([]);
  });

  test('comes to an end for a machine that is among its own actors', () => {
    const self: Record<string, unknown> = { undoable: actors.undoable };
    const machine = createMachine({ id: 'm', ...chart({ a: call('undoable', 'b'), b: call('self') }) } as never, { actors: self } as never);
    self['self'] = machine;
    const recursive = machine as AnyStateMachine;
    Object.assign(recursive.implementations.actors, { self: recursive });
    expect(checkMachine(recursive).map(({ code, src }) => [code, src])).toEqual([['unwinding-missing', 'self']]);
  });

  test.each([undefined, 'm', {}, actors.careless])('is refused for what is no machine: %s', (value) => {
    expect(thrownBy(() => checkMachine(value as never))).toMatchObject({
      name: 'TypeError',
      message: expect.stringContaining('checkMachine() takes a machine made by createMachine(); found '),
    });
  });
});

describe('of the machines that ship', () => {
  const said = (machine: AnyStateMachine): string[] => {
    // Whether each of their activities can be undone is another matter than how they are charted.
    const charted = checkMachine(machine).filter(({ code }) => code !== 'undo-missing');
    return charted.map(({ code, state }) => `${code} ${state}`);
  };

  test('it is that one waits for people as long as it takes, by decision, and what has no undo leaves nothing behind', () => {
    expect(said(merchantOnboarding)).toEqual([
      'irreversible-early merchant-onboarding.fetchingDocument',
      'irreversible-early merchant-onboarding.verifyingKyc',
      'timer-missing merchant-onboarding.awaitingDecision.escalated',
      // Widgets go with the dashboard, which has an undo.
      'irreversible-early merchant-onboarding.seedingWidgets',
    ]);
    expect(said(fiveStepOnboarding)).toEqual(['irreversible-early five-step-onboarding.pending']);
  });
});
