/** What children did is undone in its place, and undoing goes on whatever happens meanwhile. */
import { expect } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { limits } from '../../src/kernel/limits.ts';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { family, twoAtOnce } from '../support/family-sagas.ts';
import { refusalOf } from '../support/outcomes.ts';
import { errorOf, World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

interface Scene {
  readonly host: ContractHost;
  readonly world: World;
  readonly machine: AnyStateMachine;
  readonly runtime: ContractRuntime;
  /** Answers the latest call of each, one after the other. */
  readonly succeed: (...names: readonly string[]) => Promise<void>;
  readonly fail: (name: string) => Promise<void>;
  readonly send: (type: string) => Promise<void>;
  readonly pass: (ms: number) => Promise<void>;
}

async function scene(host: ContractHost, make: (world: World) => AnyStateMachine): Promise<Scene> {
  const world = new World();
  const machine = make(world);
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'w', input: undefined });
  await host.settled();
  return {
    host,
    world,
    machine,
    runtime,
    succeed: async (...names) => {
      for (const name of names) {
        world.last(name).succeed(`${name} done`);
        await host.settled();
      }
    },
    fail: async (name) => {
      world.last(name).fail(errorOf('Refused', name));
      await host.settled();
    },
    send: async (type) => {
      await runtime.send('w', { type });
      await host.settled();
    },
    pass: async (ms) => {
      host.clock.advance(ms);
      await host.settled();
    },
  };
}

function undos({ calls }: World): string[] {
  return calls.filter(({ name }) => name.startsWith('undo ')).map(({ name }) => name.slice('undo '.length));
}

async function undoStates(runtime: ContractRuntime): Promise<Record<string, string>> {
  const { ledger } = await runtime.describe('w');
  return Object.fromEntries(ledger.map(({ name, undo }) => [name, undo]));
}

