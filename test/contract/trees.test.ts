import { expect } from 'vitest';
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { assign, enqueueActions, fromCallback, sendTo, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { ContractRuntime } from '../support/contract-host.ts';
import { watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

/** Does its work; asked to cancel, it tidies up first. */
function partOf(world: World): AnyStateMachine {
  const work = activity<unknown, string>({ name: 'work', run: (scope) => world.call('work', scope), retry: { maximumAttempts: 5 } });
  const tidy = activity<unknown, string>({ name: 'tidy', run: (scope) => world.call('tidy', scope), retry: { maximumAttempts: 5 } });
  const types: { readonly context: { result?: string } } = { context: {} };
  return setup({ types, actors: { work, tidy } }).createMachine({
    id: 'part',
    context: {},
    initial: 'working',
    states: {
      working: {
        invoke: { src: 'work', onDone: { target: 'end', actions: assign({ result: ({ event }) => event.output }) } },
        on: { 'workflow.cancel': 'tidying' },
      },
      tidying: { invoke: { src: 'tidy', onDone: { target: 'end', actions: assign({ result: ({ event }) => event.output }) } } },
      end: { type: 'final' },
    },
    output: ({ context }) => context.result,
  });
}

function parentOf(world: World) {
  const part = partOf(world);
  return setup({
    types: { context: {}, events: {} as { type: 'CLOSE' | 'LEAVE' } },
    actors: { part },
  }).createMachine({
    id: 'parent',
    version: '1',
    context: {},
    initial: 'busy',
    states: {
      busy: {
        invoke: {
          src: 'part',
          id: 'part',
          onDone: { target: 'content', actions: assign({ heard: ({ event }) => event.output as unknown }) },
        },
        on: { CLOSE: 'closed', LEAVE: 'content' },
      },
      content: { on: { CLOSE: 'closed' } },
      closed: { type: 'final' },
    },
  });
}

interface Telling {
  readonly type: 'TELL';
  readonly tag: string;
  /** How often. */
  readonly count: number;
}

function telling(tag: string, count = 1): Telling {
  return { type: 'TELL', tag, count };
}

/** Tells its child whatever it is told, which notes it unless it is broken. */
function forwarder(isBroken: { readonly now: boolean }) {
  const types = { events: {} as Telling, context: {} as { readonly heard: readonly string[] } };
  const noter = setup({ types }).createMachine({
    id: 'noter',
    context: { heard: [] },
    on: {
      TELL: {
        guard: () => {
          if (isBroken.now) throw new Error('It is broken.');
          return true;
        },
        actions: assign({ heard: ({ context, event }) => [...context.heard, event.tag] }),
      },
    },
  });
  return setup({ types: { events: {} as Telling }, actors: { noter } }).createMachine({
    id: 'forwarder',
    version: '1',
    invoke: { src: 'noter', id: 'noter' },
    on: {
      TELL: {
        actions: enqueueActions(({ enqueue, event: { tag, count } }) => {
          for (let told = 0; told < count; told += 1) enqueue.sendTo('noter', telling(tag));
        }),
      },
    },
  });
}

async function heardByChild(runtime: ContractRuntime): Promise<unknown> {
  const { children } = await runtime.describe('w');
  return children.flatMap(({ context }) => (context as { readonly heard: readonly string[] }).heard);
}

contractGroup('trees', ({ everywhere }) => {
  everywhere('an activity of a child is made again after a crash, and its parent hears of the end', async (host) => {
    const world = new World();
    const machine = parentOf(world);
    await (await host.open([machine])).start(machine, { id: 'family', input: undefined });
    await host.settled();
    await host.crash();
    const runtime = await host.open([machine]);
    await host.settled();
    expect(world.callsOf('work').map(({ idempotencyKey, attempt }) => [idempotencyKey, attempt])).toEqual([
      ['family:1:1:1', 1],
      ['family:1:1:1', 2],
    ]);
    world.last('work').succeed('done');
    await host.settled();
    expect(await runtime.describe('family')).toMatchObject({ value: 'content', context: { heard: 'done' } });
  });

  everywhere('what follows from a step within a workflow is on disk with it, or none of it is', async (host) => {
    for (const fate of ['lost', 'kept'] as const) {
      const world = new World();
      const machine = parentOf(world);
      const handle = await (await host.open([machine])).start(machine, { id: fate, input: undefined });
      await host.settled();
      host.holdWrites();
      watch(handle.send({ type: 'CLOSE' }));
      await host.settled();
      expect(host.heldWrites).toBe(1);
      expect(world.last('work').signal.aborted).toBe(false);
      await host.crash(fate);
      const runtime = await host.open([machine]);
      const { value, children } = await runtime.describe(fate);
      expect([value, children[0]?.value]).toEqual(fate === 'lost' ? ['busy', 'working'] : ['closed', 'tidying']);
      await host.crash();
    }
  });

  everywhere('custom actions run after the commit, in order over steps, and again if the process dies in them', async (host) => {
    const world = new World();
    const done: unknown[] = [];
    const say = async (count: number): Promise<void> => {
      await world.call('say', { input: undefined, idempotencyKey: '', attempt: 1, signal: new AbortController().signal });
      done.push(count);
    };
    const machine = setup({
      types: { context: {} as { count: number }, events: {} as { type: 'GO' } },
      actions: {
        say: ({ context }): unknown => say(context.count),
      },
    }).createMachine({
      id: 'talker',
      version: '1',
      context: { count: 0 },
      on: { GO: { actions: [assign({ count: ({ context }) => context.count + 1 }), 'say'] } },
    });
    const handle = await (await host.open([machine])).start(machine, { id: 'talker', input: undefined });
    host.holdWrites();
    const sent = watch(handle.send({ type: 'GO' }));
    await host.settled();
    expect(world.callsOf('say')).toEqual([]);
    host.releaseWrites();
    await host.settled();
    expect(sent.state).toBe('fulfilled');
    await handle.send({ type: 'GO' });
    await host.settled();
    expect(world.callsOf('say')).toHaveLength(1);
    await host.crash();
    const runtime = await host.open([machine]);
    await host.settled();
    expect(world.callsOf('say')).toHaveLength(2);
    world.last('say').succeed(undefined);
    await host.settled();
    world.last('say').succeed(undefined);
    await host.settled();
    expect(done).toEqual([1, 2]);
    expect(await runtime.describe('talker')).toMatchObject({ status: 'running', activities: [] });
  });

  everywhere('a callback lives as long as its state, begins anew in the next process, and is heard', async (host) => {
    const alive = new Map<number, { readonly say: (event: EventObject) => void; readonly heard: string[]; isStopped: boolean }>();
    const machine = setup({
      types: { context: {} as { heard: number }, events: {} as { type: 'NEWS' } | { type: 'TELL' } | { type: 'LEAVE' } },
      actors: {
        socket: fromCallback<EventObject, { port: number }>(({ input, sendBack, receive }) => {
          const life = { say: sendBack, heard: [] as string[], isStopped: false };
          alive.set(alive.size, life);
          expect(input).toEqual({ port: 80 });
          receive(({ type }) => void life.heard.push(type));
          return () => void (life.isStopped = true);
        }),
      },
    }).createMachine({
      id: 'listener',
      version: '1',
      context: { heard: 0 },
      initial: 'on',
      states: {
        on: {
          invoke: { src: 'socket', id: 'socket', input: { port: 80 } },
          on: {
            NEWS: { actions: assign({ heard: ({ context }) => context.heard + 1 }) },
            TELL: { actions: sendTo('socket', { type: 'HELLO' }) },
            LEAVE: 'off',
          },
        },
        off: {},
      },
    });
    const first = await (await host.open([machine])).start(machine, { id: 'listener', input: undefined });
    await host.settled();
    alive.get(0)?.say({ type: 'NEWS' });
    await first.send({ type: 'TELL' });
    await host.settled();
    expect((first.getSnapshot() as AnyMachineSnapshot).context).toEqual({ heard: 1 });
    expect(alive.get(0)?.heard).toEqual(['HELLO']);
    await host.crash();
    const runtime = await host.open([machine]);
    await host.settled();
    expect(alive.size).toBe(2);
    alive.get(1)?.say({ type: 'NEWS' });
    await host.settled();
    expect(await runtime.describe('listener')).toMatchObject({
      context: { heard: 2 },
      activities: [{ name: 'listener.socket', state: 'live' }],
    });
    await runtime.send('listener', { type: 'LEAVE' });
    await host.settled();
    expect(alive.get(1)?.isStopped).toBe(true);
    alive.get(1)?.say({ type: 'NEWS' });
    await host.settled();
    expect(await runtime.describe('listener')).toMatchObject({ context: { heard: 2 }, activities: [] });
  });

  everywhere(
    'What follows from a stored message comes before the next one, also if it throws first and the process dies.',
    async (host) => {
      const isBroken = { now: true };
      const runtime = await host.open([forwarder(isBroken)]);
      await runtime.start(forwarder(isBroken), { id: 'w' });
      await runtime.pause('w');
      for (const tag of ['m1', 'm2']) await runtime.send('w', telling(tag));
      await runtime.resume('w');
      await host.settled();
      expect(await runtime.describe('w')).toMatchObject({ status: 'parked', queued: 2 });
      await host.crash();
      isBroken.now = false;
      const next = await host.open([forwarder(isBroken)]);
      await next.unpark('w');
      await host.settled();
      expect(await next.describe('w')).toMatchObject({ status: 'running', queued: 0 });
      expect(await heardByChild(next)).toEqual(['m1', 'm2']);
    },
  );

  everywhere('What follows from a stored message comes before the next one, also if it is too long for one write.', async (host) => {
    const machine = forwarder({ now: false });
    const runtime = await host.open([machine]);
    await runtime.start(machine, { id: 'w' });
    await runtime.pause('w');
    const count = limits.stepsPerUnitMax + 20;
    await runtime.send('w', telling('m1', count));
    await runtime.send('w', telling('m2'));
    await runtime.resume('w');
    host.holdWrites();
    await host.settled();
    await host.crash('kept');
    const next = await host.open([machine]);
    await host.settled();
    expect(await next.describe('w')).toMatchObject({ status: 'running', queued: 0 });
    expect(await heardByChild(next)).toEqual([...Array.from({ length: count }, () => 'm1'), 'm2']);
  });
});
