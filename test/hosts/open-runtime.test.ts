import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMachine, setup } from 'xstate';
import { activity } from '../../src/authoring.ts';
import type { OpenRuntimeOptions, Runtime } from '../../src/index.ts';
import { openReader, openRuntime } from '../../src/index.ts';

let folder: string;
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perdure-open-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (each) => each.close()));
  await rm(folder, { recursive: true });
});

const work = activity<undefined, string>({ run: ({ idempotencyKey }) => idempotencyKey });
const machine = setup({ actors: { work } }).createMachine({
  id: 'job',
  version: '1',
  initial: 'busy',
  states: { busy: { invoke: { src: 'work', onDone: 'done' } }, done: { type: 'final' } },
});
const waiting = setup({}).createMachine({
  id: 'waiting',
  version: '1',
  initial: 'a',
  states: { a: { on: { GO: 'b' } }, b: { type: 'final' } },
});
const changed = setup({}).createMachine({
  id: 'waiting',
  version: '1',
  initial: 'a',
  states: { a: { on: { GO: 'c' } }, c: { type: 'final' } },
});

async function open(options: Partial<OpenRuntimeOptions> = {}): Promise<Runtime> {
  const runtime = await openRuntime({ path: folder, machines: [machine, waiting], ...options });
  opened.push(runtime);
  return runtime;
}

describe('options', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['no path', { path: undefined }, 'openRuntime: path must name a directory; found undefined.'],
    ['an empty path', { path: '' }, 'openRuntime: path must name a directory; found "".'],
    ['a path that is no text', { path: 7 }, 'openRuntime: path must name a directory; found 7.'],
    ['no machines', { machines: undefined }, 'openRuntime: machines must be an array of XState machines.'],
    ['a machine without an array', { machines: machine }, 'openRuntime: machines must be an array of XState machines.'],
    ['what is no machine among them', { machines: [machine, undefined] }, 'machines must be an array of XState machines; item 1 is none.'],
    ['the configuration of a machine', { machines: [{ id: 'job', version: '1' }] }, 'array of XState machines; item 0 is none.'],
    ['no attempts at all', { maxConcurrentAttempts: 0 }, 'openRuntime: maxConcurrentAttempts must be a whole number from 1; found 0.'],
    ['half an attempt', { maxConcurrentAttempts: 1.5 }, 'must be a whole number from 1; found 1.5.'],
    ['endless attempts', { maxConcurrentAttempts: Infinity }, 'must be a whole number from 1; found Infinity.'],
    ['a retention that is no duration', { messageIdRetention: 'forever' }, 'openRuntime: messageIdRetention must be a duration such as'],
    [
      'a retention of workflows that is none',
      { retention: { failed: 'long' } },
      'openRuntime: retention.failed must be a duration such as',
    ],
    ['a retention of nothing known', { retention: { cancelled: '7d' } }, 'cancelled'],
    ['a budget that is no duration', { compensationBudget: 'enough' }, 'openRuntime: compensationBudget must be a duration such as'],
    ['no history', { maxHistorySteps: 0 }, 'openRuntime: maxHistorySteps must be a whole number from 1, or Infinity to keep all; found 0.'],
    ['a history as text', { maxHistorySteps: '9' }, 'maxHistorySteps must be a whole number from 1, or Infinity to keep all; found "9".'],
    ['half a step', { maxHistorySteps: 1.5 }, 'maxHistorySteps must be a whole number from 1, or Infinity to keep all; found 1.5.'],
    ['attempts as text', { maxConcurrentAttempts: '5' }, 'must be a whole number from 1; found 5.'],
    ['a malformed rate', { rateLimit: { count: 0, per: '1s' } }, 'openRuntime: rateLimit.count must be a whole number from 1; found 0.'],
    ['a path as a URL', { path: new URL('file:///tmp') }, 'openRuntime: path must name a directory; found an object.'],
    [
      'the controller for its signal',
      { signal: new AbortController() },
      'signal must be an AbortSignal such as controller.signal; found an object.',
    ],
    ['a signal as text', { signal: 'SIGTERM' }, 'openRuntime: signal must be an AbortSignal such as controller.signal; found "SIGTERM".'],
    ['null for its signal', { signal: null }, 'openRuntime: signal must be an AbortSignal such as controller.signal; found null.'],
    ['an unknown word for a locked store', { onLocked: 'steal' }, `openRuntime: onLocked must be 'fail' or 'wait'; found "steal".`],
  ])('are refused with %s, naming the value and what to give instead', async (_, options, message) => {
    const error = await openRuntime({ path: folder, machines: [machine], ...options }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(message);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['./data', '"./data"'],
  ])('that are no object are refused at both doors: %j', async (options, found) => {
    await expect(openRuntime(options as never)).rejects.toThrow(
      new TypeError(`openRuntime: give an object of options such as { path: './data', machines: [machine] }; found ${found}.`),
    );
    await expect(openReader(options as never)).rejects.toThrow(
      new TypeError(`openReader: give an object of options such as { path: './data' }; found ${found}.`),
    );
  });
});