contractGroup('compensation-children', ({ backend, everywhere }) => {
  for (const [who, isDeep] of [
    ['a child is', false],
    ['a grandchild is', true],
  ] as const) {
    everywhere(`what ${who} done with is undone where it completed, newest first`, async (host) => {
      const { world, runtime, succeed, fail } = await scene(host, (given) => family(given, { isDeep }));
      await succeed('pack', 'sea', 'swim');
      await fail('sleep');
      await succeed('undo sleep', 'undo swim', 'undo sea', 'undo pack');
      expect(undos(world)).toEqual(['sleep', 'swim', 'sea', 'pack']);
      expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
      expect(new Set(Object.values(await undoStates(runtime)))).toEqual(new Set(['undone']));
    });

    everywhere(`what ${who} doing when its parent leaves is settled and undone`, async (host) => {
      const { world, runtime, succeed, send } = await scene(host, (given) => family(given, { isDeep }));
      await succeed('pack', 'sea');
      await send('LEAVE');
      expect(world.last('swim').signal.aborted).toBe(true);
      expect(world.last('undo swim').input).toMatchObject({ outcome: 'unknown' });
      await succeed('undo swim', 'undo sea', 'undo pack');
      expect(undos(world)).toEqual(['swim', 'sea', 'pack']);
      expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
    });

    everywhere(`what ${who} doing is undone although nothing else was done`, async (host) => {
      const { world, runtime, succeed } = await scene(host, (given) => family(given, { isDeep, hasNoUndo: false }));
      await succeed('pack');
      await runtime.cancel('w');
      await host.settled();
      await succeed('undo sea', 'undo pack');
      expect(undos(world)).toEqual(['sea', 'pack']);
      expect(await runtime.describe('w')).toMatchObject({ status: 'cancelled', compensation: 'done' });
    });
  }

  everywhere('a child that undoes what it did when it is asked to cancel is waited for', async (host) => {
    const { world, runtime, succeed, send } = await scene(host, (given) => family(given, { cleansUp: true }));
    await succeed('pack', 'sea');
    await send('LEAVE');
    expect(undos(world)).toEqual(['swim']);
    await succeed('undo swim');
    await succeed('undo sea');
    expect(undos(world)).toEqual(['swim', 'sea', 'pack']);
    await succeed('undo pack');
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  everywhere('one that does not come to its end in time is ended, and what it did is undone once', async (host) => {
    const { world, runtime, succeed, send, pass } = await scene(host, (given) => family(given, { cleansUp: true }));
    await succeed('pack', 'sea');
    await send('LEAVE');
    await pass(limits.settleMs);
    await succeed('undo swim', 'undo sea', 'undo pack');
    expect(undos(world)).toEqual(['swim', 'sea', 'pack']);
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  everywhere('a step that completes although it was aborted is undone first, with its output', async (host) => {
    const { world, runtime, succeed, send } = await scene(host, (given) => twoAtOnce(given, { isDeaf: true }));
    await succeed('left');
    await send('UNDO');
    expect(undos(world)).toEqual([]);
    await succeed('right');
    expect(undos(world)).toEqual(['right']);
    expect(world.last('undo right').input).toMatchObject({ outcome: 'completed', output: 'right done' });
    await succeed('undo right', 'undo left');
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  everywhere(
    'one that never comes to an end counts as unknown after a while, and its effect is an orphan if it comes then',
    async (host) => {
      const { world, runtime, succeed, send, pass } = await scene(host, (given) => twoAtOnce(given, { isDeaf: true }));
      await succeed('left');
      await send('UNDO');
      await pass(limits.settleMs - 1);
      expect(undos(world)).toEqual([]);
      await pass(1);
      expect(world.last('undo right').input).toMatchObject({ outcome: 'unknown', output: undefined });
      await succeed('undo right');
      await succeed('right');
      const { ledger } = await runtime.describe('w');
      expect(ledger.find(({ name }) => name === 'right')).toMatchObject({ isOrphan: true, undo: 'undone', output: 'right done' });
      await succeed('undo left');
      expect(undos(world)).toEqual(['right', 'left']);
      expect(await runtime.describe('w')).toMatchObject({ status: 'failed' });
    },
  );

  everywhere('when the time there is to undo is over, what is left is deferred, within children too', async (host) => {
    const undo = { startToCloseTimeout: '2h' } as const;
    const { world, runtime, succeed, fail, pass } = await scene(host, (given) => family(given, { undo }));
    await succeed('pack', 'sea', 'swim');
    await fail('sleep');
    await succeed('undo sleep');
    expect(undos(world)).toEqual(['sleep', 'swim']);
    await pass(limits.compensationBudgetMs);
    expect(world.last('undo swim').signal.aborted).toBe(true);
    expect(undos(world)).toEqual(['sleep', 'swim']);
    expect(await undoStates(runtime)).toEqual({
      sleep: 'undone',
      swimmer: 'deferred',
      swim: 'deferred',
      sea: 'deferred',
      pack: 'deferred',
    });
    const { ledger, status, compensation } = await runtime.describe('w');
    expect({ status, compensation }).toEqual({ status: 'failed', compensation: 'deferred' });
    expect(ledger.find(({ name }) => name === 'pack')?.failure).toMatchObject({ class: 'CompensationBudgetOver' });
  });

  everywhere('an undo is tried again by its own policy, and takes as long as its own time-out', async (host) => {
    const retry = { maximumAttempts: 2, initialInterval: '5s', jitter: 'none' } as const;
    const undo = { startToCloseTimeout: '3s', retry } as const;
    const { world, runtime, succeed, fail, pass } = await scene(host, (given) => family(given, { undo }));
    await succeed('pack');
    await runtime.cancel('w');
    await host.settled();
    await fail('undo sea');
    await pass(4_999);
    expect(world.callsOf('undo sea').length).toBe(1);
    await pass(1);
    expect(world.callsOf('undo sea').map(({ attempt }) => attempt)).toEqual([1, 2]);
    await pass(3_000);
    expect(undos(world)).toEqual(['sea', 'sea', 'pack']);
    await succeed('undo pack');
    const { ledger } = await runtime.describe('w');
    expect(ledger.find(({ name }) => name === 'sea')).toMatchObject({ undo: 'deferred', failure: { class: 'StartToCloseTimeout' } });
  });

  everywhere('while it is paused no undo begins', async (host) => {
    const { world, runtime, succeed } = await scene(host, family);
    await succeed('pack');
    await runtime.cancel('w');
    await host.settled();
    await runtime.pause('w');
    await succeed('undo sea');
    expect(undos(world)).toEqual(['sea']);
    await runtime.resume('w');
    await host.settled();
    expect(undos(world)).toEqual(['sea', 'pack']);
    await succeed('undo pack');
    expect(await runtime.describe('w')).toMatchObject({ status: 'cancelled', compensation: 'done' });
  });

  everywhere('what was left comes to an end while it is paused: its undo knows of that', async (host) => {
    const { world, runtime, succeed, send } = await scene(host, (given) => twoAtOnce(given, { isDeaf: true }));
    await succeed('left');
    await send('UNDO');
    await runtime.pause('w');
    await succeed('right');
    expect(undos(world)).toEqual([]);
    await runtime.resume('w');
    await host.settled();
    expect(world.last('undo right').input).toMatchObject({ outcome: 'completed', output: 'right done' });
  });

  everywhere('a chart that throws while it is undone is parked, and undoing goes on when it is let', async (host) => {
    const { world, runtime, succeed, send } = await scene(host, (given) => twoAtOnce(given));
    await succeed('left', 'right');
    await send('UNDO');
    await send('BREAK');
    expect(await runtime.describe('w')).toMatchObject({ status: 'parked', parked: { reason: 'poison' } });
    await succeed('undo right');
    expect(undos(world)).toEqual(['right']);
    world.mend();
    await runtime.unpark('w');
    await host.settled();
    await succeed('undo left');
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  // It keeps no journal of boots.
  if (backend !== 'second host') {
    everywhere('an undo at which the process dies again and again is parked, and goes on when it is let', async (host) => {
      host.countsDeaths = true;
      const retry = { maximumAttempts: 10, jitter: 'none' } as const;
      const { world, machine, succeed, runtime: first } = await scene(host, (given) => family(given, { undo: { retry } }));
      await succeed('pack');
      await first.cancel('w');
      await host.settled();
      let runtime = first;
      for (let life = 1; life <= 3; life += 1) {
        await host.crash();
        runtime = await host.open([machine]);
        await host.settled();
        host.clock.advance(limits.lastChanceMs);
        await host.settled();
      }
      expect(await runtime.describe('w')).toMatchObject({ status: 'parked', parked: { reason: 'crash-loop' } });
      await runtime.unpark('w');
      await host.settled();
      await succeed('undo sea', 'undo pack');
      expect(new Set(world.callsOf('undo sea').map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
      expect(await runtime.describe('w')).toMatchObject({ status: 'cancelled', compensation: 'done' });
    });
  }

  everywhere('a chart that leaves the state that invoked `compensation` does not cut it, and ends after it', async (host) => {
    const { world, runtime, succeed, send } = await scene(host, (given) => twoAtOnce(given));
    await succeed('left', 'right');
    await send('UNDO');
    await send('GIVE_UP');
    expect(world.last('undo right').signal.aborted).toBe(false);
    expect(await runtime.describe('w')).toMatchObject({ status: 'compensating', compensation: 'running' });
    await refusalOf(runtime.send('w', { type: 'AGAIN' }), 'WORKFLOW_CLOSED');
    await succeed('undo right', 'undo left');
    expect(undos(world)).toEqual(['right', 'left']);
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  everywhere('a second `compensation` waits for the first and undoes nothing twice', async (host) => {
    const { world, runtime, succeed, send } = await scene(host, (given) => twoAtOnce(given));
    await succeed('left', 'right');
    await send('UNDO');
    await send('AGAIN');
    expect(undos(world)).toEqual(['right']);
    await succeed('undo right', 'undo left');
    expect(undos(world)).toEqual(['right', 'left']);
    expect(await runtime.describe('w')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  everywhere('a step whose undo is gone from the code is deferred', async (host) => {
    const { world, succeed } = await scene(host, (given) => twoAtOnce(given));
    await succeed('left', 'right');
    await host.crash();
    const runtime = await host.open([twoAtOnce(world, { hasNoUndo: true })]);
    await runtime.send('w', { type: 'UNDO' });
    await host.settled();
    expect(undos(world)).toEqual([]);
    const { ledger, status, compensation } = await runtime.describe('w');
    expect({ status, compensation }).toEqual({ status: 'failed', compensation: 'deferred' });
    expect(ledger.map(({ failure }) => failure?.class)).toEqual(['UndoMissing', 'UndoMissing']);
  });
});
