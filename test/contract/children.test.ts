import { expect } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { enqueueActions, setup } from 'xstate';
import type { ChildDescription, WorkflowDescription } from 'perdure';
import { activity, child } from 'perdure/authoring';
import { limits } from '../../src/kernel/limits.ts';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { refusalOf } from '../support/outcomes.ts';
import { World, errorOf } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

type Policy = Parameters<typeof child>[1]['parentClosePolicy'];

/** Works until it is done; one that is mindful answers `workflow.cancel` by taking back what it did. */
function part(world: World, isMindful: boolean) {
  const step = (name: string) =>
    activity<unknown, string>({ name, retry: { maximumAttempts: 5, jitter: 'none' }, run: (scope) => world.call(name, scope) });
  return setup({ actors: { work: step('work'), undo: step('undo') } }).createMachine({
    id: 'part',
    initial: 'working',
    states: {
      working: { invoke: { src: 'work', onDone: 'done', onError: 'failed' }, on: isMindful ? { 'workflow.cancel': 'undoing' } : {} },
      undoing: { invoke: { src: 'undo', onDone: 'undone' } },
      done: { type: 'final' },
      undone: { type: 'final', tags: 'cancelled' },
      failed: { type: 'final', tags: 'failed' },
    },
    output: ({ self }) => ({ from: self.id }),
  });
}

/** @param policy default: what a machine without `child` has */
function parentOf(logic: AnyStateMachine, policy?: Policy) {
  const actors = { part: policy === undefined ? logic : child(logic, { parentClosePolicy: policy }) };
  return setup({
    types: { events: {} as { readonly type: 'LEAVE' | 'CLOSE' }, output: {} as { readonly said: string } },
    actors,
  }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'busy',
    states: {
      busy: {
        invoke: { src: 'part', id: 'part', onDone: 'heard', onError: 'heard' },
        on: { LEAVE: 'idle', CLOSE: 'closed' },
      },
      heard: {},
      idle: { on: { CLOSE: 'closed' } },
      closed: { type: 'final' },
    },
    output: { said: 'enough' },
  });
}

const ways = [
  ['its parent closes', 'CLOSE', { status: 'completed', value: 'closed', output: { said: 'enough' } }],
  ['its parent leaves the state', 'LEAVE', { status: 'running', value: 'idle' }],
] as const;
type Way = (typeof ways)[number];

function childIn({ children }: WorkflowDescription): ChildDescription {
  const [only, ...others] = children;
  if (only === undefined || others.length > 0) throw new Error(`One child was expected, found ${children.length}.`);
  return only;
}

interface Scene {
  readonly host: ContractHost;
  readonly world: World;
  readonly runtime: ContractRuntime;
  /** The process dies and another one takes over. */
  readonly dies: () => Promise<ContractRuntime>;
}

/** A child at work whose parent is told to close, or to leave the state the child belongs to. */
async function stopped(host: ContractHost, [, type, end]: Way, isMindful: boolean, policy?: Policy): Promise<Scene> {
  const world = new World();
  const machine = parentOf(part(world, isMindful), policy);
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'w' });
  await host.settled();
  expect(childIn(await runtime.describe('w'))).toMatchObject({ id: 'part', status: 'running', value: 'working', isDetached: false });
  expect(await runtime.send('w', { type })).toMatchObject({ outcome: 'applied' });
  await host.settled();
  expect(await runtime.describe('w')).toMatchObject(end);
  const dies = async (): Promise<ContractRuntime> => {
    await host.crash();
    const next = await host.open([machine]);
    await host.settled();
    return next;
  };
  return { host, world, runtime, dies };
}

/** Whatever became of its child, the parent is where it was and nothing is wrong with it. */
async function expectUnmoved(runtime: ContractRuntime, [, , end]: Way): Promise<ChildDescription> {
  const description = await runtime.describe('w');
  expect(description).toMatchObject(end);
  expect(description).not.toHaveProperty('failure');
  expect(description).not.toHaveProperty('parked');
  if (end.status === 'completed') {
    expect(await (await runtime.get('w')).result()).toEqual({ said: 'enough' });
    await refusalOf(runtime.send('w', { type: 'LEAVE' }), 'WORKFLOW_CLOSED');
  }
  return childIn(description);
}

/** A claim made of both ways in which a parent stops a child. */
const eitherWay = (claim: string, check: (host: ContractHost, way: Way) => Promise<void>) =>
  Object.fromEntries(ways.map((way) => [`${claim}: ${way[0]}`, (host: ContractHost) => check(host, way)]));

