import { describe, expect, test } from 'vitest';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import { assign, cancel, createActor, enqueueActions, forwardTo, fromCallback, fromTransition, sendParent, sendTo, setup } from 'xstate';
import { rootAddress } from '../../src/kernel/address.ts';
import { messagesIn } from '../../src/kernel/conversation.ts';
import { decideInTree, decideTreeStart } from '../../src/kernel/decide-in-tree.ts';
import { limits } from '../../src/kernel/limits.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { childOf, Family } from './families.ts';
import { at, signal } from './workflows.ts';

interface Heard {
  readonly heard: readonly string[];
}

const hear = assign({ heard: ({ context, event }: { context: Heard; event: { type: string } }) => [...context.heard, event.type] });

/** Writes down what it hears; `on` says what it answers. */
function listener(id: string, on: object, others: object = {}): AnyStateMachine {
  return setup({}).createMachine({ id, context: { heard: [] }, on, ...others } as never) as unknown as AnyStateMachine;
}

function parentOf(children: Readonly<Record<string, AnyStateMachine>>, on: object, others: object = {}): AnyStateMachine {
  return setup({ actors: children }).createMachine({
    id: 'root',
    version: '1',
    context: { heard: [] },
    invoke: Object.keys(children).map((src) => ({ src, id: src, systemId: src })),
    on,
    ...others,
  } as never) as unknown as AnyStateMachine;
}

const toSystem = (id: string, type: string) =>
  sendTo(({ system }: { system: { get(id: string): AnyActorRef } }) => system.get(id), { type });

const heardBy = (actor: AnyActorRef): readonly string[] => (actor.getSnapshot() as { context: Heard }).context.heard;

/** What everybody heard, by id. */
function heardIn(family: Family): unknown {
  return Object.fromEntries(
    [...family.tree.actors()].map(({ record, chart }) => [record.birth?.childId ?? 'root', (chart.snapshot.context as Heard).heard]),
  );
}

/** The same in a plain `createActor`. */
function heardInXState(machine: AnyStateMachine, events: readonly string[]): unknown {
  const actor = createActor(machine).start();
  for (const type of events) actor.send({ type });
  const heard = { root: (actor.getSnapshot().context as Heard).heard } as Record<string, unknown>;
  const children = actor.getSnapshot().children as Record<string, AnyActorRef>;
  for (const [id, child] of Object.entries(children)) heard[id] = heardBy(child);
  return heard;
}

