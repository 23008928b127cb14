/** What goes on after its workflow closed may be parked; the end of the workflow is not taken back. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { child } from '../../src/kernel/child.ts';
import { BootMemory } from '../support/boot-memory.ts';
import { openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';

function parentOf(code: { isBroken: boolean }) {
  const isSound = (): boolean => {
    if (code.isBroken) throw new Error('broken');
    return true;
  };
  const part = setup({ guards: { isSound } }).createMachine({
    id: 'part',
    initial: 'waiting',
    states: { waiting: { after: { 1_000: { guard: 'isSound', target: 'done' } } }, done: { type: 'final' } },
  });
  return setup({ actors: { part: child(part, { parentClosePolicy: 'abandon' }) } }).createMachine({
    id: 'parent',
    version: '1',
    initial: 'on',
    states: { on: { invoke: { src: 'part' }, on: { END: 'off' } }, off: { type: 'final' } },
  });
}

test('a child that throws after its parent closed is parked; the workflow stays closed, and unparking redoes the step', async () => {
  const code = { isBroken: true };
  const machine = parentOf(code);
  const { runtime, clock, database } = await openTestRuntime({ machines: [machine] });
  const handle = await runtime.start(machine, { id: 'w' });
  await handle.send({ type: 'END' });
  await clock.pass(1_000);
  const parked = { status: 'completed', queued: 1, parked: { reason: 'poison' }, children: [{ value: 'waiting', status: 'running' }] };
  expect(await runtime.describe('w')).toMatchObject(parked);
  expect(await handle.result()).toBeUndefined();
  await expect(handle.send({ type: 'END' })).rejects.toMatchObject({ code: 'WORKFLOW_CLOSED' });
  await expect(runtime.pause('w')).rejects.toMatchObject({ code: 'WORKFLOW_CLOSED' });
  await expect(runtime.delete('w')).rejects.toMatchObject({ code: 'WORKFLOW_OPEN' });
  await runtime.close();
  const next = (await openTestRuntime({ machines: [machine], clock, database: database.reopen() })).runtime;
  await settle();
  expect(await next.describe('w')).toMatchObject(parked);
  code.isBroken = false;
  await next.unpark('w');
  await settle();
  expect(await next.describe('w')).toMatchObject({ status: 'completed', queued: 0, children: [{ value: 'done', status: 'completed' }] });
  expect(await next.describe('w')).not.toHaveProperty('parked');
  await expect(next.unpark('w')).rejects.toMatchObject({ code: 'WORKFLOW_CLOSED' });
  await next.delete('w');
});

test('a child that kills the process whenever it is taken up is parked, though its parent closed', async () => {
  const machine = parentOf({ isBroken: false });
  const first = await openTestRuntime({ machines: [machine] });
  await (await first.runtime.start(machine, { id: 'w' })).send({ type: 'END' });
  await first.runtime.close();
  await first.clock.pass(1_000);
  const bootStorage = new BootMemory();
  bootStorage.record = { phase: 'opening', inFlight: [], hasProgress: false, named: ['w'], suspects: [{ id: 'w', deaths: 1 }] };
  const { runtime, clock } = await openTestRuntime({
    machines: [machine],
    clock: first.clock,
    database: first.database.reopen(),
    bootStorage,
  });
  await clock.pass(1_000);
  const parked = { status: 'completed', parked: { reason: 'crash-loop' }, children: [{ value: 'waiting', status: 'running' }] };
  expect(await runtime.describe('w')).toMatchObject(parked);
  await runtime.unpark('w');
  await clock.pass(1_000);
  expect(await runtime.describe('w')).toMatchObject({ status: 'completed', children: [{ value: 'done', status: 'completed' }] });
});
