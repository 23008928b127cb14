/** A crash is a runtime that is left alone: its clock stands still and its activities never end. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { AnyEventObject, AnyStateMachine } from 'xstate';
import { fromCallback, sendTo, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { limits } from '../../src/kernel/limits.ts';
import { BootMemory } from '../support/boot-memory.ts';
import { recordingLogger } from '../support/logged.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import type { TestRuntime } from './local-runtime.ts';
import { openTestRuntime } from './local-runtime.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** Stands for whatever kills a process in the middle of a step. */
class Death extends Error {}

interface Scene {
  readonly calls: string[];
  readonly boot: BootMemory;
  readonly database: MemoryDatabase;
  /** Ids whose steps kill the process. */
  readonly deadly: Set<string>;
  readonly outcomes: Map<string, (output: string) => void>;
}

let scene: Scene;
beforeEach(async () => {
  scene = { calls: [], boot: new BootMemory(), database: await createMemoryDatabase(), deadly: new Set(), outcomes: new Map() };
});

function machineOf({ calls, outcomes }: Scene) {
  const work = activity<string, string>({
    startToCloseTimeout: '1h',
    run: ({ input, attempt }) =>
      new Promise((resolve) => {
        calls.push(`${input}#${attempt}`);
        outcomes.set(input, resolve);
      }),
  });
  return setup({ types: { input: {} as string, context: {} as { id: string } }, actors: { work } }).createMachine({
    id: 'job',
    version: '1',
    context: ({ input }) => ({ id: input }),
    initial: 'first',
    states: {
      first: { invoke: { src: 'work', input: ({ context }) => context.id, onDone: 'second' } },
      second: { invoke: { src: 'work', input: ({ context }) => context.id, onDone: 'done' } },
      done: { type: 'final' },
    },
  });
}

/** Long enough for a boot to be over. */
const overMs = 500;
/** Long enough for what is pending to be taken up. */
const takenUpMs = 20;

async function boot(passMs = overMs, ...more: readonly AnyStateMachine[]): Promise<TestRuntime & { lines: () => string[] }> {
  const logger = recordingLogger();
  const opened = await openTestRuntime({
    machines: [machineOf(scene), ...more],
    maxConcurrentAttempts: 1_000,
    database: scene.database.reopen(),
    clock: new ManualClock(),
    bootStorage: scene.boot,
    logger,
  });
  await settle();
  await opened.clock.pass(passMs);
  await settle();
  return { ...opened, lines: () => logger.lines.map(({ message }) => message) };
}

async function startIn({ runtime }: TestRuntime, ...ids: string[]): Promise<void> {
  for (const id of ids) await runtime.start(machineOf(scene), { id, input: id });
  await settle();
}

async function stateOf({ runtime }: TestRuntime, id: string): Promise<string> {
  const { status, parked } = await runtime.describe(id);
  return parked === undefined ? status : `${status}: ${parked.reason}`;
}