describe('what actors say to each other in a step', () => {
  test('is heard at once by who is idle, and goes on from there before the next is said', () => {
    const machine = parentOf(
      { a: listener('a', { X: { actions: [hear, toSystem('b', 'Z')] } }), b: listener('b', { '*': { actions: hear } }) },
      { GO: { actions: [hear, sendTo('a', { type: 'X' }), sendTo('b', { type: 'Y' })] } },
    );
    const family = new Family(machine).reopen();
    family.send('GO');
    expect(family.order).toEqual(['root: signal GO', '1: message X', '2: message Z', '2: message Y']);
    expect(heardIn(family)).toEqual(heardInXState(machine, ['GO']));
  });

  test('is heard after its step by who is in the middle of one, in the order in which it was said', () => {
    const machine = parentOf(
      {
        a: listener('a', {
          ASK: { actions: [hear, sendParent({ type: 'FIRST' }), toSystem('b', 'NOTE'), sendParent({ type: 'SECOND' })] },
        }),
        b: listener('b', { NOTE: { actions: [hear, sendParent({ type: 'BETWEEN' })] } }),
      },
      { GO: { actions: [hear, sendTo('a', { type: 'ASK' }), sendTo('b', { type: 'NOTE' })] }, '*': { actions: hear } },
    );
    const family = new Family(machine);
    family.send('GO');
    expect(family.order).toEqual([
      'root: signal GO',
      '1: message ASK',
      '2: message NOTE',
      '2: message NOTE',
      'root: message FIRST',
      'root: message BETWEEN',
      'root: message SECOND',
      'root: message BETWEEN',
    ]);
    expect(heardIn(family)).toEqual(heardInXState(machine, ['GO']));
  });

  test('to oneself comes after the step', () => {
    const machine = listener(
      'root',
      {
        GO: { actions: [hear, sendTo(({ self }: { self: AnyActorRef }) => self, { type: 'AGAIN' })] },
        AGAIN: { actions: hear },
      },
      { version: '1' },
    );
    const family = new Family(machine);
    family.send('GO');
    expect(family.order).toEqual(['root: signal GO', 'root: message AGAIN']);
    expect(heardIn(family)).toEqual(heardInXState(machine, ['GO']));
  });

  test('to a child of the same step comes after its first step', () => {
    const machine = parentOf({ a: listener('a', { '*': { actions: hear } }) }, {}, { entry: sendTo('a', { type: 'EARLY' }) });
    const family = new Family(machine);
    expect(family.order).toEqual(['root: start', '1: start', '1: message EARLY']);
    expect(heardIn(family)).toEqual(heardInXState(machine, []));
  });

  test('of a child in its first step reaches its parent after that one’s step', () => {
    const a = listener('a', {}, { entry: sendParent({ type: 'BORN' }) });
    const machine = parentOf({ a, b: listener('b', {}) }, { BORN: { actions: hear } });
    const family = new Family(machine);
    expect(family.order).toEqual(['root: start', '1: start', '2: start', 'root: message BORN']);
    expect(heardIn(family)).toEqual(heardInXState(machine, []));
  });

  test('is forwarded with all that belongs to it', () => {
    const a = listener('a', { ADD: { actions: assign({ heard: ({ event }: { event: { amount: bigint } }) => [event.amount] as never }) } });
    const family = new Family(parentOf({ a }, { ADD: { actions: forwardTo('a') } }));
    family.send('ADD', { amount: 5n });
    expect(heardIn(family)).toMatchObject({ a: [5n] });
  });

  test('to an actor that is gone comes to nothing', () => {
    const a = listener('a', {}, { initial: 'on', states: { on: { on: { END: 'off' } }, off: { type: 'final' } } });
    const machine = parentOf(
      { a },
      {
        KEEP: {
          actions: assign({
            ref: (({ self, system }: { self: AnyActorRef; system: { get(id: string): unknown } }) => system.get('a') ?? self) as never,
          }),
        },
        'xstate.done.actor.a': {},
        SAY: { actions: sendTo(({ context }: { context: { ref: AnyActorRef } }) => context.ref, { type: 'HELLO' }) },
      },
    );
    const family = new Family(machine);
    family.send('KEEP');
    family.tell([1], signal('END'));
    family.reopen().send('SAY');
    expect(family.order).toEqual(['root: signal SAY']);
    expect(family.last[0]?.commit.messages).toMatchObject([{ to: [1] }]);
  });

  test('that throws parks the workflow: what was decided before stands, that and the rest wait in the mailbox', () => {
    let isBroken = true;
    const a = listener('a', { BAD: { guard: () => !isBroken || poison(), actions: hear } });
    const b = listener('b', { '*': { actions: hear } });
    const tell = (id: string, type: string) => sendTo(id, { type });
    const family = new Family(
      parentOf({ a, b }, { GO: { actions: [hear, tell('b', 'FIRST'), tell('a', 'BAD'), tell('b', 'THIRD')] }, MORE: { actions: hear } }),
    );
    family.send('GO');
    expect(heardIn(family)).toEqual({ root: ['GO'], a: [], b: ['FIRST'] });
    expect(family.root.record).toMatchObject({ status: 'parked', parked: { reason: 'poison' }, queued: 1 });
    expect(family.stored().mail.flatMap(messagesIn)).toMatchObject([
      { to: [1], envelope: { event: { type: 'BAD' } } },
      { to: [2], envelope: { event: { type: 'THIRD' } } },
    ]);
    family.reopen().send('MORE');
    expect(heardIn(family)).toMatchObject({ root: ['GO'] });

    family.control('unpark');
    family.drain();
    expect(family.root.record).toMatchObject({ status: 'parked', queued: 2 });
    isBroken = false;
    family.control('unpark');
    family.reopen().drain();
    expect(family.root.record.status).toBe('running');
    expect(heardIn(family)).toEqual({ root: ['GO', 'MORE'], a: ['BAD'], b: ['FIRST', 'THIRD'] });
  });

  test('to a callback is part of the commit, for the host to pass on', () => {
    const machine = setup({ actors: { socket: fromCallback(() => undefined) } }).createMachine({
      id: 'root',
      version: '1',
      invoke: { src: 'socket', id: 'socket' },
      on: { SAY: { actions: sendTo('socket', { type: 'HELLO' }) } },
    });
    const family = new Family(machine);
    expect(family.last[0]?.commit).toMatchObject({
      effects: [{ kind: 'start-volatile', n: 1 }],
      activitiesPut: [{ n: 1, kind: 'volatile', state: 'live', childId: 'socket', src: 'socket' }],
      record: { children: 0 },
    });
    family.send('SAY');
    expect(family.last).toHaveLength(1);
    expect(family.last[0]?.commit).toMatchObject({
      effects: [{ kind: 'tell-volatile', n: 1, event: { type: 'HELLO' } }],
      messages: [],
      journal: { sent: [{ to: [1], type: 'HELLO' }] },
    });
  });
});