contractGroup('children', ({ contractCase, everywhere }) => {
  contractCase(38, {
    ...eitherWay('one that handles `workflow.cancel` goes on to an end of its own by default', async (host, way) => {
      const { world, runtime, dies } = await stopped(host, way, true);
      expect(world.last('work').signal.aborted).toBe(true);
      expect(await expectUnmoved(runtime, way)).toMatchObject({
        status: 'running',
        value: 'undoing',
        isDetached: true,
        activities: [{ name: 'undo', attempt: 1 }],
      });
      const next = await dies();
      expect(await expectUnmoved(next, way)).toMatchObject({ status: 'running', value: 'undoing', activities: [{ attempt: 2 }] });
      expect(world.last('undo').idempotencyKey).toBe(world.callsOf('undo')[0]?.idempotencyKey);
      world.last('undo').succeed('undone');
      await host.settled();
      const undone = { status: 'cancelled', value: 'undone', isDetached: true, output: { from: 'part' }, activities: [] };
      expect(await expectUnmoved(next, way)).toMatchObject(undone);
      expect(await expectUnmoved(await dies(), way)).toMatchObject(undone);
      expect(world.calls).toHaveLength(3);
    }),

    ...eitherWay('one that does not handle it ends cancelled at once by default', async (host, way) => {
      const { world, runtime, dies } = await stopped(host, way, false);
      const cancelled = { status: 'cancelled', value: 'working', activities: [], failure: { class: 'Cancelled' } };
      expect(world.last('work').signal.reason).toBe('closed');
      expect(await expectUnmoved(runtime, way)).toMatchObject(cancelled);
      expect(await expectUnmoved(await dies(), way)).toMatchObject(cancelled);
      expect(world.calls).toHaveLength(1);
    }),

    ...eitherWay('`terminate` ends it at once, whatever its chart says', async (host, way) => {
      const { world, runtime, dies } = await stopped(host, way, true, 'terminate');
      const terminated = { status: 'terminated', value: 'working', activities: [], failure: { class: 'Terminated' } };
      expect(world.last('work').signal.reason).toBe('closed');
      expect(await expectUnmoved(runtime, way)).toMatchObject(terminated);
      expect(await expectUnmoved(await dies(), way)).toMatchObject(terminated);
      expect(world.calls).toHaveLength(1);
    }),

    ...eitherWay('`abandon` lets it go on as if nothing had happened', async (host, way) => {
      const { world, runtime, dies } = await stopped(host, way, true, 'abandon');
      const working = { status: 'running', value: 'working', isDetached: true };
      expect(world.last('work').signal.aborted).toBe(false);
      expect(await expectUnmoved(runtime, way)).toMatchObject({ ...working, activities: [{ attempt: 1 }] });
      const next = await dies();
      expect(await expectUnmoved(next, way)).toMatchObject({ ...working, activities: [{ attempt: 2 }] });
      world.last('work').succeed('done');
      await host.settled();
      expect(await expectUnmoved(next, way)).toMatchObject({ status: 'completed', value: 'done' });
      expect(world.callsOf('work')).toHaveLength(2);
      expect(world.callsOf('undo')).toHaveLength(0);
    }),

    'a stop that did not reach the disk never was, and one that did is acted upon by the next process': async (host) => {
      const world = new World();
      const machine = parentOf(part(world, true));
      const runtime = await host.open([machine]);
      await runtime.start(machine, { id: 'w' });
      await host.settled();
      host.holdWrites();
      void runtime.send('w', { type: 'CLOSE' });
      await host.settled();
      await host.crash('lost');
      const next = await host.open([machine]);
      await host.settled();
      expect(childIn(await next.describe('w'))).toMatchObject({ status: 'running', value: 'working', isDetached: false });
      host.holdWrites();
      void next.send('w', { type: 'CLOSE' });
      await host.settled();
      expect(world.callsOf('undo')).toHaveLength(0);
      await host.crash('kept');
      const last = await host.open([machine]);
      await host.settled();
      expect(await last.describe('w')).toMatchObject({ status: 'completed', children: [{ value: 'undoing', isDetached: true }] });
      expect(world.callsOf('undo')).toHaveLength(1);
    },
  });

  contractCase(39, {
    'with its output, also after a crash and once nothing of the workflow runs any more': async (host) => {
      const { world, runtime, dies } = await stopped(host, ways[0], false, 'abandon');
      world.last('work').succeed('done');
      await host.settled();
      const result = { status: 'completed', value: 'done', output: { from: 'part' } };
      expect(await expectUnmoved(runtime, ways[0])).toMatchObject(result);
      expect(await expectUnmoved(await dies(), ways[0])).toMatchObject(result);
      expect(await expectUnmoved(await dies(), ways[0])).toMatchObject(result);
    },

    'with its failure, which is nobody else’s': async (host) => {
      const { world, runtime, dies } = await stopped(host, ways[0], false, 'abandon');
      for (const _attempt of [1, 2, 3, 4, 5]) {
        world.last('work').fail(errorOf('Broke', 'no more'));
        await host.settled();
        host.clock.advance(60_000);
        await host.settled();
      }
      const failed = { status: 'failed', value: 'failed', failure: { class: 'Broke', message: 'no more' } };
      expect(await expectUnmoved(runtime, ways[0])).toMatchObject(failed);
      expect(await expectUnmoved(await dies(), ways[0])).toMatchObject(failed);
    },

    'that ended in the same moment as its parent: one of both orders, and no error': async (host) => {
      const world = new World();
      const machine = parentOf(part(world, false), 'abandon');
      const runtime = await host.open([machine]);
      for (const id of ['a', 'b']) await runtime.start(machine, { id });
      await host.settled();
      const [a, b] = world.callsOf('work');
      a?.succeed('done');
      await Promise.all(['a', 'b'].map((id) => runtime.send(id, { type: 'CLOSE' })));
      b?.succeed('done');
      await host.settled();
      for (const id of ['a', 'b']) {
        const description = await runtime.describe(id);
        expect(['closed', 'heard']).toContain(description.value);
        expect(description).not.toHaveProperty('failure');
        expect(childIn(description)).toMatchObject({ status: 'completed', output: { from: 'part' } });
      }
      expect((await runtime.describe('b')).value).toBe('closed');
    },
  });

  everywhere('A child that goes on after its parent hears of what waited for it in the mailbox when its parent closed.', async (host) => {
    const world = new World();
    const machine = parentOf(part(world, false), 'abandon');
    const runtime = await host.open([machine]);
    await runtime.start(machine, { id: 'w' });
    await host.settled();
    await runtime.pause('w');
    await runtime.send('w', { type: 'CLOSE' });
    world.last('work').succeed('done');
    await host.settled();
    await runtime.resume('w');
    await host.settled();
    expect(childIn(await runtime.describe('w'))).toMatchObject({ status: 'completed', output: { from: 'part' } });
    expect(await runtime.describe('w')).toMatchObject({ status: 'completed', queued: 0 });
    await runtime.delete('w');
  });

  everywhere('Children of a step that is too long for one write are all begun, also if the process dies after the first.', async (host) => {
    const count = limits.stepsPerUnitMax + 50;
    const one = setup({}).createMachine({ id: 'one', initial: 'on', states: { on: {} } });
    const brood = setup({ actors: { one } }).createMachine({
      id: 'brood',
      version: '1',
      on: {
        BEAR: {
          actions: enqueueActions(({ enqueue }) => {
            for (let n = 1; n <= count; n += 1) enqueue.spawnChild('one', { id: `c${n}` });
          }),
        },
      },
    });
    const runtime = await host.open([brood]);
    await runtime.start(brood, { id: 'w' });
    host.holdWrites();
    void runtime.send('w', { type: 'BEAR' });
    await host.settled();
    await host.crash('kept');
    const next = await host.open([brood]);
    await host.settled();
    const { status, children, queued } = await next.describe('w');
    expect({ status, queued }).toEqual({ status: 'running', queued: 0 });
    expect(new Set(children.map(({ id, value }) => `${id} ${JSON.stringify(value)}`)).size).toBe(count);
    expect((await next.history('w')).filter(({ outcome }) => outcome === 'queued')).toHaveLength(1);
  });

  everywhere('A closed workflow of which a child still runs is not deleted; when that has ended, it is.', async (host) => {
    const { world, runtime } = await stopped(host, ways[0], false, 'abandon');
    const { details } = await refusalOf(runtime.delete('w'), 'WORKFLOW_OPEN');
    expect(details).toEqual({ id: 'w', status: 'completed' });
    world.last('work').succeed('done');
    await host.settled();
    await runtime.delete('w');
    await refusalOf(runtime.describe('w'), 'WORKFLOW_NOT_FOUND');
  });
});