describe('a workflow whose attempt runs at three deaths of the process', () => {
  test('is parked at the next boot, with a commit; the others go on', async () => {
    await startIn(await boot(), 'a');
    for (const attempt of [2, 3]) {
      const next = await boot();
      expect(scene.calls.at(-1)).toBe(`a#${attempt}`);
      if (attempt === 3) await startIn(next, 'b');
    }
    const last = await boot();
    expect(await stateOf(last, 'a')).toBe('parked: crash-loop');
    expect((await last.runtime.describe('a')).parked?.message).toBe('It was in flight at 3 deaths of the process in a row.');
    expect((await last.runtime.history('a')).map(({ kind }) => kind)).toEqual([
      'start',
      'attempt-lost',
      'attempt-lost',
      'park',
      'attempt-lost',
    ]);
    expect(await last.runtime.send('a', { type: 'X' })).toMatchObject({ outcome: 'queued' });
    await expect((await last.runtime.get('a')).result()).rejects.toMatchObject({
      code: 'WORKFLOW_PARKED',
      details: { reason: 'crash-loop' },
    });
    expect(scene.calls.at(-1)).toBe('b#2');
    expect(last.lines()).toContain('A workflow was parked.');
    const again = await boot();
    expect(await stateOf(again, 'a')).toBe('parked: crash-loop');
  });

  test('goes on when it is unparked, at once or in a later life, and its deaths are counted anew', async () => {
    await startIn(await boot(), 'a');
    await boot();
    await boot();
    const parking = await boot();
    expect(await stateOf(parking, 'a')).toBe('parked: crash-loop');
    expect(scene.calls.at(-1)).toBe('a#3');
    await parking.runtime.unpark('a', { by: 'ada' });
    await settle();
    expect(scene.calls.at(-1)).toBe('a#4');
    for (const attempt of [5, 6]) {
      expect(await stateOf(await boot(), 'a')).toBe('running');
      expect(scene.calls.at(-1)).toBe(`a#${attempt}`);
    }
    expect(await stateOf(await boot(), 'a')).toBe('parked: crash-loop');
    const later = await boot();
    await later.runtime.unpark('a');
    await settle();
    expect(scene.calls.at(-1)).toBe('a#7');
    scene.outcomes.get('a')?.('fine');
    await settle();
    expect((await later.runtime.describe('a')).value).toBe('second');
  });

  test('below the root parks the whole of it; a paused one stays paused', async () => {
    const child = machineOf(scene);
    const parent = setup({ types: { input: {} as string, context: {} as { id: string } }, actors: { child } }).createMachine({
      id: 'parent',
      version: '1',
      context: ({ input }) => ({ id: input }),
      invoke: { src: 'child', input: ({ context }) => context.id },
    });
    const first = await boot(overMs, parent);
    for (const id of ['a', 'b']) await first.runtime.start(parent, { id, input: id });
    await first.runtime.pause('b');
    await boot(overMs, parent);
    await boot(overMs, parent);
    const last = await boot(overMs, parent);
    expect(await stateOf(last, 'a')).toBe('parked: crash-loop');
    expect(await stateOf(last, 'b')).toBe('paused');
    expect(scene.calls).toEqual(['a#1', 'b#1', 'a#2', 'a#3']);
    await last.runtime.unpark('a');
    await last.runtime.resume('b');
    await settle();
    expect(scene.calls.slice(4)).toEqual(['a#4', 'b#2']);
  });

  test('is not, if an outcome of it was recorded in between', async () => {
    await startIn(await boot(), 'a');
    await boot();
    const third = await boot();
    scene.outcomes.get('a')?.('fine');
    await settle();
    expect((await third.runtime.describe('a')).value).toBe('second');
    for (let deaths = 0; deaths < 2; deaths += 1) expect(await stateOf(await boot(), 'a')).toBe('running');
    expect(await stateOf(await boot(), 'a')).toBe('parked: crash-loop');
  });

  test('is parked later, if the process gets other work done between its deaths', async () => {
    await startIn(await boot(), 'a');
    for (let deaths = 1; deaths < 5; deaths += 1) {
      const next = await boot();
      expect(await stateOf(next, 'a')).toBe('running');
      const other = `other-${deaths}`;
      await startIn(next, other);
      scene.outcomes.get(other)?.('fine');
      await settle();
      expect(scene.boot.record?.hasProgress).toBe(true);
    }
    expect(await stateOf(await boot(), 'a')).toBe('parked: crash-loop');
  });

  test('is not, if the process was closed in between', async () => {
    await startIn(await boot(), 'a');
    await boot();
    const third = await boot();
    const closing = third.runtime.close({ grace: 0 });
    await third.clock.pass(1);
    await closing;
    expect(scene.boot.record).toBeUndefined();
    for (let deaths = 0; deaths < 3; deaths += 1) expect(await stateOf(await boot(), 'a')).toBe('running');
  });

  test('is not, if a process lived for long in between', async () => {
    await startIn(await boot(), 'a');
    await boot();
    const third = await boot();
    await third.clock.pass(limits.crashLoopCalmMs);
    for (let deaths = 0; deaths < 2; deaths += 1) expect(await stateOf(await boot(), 'a')).toBe('running');
  });

  test('is parked also if each of the boots died right after the attempt began', async () => {
    await startIn(await boot(takenUpMs), 'a');
    for (const attempt of [2, 3]) {
      // Each tells what it found before it lets attempts begin.
      const next = await boot(takenUpMs);
      // The last chance comes a little later than all others.
      if (attempt === 3) await next.clock.pass(limits.lastChanceMs);
      expect(scene.calls.at(-1)).toBe(`a#${attempt}`);
      expect(next.lines()).toContain('The process before died while it opened the store: this one goes step by step.');
    }
    expect(await stateOf(await boot(takenUpMs), 'a')).toBe('parked: crash-loop');
  });
});

