import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { assign, enqueueActions, sendParent, sendTo, setup } from 'xstate';
import { messagesIn } from '../../src/kernel/conversation.ts';
import { limits } from '../../src/kernel/limits.ts';
import { Family } from './families.ts';

const count = assign({ count: ({ context }: { context: { count: number } }) => context.count + 1 });

/** Plays ping-pong until `left` is none; `echo` notes whatever else it is told. */
function pingPong(others: object = {}): AnyStateMachine {
  const returner = setup({}).createMachine({
    id: 'returner',
    context: { count: 0 },
    on: { PING: { actions: [count, sendParent(({ event }) => ({ type: 'PONG', left: (event as { left?: number }).left }) as never)] } },
  } as never);
  const ping = sendTo('returner', ({ event }: { event: { left: number } }) => ({ type: 'PING', left: event.left - 1 }));
  return setup({ actors: { returner: returner as never } }).createMachine({
    id: 'root',
    version: '1',
    context: { count: 0, notes: [] },
    invoke: { src: 'returner', id: 'returner' },
    on: {
      GO: { actions: ping },
      PONG: [{ guard: ({ event }: { event: { left: number } }) => event.left > 0, actions: [count, ping] }, { actions: count }],
    },
    ...others,
  } as never) as unknown as AnyStateMachine;
}

const countsIn = (family: Family): unknown[] =>
  [...family.tree.actors()].map(({ chart }) => (chart.snapshot.context as { count: number }).count);

describe('what actors say to each other', () => {
  test('in a long row of steps is taken a bounded unit at a time, the rest waits in the mailbox, and all of it is heard', () => {
    const family = new Family(pingPong());
    family.send('GO', { left: 200 });
    expect(family.last).toHaveLength(limits.stepsPerUnitMax + 1);
    expect(family.last.at(-1)?.commit).toMatchObject({ journal: { outcome: 'queued' }, mailPut: [{ n: 1, unitsBefore: 1 }] });
    family.reopen().drain();
    expect(family.units.length).toBeGreaterThan(3);
    for (const unit of family.units) expect(unit.length).toBeLessThanOrEqual(limits.stepsPerUnitMax + 2);
    expect(family.root.record).not.toHaveProperty('queued');
    expect(family.root.record.status).toBe('running');
    expect(countsIn(family)).toEqual([200, 200]);
  });

  test('is heard in the same order whether the process dies between two units or not', () => {
    const [lives, dies] = [new Family(pingPong()), new Family(pingPong())];
    lives.send('GO', { left: 200 });
    dies.send('GO', { left: 200 });
    const order = lives.drain();
    const orderOfOther: string[] = [];
    while (dies.stored().mail.length > 0) {
      dies.reopen().takeMail();
      orderOfOther.push(...dies.order);
    }
    expect(orderOfOther).toEqual(order);
    expect(countsIn(dies)).toEqual([200, 200]);
  });

  test('comes before what is told from outside meanwhile', () => {
    const family = new Family(pingPong());
    family.send('GO', { left: 100 });
    family.send('GO', { left: 1 });
    expect(family.stored().mail).toMatchObject([{ to: [] }, { to: [], envelope: { kind: 'signal' } }]);
    family.reopen().drain();
    const heard = family.stored().journal.filter(({ outcome }) => outcome === 'applied');
    expect(heard.at(-2)).toMatchObject({ envelope: { kind: 'signal' } });
    expect(countsIn(family)).toEqual([101, 101]);
  });

  test('without end is stopped: the workflow is parked, and parked again when it is unparked', () => {
    const family = new Family(pingPong());
    family.send('GO', { left: Infinity });
    family.reopen().drain();
    expect(family.units).toHaveLength(1 + limits.unitsInRowMax + 1);
    expect(family.last.at(-1)?.commit).toMatchObject({ record: { status: 'parked', queued: 1 }, journal: { outcome: 'parked' } });
    expect(family.root.record.parked?.failure.message).toContain(`${limits.unitsInRowMax * limits.stepsPerUnitMax} steps`);

    const units = family.units.length;
    family.control('unpark');
    family.reopen().drain();
    expect(family.units.length - units).toBe(1 + limits.unitsInRowMax + 1);
    expect(family.root.record).toMatchObject({ status: 'parked', queued: 1 });
  }, 120_000);

  test('that throws in a later unit parks the workflow there; unparked it goes on with that, then with the rest', () => {
    let isBroken = true;
    const family = new Family(
      pingPong({
        on: {
          GO: { actions: sendTo('returner', { type: 'PING', left: 200 }) },
          PONG: {
            guard: ({ context, event }: { context: { count: number }; event: { left: number } }) => {
              if (isBroken && context.count === 150) throw new Error('out of breath');
              return event.left > 0;
            },
            actions: [count, sendTo('returner', ({ event }: { event: { left: number } }) => ({ type: 'PING', left: event.left - 1 }))],
          },
        },
      }),
    );
    family.send('GO');
    family.reopen().drain();
    expect(family.root.record).toMatchObject({ status: 'parked', parked: { failure: { message: expect.stringContaining('breath') } } });
    expect(countsIn(family)).toEqual([150, 151]);
    isBroken = false;
    family.control('unpark');
    family.reopen().drain();
    expect(family.root.record.status).toBe('running');
    expect(countsIn(family)).toEqual([200, 201]);
  });
});

