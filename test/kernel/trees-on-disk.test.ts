import { describe, expect, it, onTestFinished } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { createMachine, sendParent, sendTo } from 'xstate';
import { rootAddress } from '../../src/kernel/address.ts';
import { messagesIn } from '../../src/kernel/conversation.ts';
import { decideInTree, decideTreeStart } from '../../src/kernel/decide-in-tree.ts';
import { limits } from '../../src/kernel/limits.ts';
import { child } from '../../src/kernel/child.ts';
import { createRegistry, revive } from '../../src/kernel/machine-registry.ts';
import { holdingOf } from '../../src/kernel/mailbox.ts';
import { activityNotFound } from '../../src/kernel/refusals.ts';
import type { Step } from '../../src/kernel/step.ts';
import type { Tree } from '../../src/kernel/tree.ts';
import { encodeValue } from '../../src/kernel/value-encoding.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';

const context = { nowMs: 1_000, random: () => 0.5, admit: () => true };
const worker = createMachine({ id: 'worker', initial: 'busy', states: { busy: {} } });
const boss = createMachine({
  id: 'boss',
  version: '1',
  initial: 'open',
  states: {
    open: { invoke: ['one', 'two', 'three'].map((id) => ({ id, src: worker })), on: { LEAVE: 'left' } },
    left: { type: 'final' },
  },
});
const registry = createRegistry([boss]);

function started(machines = registry, id = 'boss'): { readonly tree: Tree; readonly steps: readonly Step[] } {
  const machine = machines.find(id, '1');
  if (machine === undefined) throw new Error('It is registered.');
  const decision = decideTreeStart({ machine, address: rootAddress('w', 1), input: encodeValue(undefined) }, context);
  if (decision.kind !== 'commit') throw decision.error;
  for (const { commit, actor } of decision.steps) decision.tree.show(commit, actor);
  return decision;
}

function leave(tree: Tree): readonly Step[] {
  const decision = decideInTree(tree, { to: [], envelope: { kind: 'signal', event: { type: 'LEAVE' } } }, context);
  if (decision.kind !== 'commit') throw new Error('It is taken.');
  return decision.steps;
}

describe('a child that is stopped by what waits in the mailbox', () => {
  it('is found again by a process that reads the workflow', async () => {
    const { stepsPerUnitMax } = limits;
    onTestFinished(() => void Object.assign(limits, { stepsPerUnitMax }));
    const { tree, steps } = started();
    Object.assign(limits, { stepsPerUnitMax: 2 });
    const all = [...steps, ...leave(tree)].map(({ commit }) => commit);
    const store = await openStoreOn(await createMemoryDatabase(), { location: 'memory', storeId: 'test' });
    await store.write({ firstCommit: 1, commits: all, definitions: [] });

    const stored = await store.readTree(rootAddress('w', 1));
    const waiting = await store.readMailbox(rootAddress('w', 1), 10);
    expect(waiting.flatMap(messagesIn).map(({ to, envelope }) => [to, envelope.kind])).toEqual([
      [[2], 'stop'],
      [[3], 'stop'],
    ]);
    expect(stored?.others.map(({ record }) => [record.address.path, record.status])).toEqual([
      [[2], 'running'],
      [[3], 'running'],
    ]);
    const revival = revive(registry, stored!);
    expect(revival.kind === 'tree' && [...revival.tree.actors()].length).toBe(3);
    await store.close();
  });
});

describe('what a host may act upon', () => {
  it('is what is on disk, whatever was decided since', () => {
    const { tree } = started();
    leave(tree);
    expect([...tree.shown()].map(({ record }) => record.status)).toEqual(['running', 'running', 'running', 'running']);
    expect(tree.root.record.status).toBe('completed');
  });
});

describe('an outcome from outside', () => {
  const outcome = {
    kind: 'attempt-failed',
    n: 1,
    attempt: 1,
    error: null,
    failure: { class: 'No', message: '' },
    isFromOutside: true,
  } as const;
  const row = { n: 1, childId: 'a', src: 'a', name: 'a', input: null, idempotencyKey: 'k', scheduledAtMs: 0, attempt: 1, uncharged: 0 };

  it('of an attempt whose outcome waits in the mailbox already is refused', () => {
    expect(holdingOf(outcome, { ...row, state: 'running' })).toBe('settle');
    expect(holdingOf(outcome, { ...row, state: 'settled' })).toBe('refuse');
  });
});