test('of many with one death left the process may die of one alone: the others are not held responsible', async () => {
  const ids = ['a', 'b', 'c'];
  await startIn(await boot(), ...ids);
  await boot();
  const third = await boot(takenUpMs);
  await third.clock.pass(2 * limits.lastChanceMs);
  expect(scene.calls.slice(-2)).toEqual(['a#3', 'b#3']);
  scene.outcomes.get('a')?.('fine');
  await settle();
  // It dies of b, before c had its chance.
  const last = await boot(2_000);
  expect(await Promise.all(ids.map((id) => stateOf(last, id)))).toEqual(['running', 'parked: crash-loop', 'running']);
  expect(scene.calls.slice(-2).sort()).toEqual(['a#2', 'c#3']);
});

describe('a callback', () => {
  /** Stays; of a deadly workflow it kills the process when it begins. What it hears is told. */
  function listener() {
    const { calls, deadly, boot: memory } = scene;
    const listen = fromCallback<AnyEventObject, string>(({ input, receive }) => {
      calls.push(`${input} begins`);
      receive(({ type }) => calls.push(`${input} hears ${type}`));
      // What is written from here on is not written any more: the process is dead.
      if (deadly.has(input)) memory.isDead = true;
    });
    return setup({ types: { input: {} as string, context: {} as { id: string } }, actors: { listen } }).createMachine({
      id: 'listener',
      version: '1',
      context: ({ input }) => ({ id: input }),
      invoke: { id: 'ear', src: 'listen', input: ({ context }) => context.id },
      on: { PASS: { actions: sendTo('ear', { type: 'WORD' }) } },
    });
  }

  /** A process with these workflows; what the one before left is on disk and in the boot journal. */
  async function live(passMs = 2_000, ...ids: readonly string[]) {
    const machine = listener();
    scene.boot.isDead = false;
    const opened = await boot(passMs, machine);
    for (const id of ids) await opened.runtime.start(machine, { id, input: id });
    await settle();
    return opened;
  }

  const begun = (id: string): number => scene.calls.filter((call) => call === `${id} begins`).length;

  test('that kills three processes gets its workflow parked at the next boot; the others go on', async () => {
    scene.deadly.add('b');
    await live(overMs, 'a', 'b', 'c');
    await live();
    await live();
    expect(scene.boot.record).toMatchObject({ named: ['b'] });
    const last = await live();
    expect(await stateOf(last, 'b')).toBe('parked: crash-loop');
    expect([await stateOf(last, 'a'), await stateOf(last, 'c')]).toEqual(['running', 'running']);
    expect(begun('b')).toBe(3);
    expect(begun('a')).toBe(4);
    expect(await last.runtime.send('a', { type: 'PASS' })).toMatchObject({ outcome: 'applied' });
    expect(scene.calls.at(-1)).toBe('a hears WORD');
    scene.deadly.clear();
    await last.runtime.unpark('b');
    await settle();
    expect(begun('b')).toBe(4);
  });

  test('is found out, too, if it kills each process before its boot is over', async () => {
    scene.deadly.add('b');
    await live(takenUpMs, 'a', 'b');
    await live(takenUpMs);
    expect(scene.boot.record).toMatchObject({ phase: 'opening', inFlight: [{ deaths: 1 }, { deaths: 1 }] });
    await live();
    expect(scene.boot.record).toMatchObject({ phase: 'running', named: ['b'] });
    expect(await stateOf(await live(), 'b')).toBe('parked: crash-loop');
    expect(begun('b')).toBe(3);
  });

  test('is not counted where it did not get so far as to begin', async () => {
    scene.deadly.add('a');
    await live(2_000, 'a', 'b');
    await live();
    await live();
    expect(scene.boot.record).toMatchObject({
      named: ['a'],
      inFlight: [
        { place: 'a:1:', deaths: 2 },
        { place: 'b:1:', deaths: 2, isHeld: true },
      ],
    });
    scene.deadly.clear();
    const last = await live(takenUpMs);
    await last.clock.pass(limits.lastChanceMs / 2);
    expect(scene.boot.record).toMatchObject({ named: ['b'], inFlight: [{ place: 'b:1:', deaths: 2 }] });
    expect(await stateOf(last, 'a')).toBe('parked: crash-loop');
  });

  test('that harms nobody is not blamed for processes that die of something else, however many', async () => {
    await live(2_000, 'a', 'b');
    for (let death = 1; death <= 8; death += 1) {
      const next = await live();
      expect([await stateOf(next, 'a'), await stateOf(next, 'b')]).toEqual(['running', 'running']);
    }
    expect([begun('a'), begun('b')]).toEqual([9, 9]);
  });

  test('has one chance after all others have begun, alone and under its name, and hears then what it was told', async () => {
    await live(2_000, 'a', 'b');
    await live();
    const third = await live(takenUpMs);
    await third.clock.pass(limits.lastChanceMs / 2);
    expect([begun('a'), begun('b')]).toEqual([3, 2]);
    expect(scene.boot.record).toMatchObject({ phase: 'running', named: ['a'] });
    await third.runtime.send('b', { type: 'PASS' });
    expect(scene.calls.at(-1)).toBe('a begins');
    await third.clock.pass(limits.lastChanceMs);
    expect(scene.calls.slice(-2)).toEqual(['b begins', 'b hears WORD']);
    expect(scene.boot.record).toMatchObject({ named: ['b'], inFlight: [{ place: 'b:1:' }] });
    await third.clock.pass(limits.lastChanceMs);
    expect(scene.boot.record).toMatchObject({ named: [], inFlight: [], suspects: [] });
  });

  test('is not blamed, if the process was closed in between', async () => {
    await live(2_000, 'a');
    await live();
    const third = await live();
    const closing = third.runtime.close({ grace: 0 });
    await third.clock.pass(1);
    await closing;
    await live(takenUpMs);
    expect(scene.boot.record).toMatchObject({ inFlight: [] });
    expect(begun('a')).toBe(4);
  });

  test('of a paused workflow does not begin and is not blamed', async () => {
    const first = await live(2_000, 'a');
    await first.runtime.pause('a');
    for (let death = 1; death <= 4; death += 1) await live();
    const last = await live();
    expect(await stateOf(last, 'a')).toBe('paused');
    await last.runtime.resume('a');
    await settle();
    expect(begun('a')).toBe(2);
  });

  test('that is one of very many begins in a group, and alone when a process died of its group', async () => {
    const ids = Array.from({ length: 130 }, (_, index) => `w${String(index).padStart(3, '0')}`);
    await live(2_000, ...ids);
    scene.deadly.add('w004');
    await live(takenUpMs);
    await live(30_000);
    expect(scene.boot.record).toMatchObject({ named: ['w003', 'w004', 'w005'] });
    await live(30_000);
    expect(scene.boot.record).toMatchObject({ named: ['w004'] });
    const last = await live(30_000);
    expect(await stateOf(last, 'w004')).toBe('parked: crash-loop');
    expect(await stateOf(last, 'w003')).toBe('running');
    expect(begun('w003')).toBeGreaterThan(begun('w004'));
  }, 30_000);

  test('whose chance is cut off by the closing of the process is not blamed', async () => {
    await live(2_000, 'a', 'b');
    await live();
    const third = await live(takenUpMs);
    await third.clock.pass(limits.lastChanceMs / 2);
    const closing = third.runtime.close({ grace: 0 });
    await third.clock.pass(1);
    await closing;
    expect(begun('b')).toBe(2);
    expect(scene.boot.record).toBeUndefined();
  });
});

