import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { log, setup } from 'xstate';
import { activity } from '../../src/authoring.ts';
import type { OpenRuntimeOptions } from '../../src/index.ts';
import { openRuntime } from '../../src/index.ts';
import { temporaryFolder } from '../storage/folders.ts';
import { recordingLogger } from '../support/logged.ts';

const secret = 'sk-4242';

const work = activity<string, string>({
  name: 'compute',
  retry: { maximumAttempts: 1 },
  run: ({ input }) => {
    if (input === 'fail') return Promise.reject(Object.assign(new Error(secret), { name: 'CardDeclined' }));
    const endsAtMs = performance.now() + 600;
    // What no activity should do: computes without giving the event loop a turn.
    while (performance.now() < endsAtMs);
    return Promise.resolve('done');
  },
});
const machine = setup({
  types: { input: {} as string, context: {} as { what: string }, events: {} as { type: 'BREAK' } },
  actors: { work },
  guards: {
    breaks: () => {
      throw new Error(secret);
    },
  },
}).createMachine({
  id: 'job',
  version: '1',
  context: ({ input }) => ({ what: input }),
  initial: 'busy',
  on: { BREAK: { guard: 'breaks', target: '.failed' } },
  states: {
    busy: { invoke: { src: 'work', input: ({ context }) => context.what, onDone: 'done', onError: 'failed' } },
    done: {},
    failed: {},
  },
});

async function open(options: Partial<OpenRuntimeOptions> = {}) {
  const logger = recordingLogger();
  const path = await temporaryFolder();
  const runtime = await openRuntime({ path, machines: [machine], logger, ...options });
  onTestFinished(() => runtime.close());
  return { runtime, logger, path };
}

test('an activity that blocks the event loop is told of by name; timers are late, nothing is lost, and the store stays ours', async () => {
  const { runtime, logger, path } = await open();
  const handle = await runtime.start(machine, { id: 'a', input: 'block' });
  await handle.waitFor((snapshot) => snapshot.matches('done'));
  const isTold = expect.objectContaining({
    level: 'warn',
    message: 'The event loop was blocked: timers and outcomes are late.',
  });
  await vi.waitFor(() => expect(logger.lines).toContainEqual(isTold));
  const blocked = logger.lines.find(({ message }) => message.startsWith('The event loop'))?.data as { lagMs: number; lastEntered: object };
  expect(blocked.lagMs).toBeGreaterThanOrEqual(200);
  expect(Object.keys(blocked.lastEntered)).toHaveLength(1);
  await expect(openRuntime({ path, machines: [machine] })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  expect(runtime.health().state).toBe('open');
});

test('openings, final failures and parkings are told of, with ids and classes and without a word of what was in them', async () => {
  const { runtime, logger, path } = await open();
  const handle = await runtime.start(machine, { id: 'a', input: 'fail' });
  await handle.waitFor((snapshot) => snapshot.matches('failed'));
  await handle.send({ type: 'BREAK' }).catch(() => undefined);
  expect(logger.lines.filter(({ message }) => !message.startsWith('The event loop'))).toEqual([
    { level: 'info', data: { store: path, lastCommit: 0, versionMissing: 0 }, message: 'The runtime is open.' },
    {
      level: 'warn',
      data: { id: 'a', run: 1, activity: 'compute', attempt: 1, class: 'CardDeclined' },
      message: 'An activity failed for good.',
    },
    { level: 'warn', data: { id: 'a', run: 1, reason: 'poison', class: 'Error' }, message: 'A workflow was parked.' },
  ]);
  expect(JSON.stringify(logger.lines)).not.toContain(secret);
});

test('a logger that lacks a method is refused by name', async () => {
  const { debug, info, warn } = recordingLogger();
  await expect(open({ logger: { debug, info, warn } as never })).rejects.toThrow(
    'openRuntime: logger must have the methods debug, info, warn and error, as a pino logger does; error is missing.',
  );
});

test('without a logger nothing is written anywhere', async () => {
  const writes = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
  const path = await temporaryFolder();
  const runtime = await openRuntime({ path, machines: [machine] });
  await runtime.start(machine, { id: 'a', input: 'fail' });
  await sleep(0);
  await runtime.close();
  for (const write of writes) expect(write).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

test('a logger that throws keeps nothing from being done', async () => {
  const logger = recordingLogger();
  const broken = (): never => {
    throw new Error('no room for logs');
  };
  const quick = setup({ actors: { work: activity({ run: () => 'done' }) } }).createMachine({
    id: 'quick',
    version: '1',
    initial: 'busy',
    states: { busy: { entry: log('begins'), invoke: { src: 'work', onDone: 'done' } }, done: { type: 'final' } },
  });
  const { runtime } = await open({ machines: [quick], logger: { ...logger, info: broken, warn: broken } });
  const handle = await runtime.start(quick, { id: 'w' });
  await expect(handle.result()).resolves.toBeUndefined();
});
