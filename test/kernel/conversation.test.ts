import { describe, expect, onTestFinished, test } from 'vitest';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import { assign, createActor, enqueueActions, sendParent, sendTo, setup } from 'xstate';
import { messagesIn } from '../../src/kernel/conversation.ts';
import { limits } from '../../src/kernel/limits.ts';
import { Family } from './families.ts';

interface Talk {
  readonly type: 'TALK';
  /** Who said it, to whom, and because of what: no two are alike. */
  readonly tag: string;
  readonly depth: number;
}

interface Context {
  readonly heard: readonly string[];
}

/** The first hearing of this is more than a chart can bear, until it is mended. */
let unbearable: string | undefined;

const bearable = ({ event }: { event: Talk }): boolean => {
  if (event.tag === unbearable) throw new Error(`${event.tag} is too much`);
  return true;
};

const hear = assign({ heard: ({ context, event }: { context: Context; event: Talk }) => [...context.heard, event.tag] });

/** Everything that is heard is answered by telling others, in their order, as long as it leads somewhere. */
function talker(id: string, others: readonly string[], actors: Readonly<Record<string, AnyStateMachine>> = {}): AnyStateMachine {
  const answer = enqueueActions(({ enqueue, event, system, self }) => {
    const { tag, depth } = event as unknown as Talk;
    for (const [index, name] of others.entries()) {
      const talk = { type: 'TALK', tag: `${tag} ${id}${index}${name}`, depth: depth - 1 };
      if (depth === 0) return;
      if (name === 'parent') enqueue(sendParent(talk));
      else enqueue(sendTo(name === 'self' ? self : (system as { get(id: string): AnyActorRef }).get(name), talk));
    }
  });
  return setup({ actors: actors as never }).createMachine({
    id,
    version: '1',
    context: { heard: [] },
    invoke: Object.keys(actors).map((src) => ({ src, id: src, systemId: src })),
    on: { TALK: { guard: bearable, actions: [hear, answer] } },
  } as never) as unknown as AnyStateMachine;
}

const machine = talker('root', ['a', 'b', 'a', 'self'], {
  a: talker('a', ['b', 'parent', 'self', 'parent']),
  b: talker('b', ['a', 'parent', 'c']),
  c: talker('c', ['b', 'a']),
});
const talks = ['one', 'two', 'three'].map((tag) => ({ tag, depth: 3 }));

/** What everybody heard, by place. */
function heardIn(family: Family): unknown {
  return [...family.tree.actors()].map(({ chart }) => (chart.snapshot.context as Context).heard);
}

function heardInXState(): readonly (readonly string[])[] {
  const actor = createActor(machine).start();
  for (const talk of talks) actor.send({ type: 'TALK', ...talk });
  const children = Object.values(actor.getSnapshot().children as Record<string, AnyActorRef>);
  return [actor, ...children].map((each) => (each.getSnapshot() as { context: Context }).context.heard);
}

/** The machine is told all of it while it is paused; every unit is one of a process of its own. */
function heardAfterPause(): Family {
  const family = new Family(machine);
  family.control('pause');
  for (const talk of talks) family.send('TALK', talk);
  family.control('resume');
  for (let units = 0; family.stored().mail.length > 0 && family.root.record.status === 'running'; units += 1) {
    family.reopen().takeMail();
    expect(units).toBeLessThan(1_000);
  }
  return family;
}

function cutAfter(steps: number): void {
  const { stepsPerUnitMax, unitsInRowMax } = limits;
  onTestFinished(() => void Object.assign(limits, { stepsPerUnitMax, unitsInRowMax }));
  Object.assign(limits, { stepsPerUnitMax: steps, unitsInRowMax: 1_000 });
}

describe('what actors say to each other', () => {
  const expected = heardInXState();
  const all = expected.flat();

  test.each([1, 2, 3, 5, 7, 11, 29])('is heard in XState’s order if every unit is cut after %i steps', (steps) => {
    expect(all.length).toBeGreaterThan(100);
    cutAfter(steps);
    const family = heardAfterPause();
    expect(family.units.length).toBeGreaterThan(all.length / (steps + 2));
    expect(heardIn(family)).toEqual(expected);
  });

  test.each([3, 128])('is heard in XState’s order whatever throws meanwhile, with units of %i steps', (steps) => {
    cutAfter(steps);
    onTestFinished(() => (unbearable = undefined));
    for (const [index, tag] of all.entries()) {
      if (index % 20 !== 0) continue;
      unbearable = tag;
      const family = heardAfterPause();
      expect(family.root.record).toMatchObject({ status: 'parked', parked: { reason: 'poison' } });
      expect(messagesIn(family.stored().mail[0]!)[0]).toMatchObject({ envelope: { event: { tag } } });
      unbearable = undefined;
      family.control('unpark');
      while (family.stored().mail.length > 0) family.reopen().takeMail();
      expect(heardIn(family)).toEqual(expected);
    }
  });
});