function poison(): never {
  throw new Error('poison');
}

describe('what would never end is stopped', () => {
  test('in a machine that begins itself: the deepest is not born, and its parent hears why', () => {
    const nest = setup({ actors: { nest: {} as AnyStateMachine } }).createMachine({
      id: 'nest',
      version: '1',
      initial: 'a',
      states: { a: { invoke: { src: 'nest', onError: 'b' } }, b: { type: 'final' } },
    });
    Object.assign(nest.implementations.actors, { nest });
    const family = new Family(nest);
    const deepest = family.run.at(-1)?.record;
    expect(deepest?.address.path).toHaveLength(limits.childDepthMax);
    expect(deepest?.activityFailure?.message).toContain(`at most ${limits.childDepthMax} levels of children`);
  });
});

describe('a delayed event to another actor', () => {
  const a = listener('a', { '*': { actions: hear } });
  const machine = parentOf(
    { a },
    {
      GO: { actions: sendTo('a', { type: 'LATER' }, { delay: 5_000, id: 'later' }) },
      CANCEL: { actions: cancel('later') },
      MYSELF: { actions: sendTo(({ self }: { self: AnyActorRef }) => self, { type: 'OWN' }, { delay: 5 }) },
      OWN: { actions: hear },
    },
  );

  test('is a timer of who sent it, and heard when that fires', () => {
    const family = new Family(machine);
    family.send('GO');
    expect(family.root.record.timers).toMatchObject([{ id: 'later', generation: 1, dueAtMs: 7_000, to: [1], event: { type: 'LATER' } }]);
    family.reopen().tell([], { kind: 'timer', generation: 1 });
    expect(family.order).toEqual(['root: timer', '1: message LATER']);
    expect(family.last[0]?.commit).toMatchObject({ journal: { outcome: 'noted' }, timersDisarmed: [{ generation: 1 }] });
    expect(heardIn(family)).toEqual({ root: [], a: ['LATER'] });
  });

  test('can be cancelled by who sent it', () => {
    const family = new Family(machine);
    family.send('GO');
    family.reopen().send('CANCEL');
    expect(family.root.record.timers).toEqual([]);
    expect(family.tell([], { kind: 'timer', generation: 1 })).toEqual([]);
  });

  test('to oneself is a timer like any other', () => {
    const family = new Family(machine);
    family.send('MYSELF');
    expect(family.root.record.timers[0]).not.toHaveProperty('to');
    family.tell([], { kind: 'timer', generation: 1 });
    expect(heardIn(family)).toMatchObject({ root: ['OWN'] });
  });
});