describe('children of a unit that is too long', () => {
  const child = setup({}).createMachine({
    id: 'child',
    context: { count: 1 },
    on: { END: '.over' },
    initial: 'on',
    states: { on: {}, over: { type: 'final' } },
  } as never);
  const careful = setup({}).createMachine({
    id: 'careful',
    initial: 'on',
    on: { 'workflow.cancel': '.over' },
    states: { on: {}, over: {} },
  });
  const born = limits.stepsPerUnitMax + 50;
  const broodOf = (of: object): AnyStateMachine =>
    setup({ actors: { child: of as never } }).createMachine({
      id: 'root',
      version: '1',
      context: { count: 0 },
      initial: 'none',
      states: {
        none: { on: { BEAR: 'some' } },
        some: {
          entry: enqueueActions(({ enqueue }) => {
            for (let n = 1; n <= born; n += 1) enqueue.spawnChild('child' as never, { id: `c${n}` });
          }),
          on: {
            LAST: { actions: sendTo(`c${born}`, { type: 'END' }) },
            STOP: { target: 'none', actions: enqueueActions(({ enqueue }) => enqueue.stopChild(`c${born}`)) },
          },
        },
      },
    } as never) as unknown as AnyStateMachine;
  const brood = broodOf(child);

  test('are begun in later ones, and not missed before', () => {
    const family = new Family(brood);
    family.send('BEAR');
    expect(family.stored().children).toHaveLength(born);
    const [row] = family.stored().mail;
    expect(messagesIn(row!).map(({ envelope }) => envelope.kind)).toEqual(
      Array.from({ length: born - limits.stepsPerUnitMax + 1 }, () => 'start'),
    );
    family.reopen().drain();
    expect(family.run).toHaveLength(1 + born);
    expect([...family.tree.actors()]).toHaveLength(1 + born);
  });

  test('are told nothing before they begin', () => {
    const family = new Family(brood);
    family.send('BEAR');
    family.send('LAST');
    family.reopen().drain();
    expect(family.stored(born).record.status).toBe('completed');
    expect(family.root.record.status).toBe('running');
  });

  test('are born and stopped in the order in which that was asked for', () => {
    const family = new Family(brood);
    family.send('BEAR');
    family.control('pause');
    family.send('STOP');
    family.control('resume');
    family.reopen().drain();
    expect([...family.tree.actors()].length).toBe(born);
    expect(family.stored(born).journal.map(({ envelope }) => envelope.kind)).toEqual(['start', 'stop']);
  });

  test('are never born, and nobody misses them, if the workflow is terminated before', () => {
    const family = new Family(broodOf(careful));
    family.send('BEAR');
    family.tell([], { kind: 'terminate', reason: 'Enough.' });
    family.reopen().drain();
    expect(family.root.record).toMatchObject({ status: 'terminated' });
    expect(family.stored().children).toHaveLength(limits.stepsPerUnitMax - 1);
  });
});

describe('while a workflow is paused', () => {
  test('what its children and their callbacks tell each other waits in the mailbox, and is heard in order when it goes on', () => {
    const family = new Family(pingPong());
    family.control('pause');
    family.tell([1], { kind: 'message', event: { type: 'PING', left: 1 }, from: [1, 1] });
    family.tell([], { kind: 'message', event: { type: 'PONG', left: 0 }, from: [1] });
    family.send('GO', { left: 1 });
    expect(family.stored().mail.map(({ to, envelope }) => [to, envelope.kind])).toEqual([
      [[1], 'message'],
      [[], 'message'],
      [[], 'signal'],
    ]);
    expect(countsIn(family)).toEqual([0, 0]);
    family.control('resume');
    expect(family.reopen().drain()).toEqual([
      'root: message PING',
      '1: message PING',
      'root: message PONG',
      '1: message PING',
      'root: message PONG',
      'root: message PONG',
      'root: signal GO',
      '1: message PING',
      'root: message PONG',
    ]);
  });

  test('timers of its children wait until it goes on', () => {
    const part = setup({}).createMachine({
      id: 'part',
      initial: 'on',
      states: { on: { after: { 1_000: 'over' } }, over: { type: 'final' } },
    });
    const machine = setup({ actors: { part } }).createMachine({
      id: 'root',
      version: '1',
      initial: 'busy',
      states: { busy: { invoke: { src: 'part', onDone: 'done' } }, done: {} },
    });
    const family = new Family(machine);
    family.control('pause');
    expect(family.tell([1], { kind: 'timer', generation: 1 })).toEqual([]);
    expect(family.stored().mail).toEqual([]);
    family.control('resume');
    family.reopen().tell([1], { kind: 'timer', generation: 1 });
    expect(family.order).toEqual(['1: timer', 'root: child-done']);
  });
});
