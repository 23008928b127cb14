/**
 * Every machine of the suite does on a host what it does in a plain `createActor`: after each step of a play the snapshots are
 * equal, also when the process is killed and another takes over after each step.
 */
import * as fc from 'fast-check';
import type { AnyMachineSnapshot } from 'xstate';
import { SimulatedClock, createActor } from 'xstate';
import { describe, expect, it, vi } from 'vitest';
import { createHost } from '../support/backends.ts';
import type { BackendName } from '../support/contract-host.ts';
import { backendNames } from '../support/contract-host.ts';
import * as gauntlets from '../support/gauntlet.ts';
import { turn } from '../support/life.ts';
import * as machines from '../support/machines.ts';
import * as onboardings from '../support/onboarding.ts';
import type { Play, Step } from '../support/plays.ts';
import { advance, plays, send } from '../support/plays.ts';
import { isSame } from '../support/values.ts';
import { World } from '../support/world.ts';
import * as simulated from '../simulation/machines.ts';
import { outside, signalTypes } from '../simulation/machine-parts.ts';
import { machinesOfTrees } from '../simulation/machines-of-trees.ts';

/** What a snapshot says to whoever reads it. */
interface Picture {
  readonly value: unknown;
  readonly context: unknown;
  readonly status: string;
  readonly output: unknown;
  readonly tags: readonly string[];
}

function pictureOf({ value, context, status, output, tags }: AnyMachineSnapshot): Picture {
  return { value, context: context as unknown, status, output: output as unknown, tags: [...tags].sort() };
}

function act(world: World, step: Exclude<Step, { kind: 'send' | 'advance' }>): void {
  const call = world.last(step.activity);
  if (step.kind === 'answer') call.succeed(step.output);
  else call.fail(step.error);
}

async function onXState({ machineOf, input, steps }: Play): Promise<Picture[]> {
  // Retries of a plain actor wait on ordinary timers.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const world = new World();
    const clock = new SimulatedClock();
    const actor = createActor(machineOf(world), { input, clock });
    const pictures: Picture[] = [];
    const look = async (): Promise<void> => {
      for (let turns = 0; turns < 5; turns += 1) await turn();
      pictures.push(pictureOf(actor.getSnapshot() as AnyMachineSnapshot));
    };
    actor.start();
    await look();
    for (const step of steps) {
      if ((actor.getSnapshot() as AnyMachineSnapshot).status !== 'active') break;
      if (step.kind === 'send') actor.send(step.event);
      else if (step.kind === 'advance') {
        clock.increment(step.ms);
        await vi.advanceTimersByTimeAsync(step.ms);
      } else act(world, step);
      await look();
    }
    actor.stop();
    return pictures;
  } finally {
    vi.useRealTimers();
  }
}

async function onHost(backend: BackendName, { machineOf, input, steps }: Play, isKilledAfterEachStep: boolean): Promise<Picture[]> {
  const world = new World();
  const machine = machineOf(world);
  const host = await createHost(backend);
  let runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'play', input });
  const pictures: Picture[] = [];
  const look = async (): Promise<void> => {
    await host.settled();
    if (isKilledAfterEachStep) {
      await host.crash();
      runtime = await host.open([machine]);
      await host.settled();
    }
    pictures.push(pictureOf((await runtime.get('play')).getSnapshot()));
  };
  await look();
  for (const step of steps) {
    if (step.kind === 'send') await runtime.send('play', step.event);
    else if (step.kind === 'advance') host.clock.advance(step.ms);
    else act(world, step);
    await look();
  }
  await host.crash();
  return pictures;
}

function expectSame(durable: readonly Picture[], plain: readonly Picture[]): void {
  if (!isSame(durable, plain)) expect(durable).toEqual(plain);
  expect(isSame(durable, plain)).toBe(true);
}

/** Plays up to the end of the chart: what comes after it is refused by a runtime and ignored by a plain actor. */
async function compare(play: Play, isKilledAfterEachStep: boolean, backend: BackendName = 'local on memory'): Promise<void> {
  const plain = await onXState(play);
  const length = plain.findIndex(({ status }) => status === 'done');
  const played = length === -1 ? play : { ...play, steps: play.steps.slice(0, length) };
  expectSame(await onHost(backend, played, isKilledAfterEachStep), plain.slice(0, played.steps.length + 1));
}

describe.each(backendNames)('%s', (backend) => {
  describe.each(plays.map((play) => [play.title, play] as const))('%s', (_title, play) => {
    it('is the same, step by step', async () => {
      expectSame(await onHost(backend, play, false), await onXState(play));
    });

    if (play.isSpoiltByCrashes === true) return;
    it('is the same if the process is killed after each step', async () => {
      expectSame(await onHost(backend, play, true), await onXState(play));
    });
  });
});

describe('whatever the order of events', () => {
  const words = ['PAUSE', 'RESUME', 'RETURN', 'AGAIN', 'LAP', 'HURRY', 'CALM', 'WARN', 'HUSH', 'bell', 'echo'];
  const anyStep = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words).map((type) => send(type)) },
    { weight: 1, arbitrary: fc.constantFrom(500, 1_000, 1_999, 2_000, 3_000, 4_000, 9_000).map(advance) },
  );
  const anyPlay = fc.array(anyStep, { maxLength: 40 });

  it.each(backendNames.filter((name) => name !== 'local on LevelDB'))('the gauntlet is the same on %s', async (backend) => {
    for (const [index, steps] of fc.sample(anyPlay, { seed: 5, numRuns: 60 }).entries()) {
      const input = { laps: 1 + (index % 6) };
      await compare({ title: 'any', of: 'gauntlet', machineOf: () => gauntlets.gauntlet, input, steps }, index % 2 === 0, backend);
    }
  });
});

describe('the machines that simulations run', () => {
  // One guard there never answers: a plain actor ends in error on it, where a workflow is parked.
  const anyStep = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...signalTypes.filter((type) => type !== 'POISON')) },
    { weight: 1, arbitrary: fc.constantFrom(100, 700, 1_000, 4_000) },
  );
  const steps = fc.sample(fc.array(anyStep, { maxLength: 12 }), { seed: 7, numRuns: 10 });

  // `nudge` arms two timers of one id and cancels them by it: in XState the first of the two cannot be cancelled any more.
  const compared = simulated.machines.filter((machine) => machine.id !== 'nudge' && !machinesOfTrees.includes(machine));

  it.each(compared.map((machine) => [machine.id, machine] as const))('%s does the same', async (_id, machine) => {
    const { run } = outside;
    outside.run = (_name, { input }) => Promise.resolve({ key: (input as { readonly step: string }).step });
    try {
      for (const [index, play] of steps.entries()) {
        const made = play.map((step, call) => (typeof step === 'number' ? advance(step) : send(step, { call })));
        const input = { variant: 'v', delayMs: 700 * (1 + (index % 3)) };
        await compare({ title: 'any', of: machine.id, machineOf: () => machine, input, steps: made }, index % 2 === 0);
      }
    } finally {
      outside.run = run;
    }
  });
});

it('plays every machine of the suite', () => {
  const made = [machines, gauntlets, onboardings].flatMap((module) => Object.keys(module));
  expect([...new Set(plays.map((play) => play.of))].sort()).toEqual(made.sort());
});
