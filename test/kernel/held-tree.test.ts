import { describe, expect, test } from 'vitest';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import { assign, enqueueActions, sendParent, sendTo, setup } from 'xstate';
import { messagesIn } from '../../src/kernel/conversation.ts';
import { decideInTree } from '../../src/kernel/decide-in-tree.ts';
import { limits } from '../../src/kernel/limits.ts';
import { Family } from './families.ts';
import { at, signal } from './workflows.ts';

interface Heard {
  readonly heard: readonly string[];
}

const hear = assign({ heard: ({ context, event }: { context: Heard; event: { type: string } }) => [...context.heard, event.type] });

function listener(id: string, on: object): AnyStateMachine {
  return setup({}).createMachine({ id, context: { heard: [] }, on } as never) as unknown as AnyStateMachine;
}

function poison(): never {
  throw new Error('poison');
}

describe('what throws in the middle of a unit', () => {
  let isBroken = true;
  const a = listener('a', {
    BAD: { guard: () => (isBroken ? poison() : true), actions: sendParent({ type: 'STOP' }) },
    ASK: { actions: [hear, sendParent({ type: 'ANSWER' })] },
  });
  const gone = listener('gone', {});
  const machine = (go: readonly unknown[]): AnyStateMachine =>
    setup({ actors: { a, gone, late: listener('late', { X: { actions: hear } }) } }).createMachine({
      id: 'root',
      version: '1',
      context: { heard: [] },
      invoke: [
        { src: 'a', id: 'a' },
        { src: 'gone', id: 'gone', systemId: 'gone' },
      ],
      on: {
        KEEP: { actions: assign({ ref: ({ system }: { system: { get(id: string): unknown } }) => system.get('gone') }) },
        GO: { actions: go },
        ANSWER: { actions: hear },
        DROP: { actions: enqueueActions(({ enqueue }) => enqueue.stopChild('gone')) },
        STOP: { actions: enqueueActions(({ enqueue }) => enqueue.stopChild('late')) },
      },
    } as never) as unknown as AnyStateMachine;
  const spawnLate = enqueueActions(({ enqueue }) => enqueue.spawnChild('late' as never, { id: 'late' }));

  test('leaves what was said to who is in the middle of a step; of what was said to nobody nothing comes', () => {
    isBroken = true;
    const family = new Family(
      machine([
        sendTo('a', { type: 'ASK' }),
        sendTo('a', { type: 'BAD' }),
        sendTo(({ context }: { context: { ref: AnyActorRef } }) => context.ref, { type: 'HELLO' }),
      ]),
    );
    family.send('KEEP');
    family.send('DROP');
    family.reopen().send('GO');
    expect(family.stored().mail.flatMap(messagesIn)).toMatchObject([
      { to: [1], envelope: { event: { type: 'BAD' } } },
      { to: [2], envelope: { event: { type: 'HELLO' } } },
      { to: [], envelope: { event: { type: 'ANSWER' } } },
    ]);
    isBroken = false;
    family.control('unpark');
    family.reopen().drain();
    expect(family.order).toEqual(['root: message BAD', '1: message BAD', 'root: message ANSWER', 'root: message STOP']);
  });

  test('leaves children of the same step to be born later, with what was said to them, before their parent hears anything else', () => {
    isBroken = true;
    const family = new Family(machine([sendTo('a', { type: 'BAD' }), spawnLate, sendTo('late', { type: 'X' })]));
    family.send('GO');
    expect(
      family
        .stored()
        .mail.flatMap(messagesIn)
        .map(({ to, envelope }) => [to, envelope.kind]),
    ).toEqual([
      [[1], 'message'],
      [[3], 'start'],
      [[3], 'message'],
    ]);
    isBroken = false;
    family.control('unpark');
    family.reopen().drain();
    expect(family.root.record).toMatchObject({ status: 'running', children: 2 });
    expect(family.order).toEqual(['root: message BAD', '1: message BAD', '3: start', '3: message X', 'root: message STOP', '3: stop']);
    expect(family.root.record).not.toHaveProperty('queued');
  });
});

test('a row of units without end that ends in a start parks the workflow at that', () => {
  const many = enqueueActions(({ enqueue }) => {
    for (let n = 0; n <= limits.stepsPerUnitMax; n += 1) enqueue.spawnChild('a' as never, { id: `a${n}` });
  });
  const machine = setup({ actors: { a: listener('a', {}) } }).createMachine({
    id: 'root',
    version: '1',
    context: { heard: [] },
    on: { GO: { actions: many } },
  } as never) as unknown as AnyStateMachine;
  const { tree } = new Family(machine);
  const decision = decideInTree(tree, { to: [], envelope: signal('GO'), unitsBefore: limits.unitsInRowMax }, at(9_000));
  if (decision.kind !== 'commit') throw new Error(decision.kind);
  const parked = decision.steps.find(({ commit }) => commit.record.status === 'parked')?.commit;
  expect(parked).toMatchObject({ mailPut: [{ n: 1, to: [limits.stepsPerUnitMax], envelope: { kind: 'start' } }] });
  expect(parked?.record.parked?.failure).toMatchObject({ state: {} });
});