describe('machines', () => {
  test.each<[string, OpenRuntimeOptions['machines'], string]>([
    ['that cannot be run', [createMachine({ id: 'no-version' })], 'MACHINE_INVALID'],
    ['given twice', [machine, machine], 'MACHINE_DUPLICATE'],
    [
      'that lack code',
      [setup({ actors: { work: activity<undefined, string>({}) } }).createMachine({ id: 'x', version: '1', invoke: { src: 'work' } })],
      'IMPLEMENTATION_MISSING',
    ],
  ])('%s are refused before anything is made on disk', async (_, machines, code) => {
    await expect(openRuntime({ path: folder, machines })).rejects.toMatchObject({ code });
    expect(await readdir(folder)).toEqual([]);
  });

  test('that changed under their version are refused while workflows are open on it, and the store is let go', async () => {
    const first = await open();
    await first.start(waiting, { id: 'w' });
    await first.close();
    await expect(openRuntime({ path: folder, machines: [changed] })).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
      details: {
        machine: 'waiting',
        version: '1',
        differences: ['state "waiting.b" was removed', 'state "waiting.c" was added', 'state "waiting.a" changed'],
      },
    });
    const again = await open();
    await again.send('w', { type: 'GO' });
    await again.close();
    // No workflow rests on it any more.
    await open({ machines: [changed] });
  });

  test('whose version is missing are counted, and their workflows parked until it is back', async () => {
    const first = await open();
    await first.start(waiting, { id: 'w' });
    await first.close();
    const without = await open({ machines: [machine] });
    expect(without.health()).toEqual({ state: 'open', versionMissing: 1, zombieAttempts: 0 });
    expect(await without.send('w', { type: 'GO' })).toEqual({ sequence: 2, outcome: 'queued' });
    await expect(without.unpark('w')).rejects.toMatchObject({ code: 'WORKFLOW_PARKED', details: { reason: 'version-missing' } });
    expect(await without.describe('w')).toMatchObject({ status: 'parked', parked: { reason: 'version-missing' } });
    await without.close();
    const back = await open();
    expect(back.health()).toEqual({ state: 'open', versionMissing: 0, zombieAttempts: 0 });
    await (await back.get('w')).result();
    expect((await back.history('w')).map(({ outcome }) => outcome)).toEqual(['applied', 'queued', 'applied']);
  });

  test('that are not registered cannot be started', async () => {
    const runtime = await open({ machines: [machine] });
    await expect(runtime.start(waiting, { id: 'w' })).rejects.toMatchObject({
      code: 'MACHINE_NOT_REGISTERED',
      message: 'Machine "waiting" version "1" is not registered; give it to openRuntime({ machines }).',
    });
  });
});

describe('an open runtime', () => {
  test('runs workflows on disk with real time', async () => {
    const runtime = await open({ maxConcurrentAttempts: 1 });
    const handles = await Promise.all(['a', 'b', 'c'].map(async (id) => runtime.start(machine, { id })));
    await Promise.all(handles.map(async (handle) => handle.result()));
    expect((await runtime.history('a')).at(-1)).toMatchObject({ status: 'completed', value: 'done' });
    expect(runtime.health()).toEqual({ state: 'open', versionMissing: 0, zombieAttempts: 0 });
  });

  test.each([
    [1, [1, 256, 257]],
    [Infinity, Array.from({ length: 257 }, (_item, index) => index + 1)],
  ])('keeps a history of %d steps', async (maxHistorySteps, steps) => {
    const runtime = await open({ maxHistorySteps });
    const handle = await runtime.start(waiting, { id: 'w' });
    const sent = Array.from({ length: 256 }, async () => handle.send({ type: 'NOBODY' }));
    await Promise.all(sent);
    expect((await runtime.history('w')).map(({ step }) => step)).toEqual(steps);
  });

  test('keeps the store to itself until it is closed', async () => {
    const runtime = await open();
    await expect(openRuntime({ path: folder, machines: [] })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await runtime.close();
    await open();
  });

  test('stops waiting for a locked store when told', async () => {
    await open();
    const controller = new AbortController();
    const waits = openRuntime({ path: folder, machines: [], onLocked: 'wait', signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waits).rejects.toThrow('enough');
  });
});

describe('a reader', () => {
  test('answers of a store that nobody has open, with and without its machines', async () => {
    const runtime = await open();
    await runtime.start(waiting, { id: 'w' });
    await runtime.close();
    const bare = await openReader({ path: folder });
    expect(await bare.describe('w')).toMatchObject({ id: 'w', status: 'running', value: 'a' });
    expect(await bare.describe('w')).not.toHaveProperty('accepts');
    expect((await bare.history('w', { limit: 5 })).map(({ kind }) => kind)).toEqual(['start']);
    await expect(bare.describe('nobody')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
    await bare.close();
    const informed = await openReader({ path: folder, machines: [waiting] });
    expect(await informed.describe('w')).toMatchObject({ accepts: ['GO'] });
    await informed.close();
  });

  test('does not make a store where there is none', async () => {
    await expect(openReader({ path: join(folder, 'nowhere') })).rejects.toMatchObject({
      code: 'STORE_NOT_FOUND',
      message: expect.stringContaining(`There is no store at ${join(folder, 'nowhere')}`),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('is refused while a runtime has the store', async () => {
    await open();
    await expect(openReader({ path: folder })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });
});