test('to a child that never comes to be comes to nothing, and its parent goes on', () => {
  const dud = setup({}).createMachine({
    id: 'dud',
    context: () => {
      throw new Error('No.');
    },
    on: { '*': {} },
  } as never);
  const toDud = sendTo(({ system }: { system: { get(id: string): AnyActorRef } }) => system.get('dud'), { type: 'TALK' });
  const early = setup({}).createMachine({ id: 'early', entry: toDud } as never);
  const bear = enqueueActions(({ enqueue }) => {
    enqueue.spawnChild('early' as never, { id: 'early' });
    enqueue.spawnChild('dud' as never, { id: 'dud', systemId: 'dud' });
    enqueue(sendTo('dud', { type: 'TALK' }));
  });
  const parent = setup({ actors: { early: early as never, dud: dud as never } }).createMachine({
    id: 'parent',
    version: '1',
    on: { BEAR: { actions: bear }, 'xstate.error.actor.dud': {} },
  } as never) as unknown as AnyStateMachine;
  cutAfter(2);
  const family = new Family(parent);
  family.send('BEAR');
  expect(messagesIn(family.stored().mail[0]!).map(({ to, envelope }) => [to, envelope.kind])).toEqual([
    [[2], 'start'],
    [[2], 'message'],
    [[2], 'message'],
  ]);
  expect(family.reopen().drain().at(-1)).toBe('root: child-failed');
  expect(family.root.record.status).toBe('running');
  expect(family.stored().children).toMatchObject([{ childId: 'early' }, { childId: 'dud', isEnded: true }]);
});

describe('what is left of a unit', () => {
  const child = setup({}).createMachine({
    id: 'child',
    context: { heard: [] },
    on: { TALK: { guard: bearable, actions: hear } },
  } as never) as unknown as AnyStateMachine;
  const teller = setup({ actors: { child: child as never } }).createMachine({
    id: 'teller',
    version: '1',
    context: { heard: [] },
    invoke: { src: 'child', id: 'child' },
    on: { TALK: { actions: [hear, sendTo('child', ({ event }: { event: unknown }) => event as never)] } },
  } as never) as unknown as AnyStateMachine;

  test('by a row that throws stands in its place, also if its workflow is parked again; the child hears all in order', () => {
    onTestFinished(() => (unbearable = undefined));
    const family = new Family(teller);
    family.control('pause');
    for (const tag of ['m1', 'm2']) family.send('TALK', { tag });
    family.control('resume');
    unbearable = 'm1';
    family.reopen().drain();
    for (const again of [false, true]) {
      if (again) family.control('unpark');
      family.reopen().drain();
      expect(family.root.record).toMatchObject({ status: 'parked', queued: 2, counters: { mail: 2 } });
      expect(family.stored().mail).toMatchObject([
        { n: 1, to: [1], envelope: { event: { tag: 'm1' } } },
        { n: 2, to: [], envelope: { event: { tag: 'm2' } } },
      ]);
      expect(family.stored().journal.at(-1)).toMatchObject({ outcome: 'parked', mail: 1 });
    }
    unbearable = undefined;
    family.control('unpark');
    family.reopen().drain();
    expect(heardIn(family)).toEqual([
      ['m1', 'm2'],
      ['m1', 'm2'],
    ]);
    expect(family.root.record).not.toHaveProperty('queued');
  });

  test('by a row that leads to many steps stands in its place', () => {
    cutAfter(2);
    const family = new Family(teller);
    family.control('pause');
    for (const tag of ['m1', 'm2']) family.send('TALK', { tag });
    family.control('resume');
    cutAfter(1);
    family.reopen().takeMail();
    expect(family.last.at(-1)?.commit).toMatchObject({
      mailPut: [{ n: 1, to: [1], unitsBefore: 1 }],
      journal: { outcome: 'queued', mail: 1 },
      record: { queued: 2, counters: { mail: 2 } },
    });
    family.reopen().drain();
    expect(heardIn(family)).toEqual([
      ['m1', 'm2'],
      ['m1', 'm2'],
    ]);
  });
});

describe('actors of which each tells others more than it was told', () => {
  const twice = ({ event }: { event: { few: number } }) => ({ type: 'TALK', few: event.few - 1 });
  const many = setup({}).createMachine({
    id: 'many',
    version: '1',
    context: { heard: [] },
    on: {
      TALK: {
        guard: ({ event }: { event: { few: number } }) => event.few > 0,
        actions: [sendTo(({ self }) => self, twice as never), sendTo(({ self }) => self, twice as never)],
      },
    },
  } as never) as unknown as AnyStateMachine;

  function leaveAtMost(messages: number): void {
    const { leftOfUnitMax } = limits;
    onTestFinished(() => void Object.assign(limits, { leftOfUnitMax }));
    Object.assign(limits, { leftOfUnitMax: messages });
  }

  test('are stopped when too much is left to be said', () => {
    leaveAtMost(300);
    const family = new Family(many);
    family.send('TALK', { few: Infinity });
    family.reopen().drain();
    expect(family.root.record).toMatchObject({ status: 'parked', queued: 1 });
    expect(family.root.record.parked?.failure.message).toContain('300 events under way');
    expect(messagesIn(family.stored().mail[0]!).length).toBeGreaterThan(300);
  });

  test('go on when they are unparked, as long as it gets less', () => {
    leaveAtMost(100);
    const family = new Family(many);
    family.send('TALK', { few: 8 });
    family.reopen().drain();
    expect(family.root.record.status).toBe('parked');
    family.control('unpark');
    for (let parkings = 0; family.root.record.status === 'parked' || family.root.record.queued !== undefined; parkings += 1) {
      expect(parkings).toBeLessThan(5);
      if (family.root.record.status === 'parked') family.control('unpark');
      family.reopen().drain();
    }
    const talked = family.stored().journal.filter(({ envelope }) => envelope.kind === 'message' || envelope.kind === 'signal');
    expect(talked.filter(({ outcome }) => outcome === 'applied' || outcome === 'unhandled')).toHaveLength(2 ** 9 - 1);
  });
});
