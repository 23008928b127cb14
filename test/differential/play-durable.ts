/** Plays a case to a workflow: the real runtime and the real store on bytes in memory, in a process that can die. */
import type { EventObject } from 'xstate';
import { onTestFinished } from 'vitest';
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { SortedMemory } from '../simulation/sorted-memory.ts';
import type { ContractHandle, ContractRuntime } from '../support/contract-host.ts';
import type { Life } from '../support/life.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SimulatedHost } from '../support/simulated-host.ts';
import type { DifferentialCase, DurableFacts, Picture } from './differential-case.ts';
import { Outside } from './outside.ts';
import { factsOf, pictureOf } from './pictures.ts';
import { actOutside } from './play-plain.ts';

const id = 'play';

export interface DurablePlay {
  readonly pictures: readonly Picture[];
  readonly facts: DurableFacts;
}

/** A handle as it will be: it tells of emitted events as an actor does. */
interface Emitting {
  on?(type: '*', handler: (event: EventObject) => void): unknown;
}

/** @param isKilledAfterEachStep whether the process dies after each step, and another takes over */
export async function playDurable(played: DifferentialCase, isKilledAfterEachStep: boolean): Promise<DurablePlay> {
  const outside = new Outside();
  const machine = played.machine(outside);
  const emitted: EventObject[] = [];
  const pictures: Picture[] = [];
  const refusals: string[] = [];
  const host = createSynchronousHost();
  onTestFinished(() => host.crash());
  const follow = (handle: ContractHandle & Emitting): ContractHandle => {
    handle.on?.('*', (event) => void emitted.push(event));
    return handle;
  };
  let runtime = await host.open([machine]);
  let handle: ContractHandle | undefined = await accepted(runtime.start(machine, { id, input: played.input }).then(follow), refusals);
  const killed = async (): Promise<void> => {
    await host.crash();
    runtime = await host.open([machine]);
    handle = follow(await runtime.get(id));
    await host.settled();
  };
  const look = async (): Promise<void> => {
    await host.settled();
    if (handle === undefined) return;
    if (isKilledAfterEachStep) await killed();
    pictures.push(pictureOf(handle.getSnapshot(), emitted, outside));
  };
  await look();
  for (const step of handle === undefined ? [] : played.script) {
    // A send to a workflow that is parked by it never comes back with an outcome.
    if (step.kind === 'send') void accepted(runtime.send(id, step.event), refusals);
    else if (step.kind === 'advance') host.clock.advance(step.ms);
    else if (step.kind === 'restart') await killed();
    else actOutside(outside, step);
    await look();
  }
  const last = pictures.at(-1);
  return { pictures, facts: { ...(last === undefined ? {} : factsOf(last)), refusals, workflow: await statusOf(runtime) } };
}

async function accepted<Answer>(promise: Promise<Answer>, refusals: string[]): Promise<Answer | undefined> {
  try {
    return await promise;
  } catch (error) {
    refusals.push(String((error as { readonly code?: unknown }).code ?? error));
    return undefined;
  }
}

async function statusOf(runtime: ContractRuntime): Promise<string> {
  try {
    return (await runtime.describe(id)).status;
  } catch (error) {
    return String((error as { readonly code?: unknown }).code ?? error);
  }
}

/** Its disk answers at once, so that hundreds of cases take seconds. */
function createSynchronousHost(): SimulatedHost {
  const disk = new SortedMemory();
  const refuse = (): never => {
    throw new TypeError('A differential case does not look at the disk.');
  };
  return new SimulatedHost({
    async open(life, clock, registry) {
      const store = await openStoreOn(whileAlive(disk, life), { location: 'memory', storeId: 'differential' });
      const runtime = await assembleRuntime({ store, registry, clock, random: seededRandom(7), maxConcurrentAttempts: 1_000 });
      return { runtime, letGo: () => Promise.resolve() };
    },
    stored: refuse,
    storedIds: refuse,
    harm: refuse,
  });
}

function whileAlive(disk: SortedMemory, life: Life): ReturnType<SortedMemory['open']> {
  const database = disk.open();
  return {
    get: (key) => life.read(() => database.get(key)),
    getNow: (key) => database.getNow(key),
    entries: (query) => life.read(() => database.entries(query)),
    keys: (query) => life.read(() => database.keys(query)),
    readAtOnce: (read) => life.read(() => database.readAtOnce(read)),
    write: (operations) => life.write(() => database.write(operations)),
    close: () => life.read(() => database.close()),
  };
}