describe('an attempt that was handed over', () => {
  const row = { n: 1, childId: 'a', src: 'a', name: 'a', input: null, idempotencyKey: 'k', scheduledAtMs: 0, attempt: 1, uncharged: 0 };

  it('is not given back by a process that closes while its workflow is paused', () => {
    const release = { kind: 'attempt-released', n: 1, attempt: 1, hasBegun: true } as const;
    expect(holdingOf(release, { ...row, state: 'running' })).toBe('settle');
    expect(holdingOf(release, { ...row, state: 'running', isHandedOver: true })).toBe('ignore');
  });

  it('has to be awaited still, which it is not once its outcome waits in the mailbox', () => {
    const handOver = { kind: 'attempt-handed-over', n: 1, attempt: 1 } as const;
    expect(holdingOf(handOver, { ...row, state: 'running' })).toBe('pass');
    expect(holdingOf(handOver, { ...row, state: 'settled' })).toBe('refuse');
  });
});

describe('a child that goes on after the end of its workflow', () => {
  it('is parked when its chart throws, and the end of the workflow stays', () => {
    const guard = (): never => {
      throw new Error('Never.');
    };
    const lasting = createMachine({ id: 'lasting', initial: 'busy', states: { busy: { on: { BREAK: { guard, actions: [] } } } } });
    const parent = createMachine({
      id: 'parent',
      version: '1',
      initial: 'open',
      states: {
        open: { invoke: { id: 'lasting', src: child(lasting, { parentClosePolicy: 'abandon' }) }, on: { LEAVE: 'left' } },
        left: { type: 'final' },
      },
    });
    const { tree } = started(createRegistry([parent]), 'parent');
    leave(tree);
    const message = { to: [1], envelope: { kind: 'message', event: { type: 'BREAK' }, from: [] } } as const;
    const decision = decideInTree(tree, message, context);
    expect(decision.kind === 'commit' && decision.steps.map(({ commit: { record } }) => [record.address.path, record.status])).toEqual([
      [[], 'completed'],
    ]);
    expect(tree.root.record.parked).toMatchObject({ reason: 'poison', failure: { message: expect.stringContaining('Never.') } });
    expect(tree.get([1])?.record.status).toBe('running');
  });
});

describe('an activity of a child that is over', () => {
  it('is not pending, which says nothing of its workflow', () => {
    const { tree } = started();
    const { record } = tree.get([1])!;
    const closed = { ...record, status: 'cancelled' as const };
    expect(activityNotFound(closed, 7)).toMatchObject({ code: 'ACTIVITY_NOT_FOUND' });
    expect(activityNotFound({ ...closed, address: rootAddress('w', 1) }, 7)).toMatchObject({ code: 'WORKFLOW_CLOSED' });
  });
});

describe('a unit that grows too long', () => {
  it('leaves what was said to one actor in the order in which it was said', () => {
    const { stepsPerUnitMax } = limits;
    onTestFinished(() => void Object.assign(limits, { stepsPerUnitMax }));
    const talker = createMachine({
      id: 'talker',
      on: {
        TALK: {
          actions: [
            sendParent({ type: 'FIRST' }),
            sendTo(({ system }) => system.get('other') as AnyActorRef, { type: 'HM' }),
            sendParent({ type: 'SECOND' }),
          ],
        },
      },
    });
    const parent = createMachine({
      id: 'parent',
      version: '1',
      invoke: [
        { id: 'talker', src: talker },
        { id: 'other', systemId: 'other', src: worker },
      ],
      on: { LEAVE: { actions: sendTo('talker', { type: 'TALK' }) } },
    });
    const { tree } = started(createRegistry([parent]), 'parent');
    Object.assign(limits, { stepsPerUnitMax: 3 });
    const left = leave(tree).flatMap(({ commit }) => commit.mailPut);
    expect(left.flatMap(messagesIn).map(({ to, envelope }) => [to, envelope.kind === 'message' && envelope.event])).toEqual([
      [[], { type: 'FIRST' }],
      [[], { type: 'SECOND' }],
    ]);
  });
});