describe('boots that die', () => {
  /** A boot that dies where the journal names the deadly workflow. */
  async function deadlyBoot(): Promise<readonly string[]> {
    const named: string[] = [];
    scene.boot.onWrite = (record) => {
      const victim = record.named.find((id) => scene.deadly.has(id));
      if (record.named.length > 0) named.push(record.named.join());
      if (victim === undefined) return;
      scene.boot.record = record;
      throw new Death();
    };
    await expect(boot()).rejects.toBeInstanceOf(Death);
    scene.boot.onWrite = () => undefined;
    return named;
  }

  test('while one workflow is taken up get it parked; the boot after is not blocked, and everybody else goes on', async () => {
    await startIn(await boot(), 'a', 'b', 'c');
    scene.boot.record = { phase: 'opening', inFlight: [], hasProgress: false, named: [], suspects: [] };
    scene.deadly.add('b');
    expect(await deadlyBoot()).toEqual(['a', 'b']);
    expect(await deadlyBoot()).toEqual(['b']);
    const last = await boot();
    expect(await stateOf(last, 'b')).toBe('parked: crash-loop');
    expect(await stateOf(last, 'a')).toBe('running');
    expect(scene.calls.slice(3).sort()).toEqual(['a#2', 'c#2']);
    expect(scene.boot.record).toMatchObject({ phase: 'running', suspects: [] });
  });

  test('go through many in groups, and through the group they died in one by one', async () => {
    const ids = Array.from({ length: 130 }, (_, index) => `w${String(index).padStart(3, '0')}`);
    await startIn(await boot(), ...ids);
    scene.boot.record = { phase: 'opening', inFlight: [], hasProgress: false, named: [], suspects: [] };
    scene.deadly.add('w004');
    expect(await deadlyBoot()).toEqual(['w000,w001,w002', 'w003,w004,w005']);
    expect(await deadlyBoot()).toEqual(['w003', 'w004']);
    expect(await deadlyBoot()).toEqual(['w004']);
    const last = await boot();
    expect(await stateOf(last, 'w004')).toBe('parked: crash-loop');
    expect(scene.calls.filter((call) => call.endsWith('#2'))).toHaveLength(129);
  });

  test('20 times without ever getting so far use up no attempt, and leave everything as it was', async () => {
    await startIn(await boot(), 'a');
    const { onWrite } = scene.boot;
    for (let death = 1; death <= 20; death += 1) {
      // After the first, each has gone through what is pending and dies before it writes.
      let writes = 0;
      scene.boot.onWrite = (record) => {
        writes += 1;
        scene.boot.record = record;
        if (writes === (death === 1 ? 1 : 3)) throw new Death();
      };
      await expect(boot()).rejects.toBeInstanceOf(Death);
    }
    scene.boot.onWrite = onWrite;
    const last = await boot();
    expect(await stateOf(last, 'a')).toBe('running');
    expect(scene.calls).toEqual(['a#1', 'a#2']);
  });

  test('after the attempt was noted as lost use up no attempt either: none begins before all is taken up', async () => {
    await startIn(await boot(0), 'a');
    const { boot: memory } = scene;
    const write = memory.write.bind(memory);
    const stuck: (() => void)[] = [];
    for (let death = 1; death <= 20; death += 1) {
      // It begins, names what it goes through, is through, and dies in front of the word on what it found.
      let writes = 0;
      memory.write = (record) => {
        writes += 1;
        return writes < 4 ? write(record) : new Promise((resolve) => stuck.push(resolve));
      };
      const { runtime } = await boot();
      expect((await runtime.describe('a')).activities).toMatchObject([{ state: 'waiting', attempt: 1 }]);
    }
    expect(stuck).toHaveLength(20);
    memory.write = write;
    const last = await boot();
    expect(scene.calls).toEqual(['a#1', 'a#2']);
    expect((await last.runtime.history('a')).map(({ kind }) => kind)).toEqual(['start', 'attempt-lost', 'attempt-due']);
    onTestFinished(() => {
      for (const resolve of stuck) resolve();
    });
  });
});

test('a runtime that has nothing pending leaves a journal while it is open, and none when it is closed', async () => {
  const { runtime } = await boot();
  expect(scene.boot.record).toEqual({ phase: 'running', inFlight: [], hasProgress: false, named: [], suspects: [] });
  await runtime.close();
  expect(scene.boot.record).toBeUndefined();
});

test('a journal that cannot be written keeps nobody from working', async () => {
  scene.boot.write = () => Promise.reject(new Error('disk full'));
  const opened = await boot();
  await startIn(opened, 'a');
  expect(await stateOf(opened, 'a')).toBe('running');
  expect(opened.lines()).toContain('The boot journal could not be written.');
});
