import { expect } from 'vitest';
import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { assign, fromCallback, sendTo, setup } from 'xstate';
import type { ParentClosePolicy } from '../../src/kernel/birth.ts';
import { activity } from '../../src/kernel/activity.ts';
import { child } from '../../src/kernel/child.ts';
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

function parentOf(world: World, parentClosePolicy?: ParentClosePolicy) {
  const part = parentClosePolicy === undefined ? partOf(world) : child(partOf(world), { parentClosePolicy });
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

async function childOf(runtime: ContractRuntime): Promise<object | undefined> {
  const { children } = await runtime.describe('family');
  expect(children.length).toBeLessThan(2);
  return children[0];
}

contractGroup('children', ({ contractCase, everywhere }) => {
  contractCase(38, {
    'by default a child is asked to cancel, and what it does about that goes on after its parent closed, over a crash, too': async (
      host,
    ) => {
      const world = new World();
      const machine = parentOf(world);
      const handle = await (await host.open([machine])).start(machine, { id: 'family', input: undefined });
      await host.settled();
      await handle.send({ type: 'CLOSE' });
      await handle.result();
      await host.settled();
      expect(world.last('work').signal.aborted).toBe(true);
      expect(world.callsOf('tidy')).toHaveLength(1);
      await host.crash();
      const runtime = await host.open([machine]);
      await host.settled();
      expect(await childOf(runtime)).toMatchObject({ id: 'part', status: 'running', isDetached: true, value: 'tidying' });
      expect(world.callsOf('tidy').map(({ idempotencyKey, attempt }) => [idempotencyKey, attempt])).toEqual([
        ['family:1:1:2', 1],
        ['family:1:1:2', 2],
      ]);
      world.last('tidy').succeed('tidied');
      await host.settled();
      expect(await childOf(runtime)).toMatchObject({ status: 'completed', output: 'tidied' });
      expect(await runtime.describe('family')).toMatchObject({ status: 'completed', value: 'closed' });
    },

    'with `terminate` it ends at once': async (host) => {
      const world = new World();
      const machine = parentOf(world, 'terminate');
      const runtime = await host.open([machine]);
      const handle = await runtime.start(machine, { id: 'family', input: undefined });
      await host.settled();
      await handle.send({ type: 'LEAVE' });
      await host.settled();
      expect(world.last('work').signal.aborted).toBe(true);
      expect(await childOf(runtime)).toMatchObject({ status: 'terminated' });
      expect(world.callsOf('tidy')).toEqual([]);
    },

    'with `abandon` it goes on as if nothing had happened': async (host) => {
      const world = new World();
      const machine = parentOf(world, 'abandon');
      const handle = await (await host.open([machine])).start(machine, { id: 'family', input: undefined });
      await host.settled();
      await handle.send({ type: 'CLOSE' });
      await host.crash();
      const runtime = await host.open([machine]);
      await host.settled();
      expect(world.callsOf('work')).toHaveLength(2);
      expect(await childOf(runtime)).toMatchObject({ status: 'running', value: 'working' });
    },
  });

  contractCase(39, async (host) => {
    const world = new World();
    const machine = parentOf(world, 'abandon');
    const runtime = await host.open([machine]);
    const handle = await runtime.start(machine, { id: 'family', input: undefined });
    await host.settled();
    await handle.send({ type: 'CLOSE' });
    world.last('work').succeed('late but well');
    await host.settled();
    expect(await childOf(runtime)).toMatchObject({ status: 'completed', output: 'late but well' });
    const { status, context } = await runtime.describe('family');
    expect({ status, context }).toEqual({ status: 'completed', context: {} });
    await host.crash();
    const again = await host.open([machine]);
    expect(await childOf(again)).toMatchObject({ status: 'completed', output: 'late but well' });
    expect(await (await again.get('family')).result()).toBeUndefined();
  });

  everywhere('a child that goes on after its parent hears of what waited for it in the mailbox when its parent closed', async (host) => {
    const world = new World();
    const machine = parentOf(world, 'abandon');
    const runtime = await host.open([machine]);
    const handle = await runtime.start(machine, { id: 'family', input: undefined });
    await host.settled();
    await runtime.pause('family');
    await handle.send({ type: 'CLOSE' });
    world.last('work').succeed('done');
    await host.settled();
    await runtime.resume('family');
    await host.settled();
    expect(await childOf(runtime)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await runtime.describe('family')).toMatchObject({ status: 'completed', queued: 0 });
    await runtime.delete('family');
  });

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
});
