import { expect, test } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { assign, enqueueActions, sendTo, setup, stopChild } from 'xstate';
import { rootAddress } from '../../src/kernel/address.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { Tree } from '../../src/kernel/tree.ts';
import { Family } from './families.ts';
import { signal } from './workflows.ts';

const part = setup({}).createMachine({ id: 'part', on: { 'workflow.cancel': {} } });

test('a tree has a root once its first step is taken', () => {
  const tree = new Tree(registerMachine(setup({}).createMachine({ id: 'm', version: '1' })), rootAddress('w', 1));
  expect(() => tree.root).toThrow('before its first step');
});

test('who was stopped is seen as stopped by whoever still refers to it', () => {
  const gone = setup({}).createMachine({ id: 'gone' });
  const machine = setup({ types: { context: {} as { ref: AnyActorRef; seen: unknown } }, actors: { gone } }).createMachine({
    id: 'm',
    version: '1',
    context: ({ spawn }) => ({ ref: spawn('gone', { id: 'part' }), seen: undefined }),
    on: {
      GO: { actions: [stopChild('part'), sendTo(({ self }) => self, { type: 'LOOK' })] },
      LOOK: { actions: assign({ seen: ({ context }) => (context.ref.getSnapshot() as { readonly status: unknown }).status }) },
    },
  });
  const family = new Family(machine);
  family.send('LOOK');
  expect(family.context).toMatchObject({ seen: 'active' });
  family.reopen().send('GO');
  expect(family.order).toEqual(['root: signal GO', '1: stop', 'root: message LOOK']);
  expect(family.context).toMatchObject({ seen: 'stopped' });
});

test('who belongs to one that was stopped in this step has no system id any more', () => {
  const seen: unknown[] = [];
  const inner = setup({ actors: { part } }).createMachine({ id: 'inner', invoke: { src: 'part', id: 'deep', systemId: 'deep' } });
  const find = enqueueActions(({ system }) => void seen.push((system as { get(id: string): unknown }).get('deep')));
  const machine = setup({ actors: { inner } }).createMachine({
    id: 'm',
    version: '1',
    invoke: { src: 'inner', id: 'inner' },
    on: { GO: { actions: [find, stopChild('inner'), find] as never } },
  });
  const family = new Family(machine);
  family.send('GO');
  expect(seen.slice(0, 2)).toMatchObject([{ id: 'deep' }, undefined]);
});

test('a reference to oneself in a context is oneself after a restart', () => {
  const machine = setup({ types: { context: {} as { me: unknown; isMe: boolean } } }).createMachine({
    id: 'm',
    version: '1',
    context: { me: undefined, isMe: false },
    on: {
      KEEP: { actions: assign({ me: ({ self }) => self }) },
      LOOK: { actions: assign({ isMe: ({ context, self }) => context.me === self }) },
    },
  });
  const family = new Family(machine);
  family.send('KEEP');
  family.reopen().send('LOOK');
  expect(family.context).toMatchObject({ isMe: true });
});

test('who ended stays as long as a child of it, asked to cancel, goes on', () => {
  const patient = setup({}).createMachine({
    id: 'patient',
    initial: 'on',
    states: { on: { on: { 'workflow.cancel': 'leaving' } }, leaving: { on: { END: 'end' } }, end: { type: 'final' } },
  });
  const inner = setup({ actors: { patient } }).createMachine({ id: 'inner', invoke: { src: 'patient' } });
  const machine = setup({ actors: { inner } }).createMachine({
    id: 'm',
    version: '1',
    initial: 'on',
    states: { on: { invoke: { src: 'inner' }, on: { LEAVE: 'off' } }, off: {} },
  });
  for (const reopens of [false, true]) {
    const family = new Family(machine);
    family.send('LEAVE');
    expect(family.values).toEqual({ '': 'off', '1': {}, '1.1': 'leaving' });
    if (reopens) family.reopen();
    family.tell([1, 1], signal('END'));
    expect(family.order).toEqual(['1.1: signal END', '1: child-gone']);
    expect(family.stored(1).children).toEqual([]);
    expect(family.values).toEqual({ '': 'off' });
  }
});

test('who ended stays while mail waits, which may be said to it yet', () => {
  const quiet = setup({}).createMachine({ id: 'quiet' });
  const machine = setup({ actors: { quiet } }).createMachine({
    id: 'm',
    version: '1',
    initial: 'on',
    states: { on: { invoke: { src: 'quiet' }, on: { LEAVE: 'off' } }, off: { on: { LOOK: {} } } },
  });
  const family = new Family(machine);
  family.control('pause');
  family.send('LEAVE');
  family.send('LOOK');
  family.control('resume');
  family.takeMail();
  expect(family.values).toEqual({ '': 'off', '1': {} });
  family.takeMail();
  expect(family.values).toEqual({ '': 'off' });
});
