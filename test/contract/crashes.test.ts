import { expect } from 'vitest';
import type { ContractHost } from '../support/contract-host.ts';
import { counter, errand, relay, sleeper } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World, errorOf } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const patient = { initialInterval: '1m', jitter: 'none' } as const;

function machinesOf(world: World) {
  return {
    patient: errand(world, 'errand-patient', patient),
    twice: errand(world, 'errand-twice', { ...patient, maximumAttempts: 2 }),
    once: errand(world, 'errand-once', { maximumAttempts: 1 }),
    relay: relay(world),
  };
}

async function reopened(host: ContractHost, world: World) {
  const machines = machinesOf(world);
  const runtime = await host.open([...Object.values(machines), sleeper, counter()]);
  await host.settled();
  return { runtime, machines };
}

const input = { item: 'lamp' };

contractGroup('crashes', ({ contractCase, everywhere }) => {
  contractCase(10, {
    'it runs again at once, with the same key and input, as the next attempt': async (host) => {
      const world = new World();
      const { runtime, machines } = await reopened(host, world);
      await runtime.start(machines.patient, { id: 'e', input });
      await host.settled();
      const first = world.last('fetch');
      expect(first).toMatchObject({ input, attempt: 1 });
      await host.crash();
      first.succeed('of a dead process');

      const next = await reopened(host, world);
      expect(world.callsOf('fetch')).toHaveLength(2);
      expect(world.last('fetch')).toMatchObject({ input, attempt: 2, idempotencyKey: first.idempotencyKey });
      const { activities, status } = await next.runtime.describe('e');
      expect(status).toBe('running');
      expect(activities).toMatchObject([{ attempt: 2, state: 'running', lastFailure: { class: 'AttemptLost', attempt: 1 } }]);

      world.last('fetch').succeed('found');
      const handle = await next.runtime.get<typeof machines.patient>('e');
      expect(await handle.result()).toEqual({ found: 'found' });
      expect((await next.runtime.history('e')).map(({ kind }) => kind)).toEqual(['start', 'attempt-lost', 'attempt-completed']);
    },

    'also if the result was on its way to the disk': async (host) => {
      const world = new World();
      const { runtime, machines } = await reopened(host, world);
      await runtime.start(machines.patient, { id: 'e', input });
      await host.settled();
      host.holdWrites();
      world.last('fetch').succeed('never written');
      await host.settled();
      expect(host.heldWrites).toBe(1);
      await host.crash('lost');
      const next = await reopened(host, world);
      expect(world.callsOf('fetch').map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect(await next.runtime.describe('e')).toMatchObject({ value: 'fetching' });
    },

    'a lost attempt counts against the policy': async (host) => {
      const world = new World();
      const { runtime, machines } = await reopened(host, world);
      await runtime.start(machines.twice, { id: 'e', input });
      await host.settled();
      await host.crash();
      const next = await reopened(host, world);
      world.last('fetch').fail(errorOf('NotThere', 'no lamp'));
      const handle = await next.runtime.get<typeof machines.twice>('e');
      const { details } = await refusalOf(handle.result(), 'WORKFLOW_FAILED');
      expect(details).toMatchObject({ status: 'failed', failure: { class: 'NotThere', attempt: 2 } });
      expect(world.callsOf('fetch')).toHaveLength(2);
    },

    'two lost attempts use up a policy of two': async (host) => {
      const world = new World();
      const { runtime, machines } = await reopened(host, world);
      await runtime.start(machines.twice, { id: 'e', input });
      await host.settled();
      await host.crash();
      await reopened(host, world);
      await host.crash();
      const next = await reopened(host, world);
      expect(world.callsOf('fetch')).toHaveLength(2);
      expect(await next.runtime.describe('e')).toMatchObject({ status: 'failed', failure: { class: 'AttemptLost' } });
    },

    'nothing runs whose commit was lost with the process': async (host) => {
      const world = new World();
      const { runtime, machines } = await reopened(host, world);
      host.holdWrites();
      const start = watch(runtime.start(machines.patient, { id: 'e', input }));
      await host.settled();
      expect(world.calls).toEqual([]);
      await host.crash('lost');
      const next = await reopened(host, world);
      expect(world.calls).toEqual([]);
      expect(start.state).toBe('pending');
      await refusalOf(next.runtime.describe('e'), 'WORKFLOW_NOT_FOUND');
    },
  });

  everywhere('An attempt that may be made once only and is lost gives `AttemptLost` to `onError`.', async (host) => {
    const world = new World();
    const { runtime, machines } = await reopened(host, world);
    await runtime.start(machines.once, { id: 'e', input });
    await host.settled();
    await host.crash();
    const next = await reopened(host, world);
    expect(world.callsOf('fetch')).toHaveLength(1);
    const handle = await next.runtime.get<typeof machines.once>('e');
    expect(handle.getSnapshot()).toMatchObject({ value: 'failed', context: { error: { name: 'AttemptLost' } } });
    const { details } = await refusalOf(handle.result(), 'WORKFLOW_FAILED');
    expect(details.failure).toMatchObject({ class: 'AttemptLost', activity: 'errand-once.fetch', attempt: 1, retryable: false });
  });

  contractCase(17, {
    'Running attempts get `signal` with reason `shutdown`, and are not charged.': async (host) => {
      const world = new World();
      const { runtime, machines } = await reopened(host, world);
      await runtime.start(machines.twice, { id: 'e', input });
      await host.settled();
      await host.close();
      expect(world.last('fetch').signal.reason).toBe('shutdown');
      const next = await reopened(host, world);
      expect(world.callsOf('fetch').map(({ attempt }) => attempt)).toEqual([1, 2]);
      world.last('fetch').fail(new Error('busy'));
      await host.settled();
      host.clock.advance(60_000);
      await host.settled();
      world.last('fetch').succeed('found');
      await host.settled();
      expect(world.callsOf('fetch').map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      expect(await next.runtime.describe('e')).toMatchObject({ status: 'completed' });
    },
    'No new work: what waits for its next attempt is left to the next process.': async (host) => {
      const world = new World();
      const { runtime, machines } = await reopened(host, world);
      await runtime.start(machines.twice, { id: 'e', input });
      await host.settled();
      world.last('fetch').fail(new Error('busy'));
      await host.settled();
      await host.close();
      host.clock.advance(60_000);
      expect(world.callsOf('fetch')).toHaveLength(1);
      await reopened(host, world);
      expect(world.callsOf('fetch').map(({ attempt }) => attempt)).toEqual([1, 2]);
    },
  });

  everywhere('An attempt that may be made once only is not made again after a closing process gave it back.', async (host) => {
    const world = new World();
    const { runtime, machines } = await reopened(host, world);
    await runtime.start(machines.once, { id: 'e', input });
    await host.settled();
    await host.close();
    const next = await reopened(host, world);
    expect(world.callsOf('fetch').map(({ attempt }) => attempt)).toEqual([1]);
    expect(await next.runtime.describe('e')).toMatchObject({ status: 'failed', failure: { class: 'AttemptLost' } });
  });

  contractCase(11, async (host) => {
    const world = new World();
    const { runtime, machines } = await reopened(host, world);
    await runtime.start(machines.relay, { id: 'r', input: { baton: 'a' } });
    await host.settled();
    host.holdWrites();
    world.last('relay.first').succeed('b');
    await host.settled();
    expect(host.heldWrites).toBe(1);
    await host.crash('kept');
    expect(world.callsOf('relay.second')).toEqual([]);

    const next = await reopened(host, world);
    expect(world.callsOf('relay.first')).toHaveLength(1);
    expect(world.callsOf('relay.second')).toHaveLength(1);
    expect(world.last('relay.second').input).toEqual({ baton: 'b' });
    expect(await next.runtime.describe('r')).toMatchObject({ value: 'second', context: { baton: 'b' } });
    world.last('relay.second').succeed('c');
    const handle = await next.runtime.get<typeof machines.relay>('r');
    expect(await handle.result()).toBe('c');
    expect(world.calls).toHaveLength(2);
  });

  contractCase(34, async (host) => {
    const world = new World();
    host.countsDeaths = true;
    /** A life that got through its boot. */
    const live = async () => {
      const life = await reopened(host, world);
      for (let look = 0; look < 2; look += 1) {
        host.clock.advance(500);
        await host.settled();
      }
      return life;
    };
    const first = await live();
    await first.runtime.start(first.machines.patient, { id: 'e', input });
    await host.settled();
    for (const attempt of [2, 3]) {
      await host.crash();
      const { runtime, machines } = await live();
      expect(world.last('fetch').attempt).toBe(attempt);
      if (attempt === 3) await runtime.start(machines.patient, { id: 'other', input });
      await host.settled();
    }
    await host.crash();
    const last = await live();
    expect(await last.runtime.describe('e')).toMatchObject({ status: 'parked', parked: { reason: 'crash-loop' } });
    expect(await last.runtime.describe('other')).toMatchObject({ status: 'running' });
    expect((await last.runtime.history('e')).map(({ kind }) => kind)).toContain('park');
    world.last('fetch').succeed('found');
    const other = await last.runtime.get<typeof last.machines.patient>('other');
    expect(await other.result()).toEqual({ found: 'found' });
  });

  contractCase(12, async (host) => {
    const delayMs = 60_000;
    // Each step arms or disarms a timer; the process dies in front of each of them, and behind it. What was due meanwhile fires
    // when the next process opens.
    const ringing = { value: 'ringing', timers: [{ dueAtMs: 1_000 }] };
    const after = {
      start: { lost: undefined, kept: { value: 'asleep', timers: [{ dueAtMs: delayMs }] } },
      ring: { lost: ringing, kept: ringing },
      end: { lost: { value: 'over', timers: [] }, kept: { value: 'over', timers: [] } },
    } as const;
    for (const [step, fate] of [...Object.keys(after)].flatMap((key) => [[key, 'lost'] as const, [key, 'kept'] as const])) {
      const id = `${step}-${fate}`;
      const { runtime: doomed } = await reopened(host, new World());
      const moves = {
        start: () => void watch(doomed.start(sleeper, { id, input: { delayMs } })),
        ring: () => host.clock.advance(delayMs),
        end: () => host.clock.advance(1_000),
      };
      for (const [name, move] of Object.entries(moves)) {
        if (name === step) host.holdWrites();
        move();
        await host.settled();
        if (name === step) break;
      }
      expect(host.heldWrites).toBe(1);
      await host.crash(fate);

      const { runtime } = await reopened(host, new World());
      const expected = after[step as keyof typeof after][fate];
      if (expected === undefined) {
        await refusalOf(runtime.describe(id), 'WORKFLOW_NOT_FOUND');
      } else {
        const { value, timers } = await runtime.describe(id);
        expect({ value, timers: timers.map(({ dueAtMs }) => ({ dueAtMs: dueAtMs - host.clock.now() })) }).toEqual(expected);
        for (const ms of [delayMs, 1_000]) {
          host.clock.advance(ms);
          await host.settled();
        }
        expect(await runtime.describe(id)).toMatchObject({ value: 'over', status: 'completed', timers: [] });
        expect((await runtime.history(id)).map(({ kind }) => kind)).toEqual(['start', 'timer', 'timer']);
      }
      await host.close();
    }
  });
});