describe('system ids', () => {
  test('find any actor of the workflow from any other, also after a restart', () => {
    const inner = listener('inner', { GO: { actions: [hear, toSystem('ear', 'FOUND')] } });
    const outer = setup({ actors: { inner } }).createMachine({
      id: 'outer',
      context: { heard: [] as string[] },
      invoke: { src: 'inner', id: 'inner', systemId: 'inner' },
    });
    const machine = parentOf({ outer, ear: listener('ear', { FOUND: { actions: hear } }) }, { GO: { actions: toSystem('inner', 'GO') } });
    const family = new Family(machine);
    family.reopen().send('GO');
    expect(family.order).toEqual(['root: signal GO', '1.1: message GO', '2: message FOUND']);
  });

  test('are given once at a time, and free again when their holder ends or is stopped', () => {
    const a = listener('a', {}, { initial: 'on', states: { on: { on: { END: 'off' } }, off: { type: 'final' } } });
    const machine = setup({ actors: { a } }).createMachine({
      id: 'root',
      version: '1',
      initial: 'x',
      states: {
        x: { invoke: { src: 'a', systemId: 'only', onDone: 'y' }, on: { AGAIN: { target: 'x', reenter: true }, TWICE: 'z' } },
        y: { invoke: { src: 'a', systemId: 'only' } },
        z: {
          invoke: [
            { src: 'a', systemId: 'only' },
            { src: 'a', systemId: 'only' },
          ],
        },
      },
    });
    const family = new Family(machine).reopen();
    expect(family.send('AGAIN')).toHaveLength(3);
    expect(family.tree.surroundings.find('only')).toMatchObject({ sessionId: 'w-1:1:2' });
    family.tell([2], signal('END'));
    expect(family.order).toEqual(['2: signal END', 'root: child-done', '3: start']);
    expect(family.tree.surroundings.find('only')).toMatchObject({ sessionId: 'w-1:1:3' });
    const again = new Family(machine);
    again.send('TWICE');
    expect(again.root.record).toMatchObject({ status: 'parked', children: 1 });
    expect(again.root.record.parked?.failure.message).toContain("Actor with system ID 'only' already exists");
  });

  test('are listed by getAll', () => {
    const machine = parentOf(
      { a: listener('a', {}), b: listener('b', {}) },
      { ALL: { actions: assign({ heard: (({ system }: { system: { getAll(): object } }) => Object.keys(system.getAll())) as never }) } },
    );
    const family = new Family(machine).reopen();
    family.send('ALL');
    expect(heardIn(family)).toMatchObject({ root: ['a', 'b'] });
  });
});

describe('references to actors', () => {
  const keeper = setup({
    types: { context: {} as { to: AnyActorRef; heard: string[] }, input: {} as { to: AnyActorRef } },
  }).createMachine({
    id: 'keeper',
    context: ({ input }) => ({ to: input.to, heard: [] }),
    on: {
      SAY: { actions: sendTo(({ context }) => context.to, { type: 'SAID' }) },
      MEET: { actions: assign({ to: ({ event }) => (event as unknown as { who: AnyActorRef }).who }) },
    },
  });
  const machine = setup({ types: { context: {} as { one?: AnyActorRef; heard: string[] } }, actors: { keeper } }).createMachine({
    id: 'root',
    version: '1',
    context: ({ spawn, self }) => ({ one: spawn('keeper', { id: 'one', input: { to: self } }), heard: [] }),
    invoke: { src: 'keeper', id: 'two', input: ({ self }) => ({ to: self }) },
    on: {
      SAID: { actions: hear as never },
      INTRODUCE: { actions: sendTo('two', ({ context }) => ({ type: 'MEET', who: context.one })) },
      ASK: { actions: sendTo('two', { type: 'SAY' }) },
    },
  });

  test('are kept as addresses in input, context and events, and send after a restart', () => {
    const family = new Family(machine).reopen();
    expect(family.stored(2).record.chart.context).toMatchObject({ to: { $type: 'ActorRef', value: 'w-1:1:', id: 'w-1' } });
    expect(family.stored().record.chart.context).toMatchObject({ one: { $type: 'ActorRef', value: 'w-1:1:1', id: 'one' } });
    family.send('ASK');
    expect(family.order).toEqual(['root: signal ASK', '2: message SAY', 'root: message SAID']);
    family.send('INTRODUCE');
    family.reopen().send('ASK');
    expect(family.order).toEqual(['root: signal ASK', '2: message SAY', '1: message SAID']);
  });

  test('in a context are the same as among the children, also after a restart', () => {
    const family = new Family(machine);
    for (const { root } of [family, family.reopen()]) {
      const { context, children } = root.chart.snapshot as unknown as { context: { one: unknown }; children: Record<string, unknown> };
      expect(context.one).toBe(children['one']);
    }
  });

  test('show the latest state in a step, and outside of one what is on disk', () => {
    const a = listener('a', { X: { actions: hear } });
    const seen: unknown[] = [];
    const looking = parentOf(
      { a },
      {
        GO: { actions: [sendTo('a', { type: 'X' }), sendTo(({ self }: { self: AnyActorRef }) => self, { type: 'LOOK' })] },
        LOOK: {
          actions: enqueueActions(({ system }) => void seen.push(heardBy((system as { get(id: string): AnyActorRef }).get('a')))),
        },
      },
    );
    const begun = decideTreeStart({ machine: registerMachine(looking), address: rootAddress('w', 1), input: null }, at(0));
    if (begun.kind === 'refuse') throw begun.error;
    for (const { commit, actor } of begun.steps) begun.tree.show(commit, actor);
    const decision = decideInTree(begun.tree, { to: [], envelope: signal('GO') }, at(1));
    expect(seen).toEqual([['X']]);
    const child = childOf(begun.tree.root, 'a');
    const shown = (): unknown => heardBy(child);
    expect(shown()).toEqual([]);
    if (decision.kind === 'commit') for (const { commit, actor } of decision.steps) begun.tree.show(commit, actor);
    expect(shown()).toEqual(['X']);
    expect(() => child.send({ type: 'X' })).toThrow('Outside of a step nothing is sent');
  });
});

test('what comes for an actor that is not there is nothing to write', () => {
  const family = new Family(parentOf({ a: listener('a', {}) }, {}));
  expect(family.tell([9], signal('X'))).toEqual([]);
  expect(family.tell([1, 1], { kind: 'timer', generation: 1 })).toEqual([]);
});

test('what comes for an actor that is not there is nothing to write while the workflow is held, either', () => {
  const family = new Family(parentOf({ a: listener('a', {}) }, {}));
  family.control('pause');
  expect(family.tell([9], signal('X'))).toEqual([]);
});

test('a start that says nothing of its child’s logic is a mistake of the host', () => {
  const { tree } = new Family(parentOf({ a: listener('a', {}) }, {}));
  const births = [undefined, { childId: 'x', lineage: ['nobody'] }];
  for (const birth of births) {
    const envelope = { kind: 'start' as const, input: null, ...(birth === undefined ? {} : { birth }) };
    expect(() => decideInTree(tree, { to: [7], envelope }, at(0))).toThrow('The child at 7 has no actor logic.');
  }
});

describe('a row of the mailbox', () => {
  test('for an actor that is gone meanwhile goes, and nothing else', () => {
    const a = listener('a', {}, { initial: 'on', states: { on: { on: { END: 'off' } }, off: { type: 'final' } } });
    const family = new Family(parentOf({ a }, {}));
    family.control('pause');
    family.tell([1], { kind: 'message', event: { type: 'END' }, from: [] });
    family.tell([1], { kind: 'message', event: { type: 'X' }, from: [] });
    family.control('resume');
    family.reopen().drain();
    expect(family.last).toHaveLength(1);
    expect(family.last[0]?.commit).toMatchObject({ journal: { outcome: 'noted', mail: 2 }, mailRemoved: [2] });
    expect(family.root.record).not.toHaveProperty('queued');
  });

  test('that is the last of many units in a row ends the row', () => {
    const { tree } = new Family(parentOf({}, { GO: { actions: hear } }));
    const decision = decideInTree(tree, { to: [], envelope: signal('GO'), unitsBefore: limits.unitsInRowMax }, at(9_000));
    expect(decision).toMatchObject({
      kind: 'commit',
      steps: [{ commit: { journal: { outcome: 'applied' }, record: { status: 'running' } } }],
    });
  });
});

test('a reference that a transition function is told is one it can send to', () => {
  const heard: unknown[] = [];
  const sum = fromTransition((count: number, event: { type: string; who?: AnyActorRef }) => {
    if (event.who !== undefined) heard.push(event.who.id);
    return count + 1;
  }, 0);
  const machine = setup({ actors: { sum, a: listener('a', {}) } }).createMachine({
    id: 'root',
    version: '1',
    context: { heard: [] },
    invoke: [
      { src: 'sum', id: 'sum' },
      { src: 'a', id: 'a', systemId: 'a' },
    ],
    on: {
      GO: {
        actions: sendTo('sum', ({ system }: { system: { get(id: string): unknown } }) => ({
          type: 'MEET',
          who: system.get('a'),
        })),
      },
    },
  } as never) as unknown as AnyStateMachine;
  new Family(machine).send('GO');
  expect(heard).toEqual(['a', 'a']);
});
