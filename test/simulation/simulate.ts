/** The scheduler: picks the next atomic step of a world until it has seen enough, then takes the faults away and waits for the end. */
import type { StoreBatch } from '../../src/kernel/ports.ts';
import type { ModelActor } from './model.ts';
import { checkDescription, isDefinite } from './store-checks.ts';
import type { Profile } from './profile.ts';
import { changeLimits, rollProfile } from './profile.ts';
import { createRandom } from './seeded-random.ts';
import type { Violation } from './violation.ts';
import { check, Violation as Found } from './violation.ts';
import type { Life } from './world.ts';
import { World } from './world.ts';

export interface Simulation {
  readonly seed: number;
  readonly trace: readonly string[];
  /** Every record at the end; most who simulate have no use for them. */
  readonly records: () => readonly string[];
  readonly violation: Violation | undefined;
  readonly picks: number;
  readonly commits: number;
  readonly calls: number;
  readonly lives: number;
  /** Undos that were given to unwindings. */
  readonly undos: number;
  readonly crashesInUnwinding: number;
}

interface Pick {
  readonly weight: number;
  readonly name: string;
  readonly act: () => void | Promise<void>;
}

const picksToTheEndMax = 3_000;

/** @param overrides a profile other than the one the seed rolls */
export async function simulate(seed: number, overrides: Partial<Profile> = {}): Promise<Simulation> {
  const random = createRandom(seed);
  const profile = { ...rollProfile(random, seed), ...overrides };
  const world = World.create(random, profile);
  world.log(`seed ${seed} ${JSON.stringify(profile)}`);
  const restore = changeLimits(profile.hasTightLimits);
  // Stacks of errors are most of what a seed would write and read.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    await runWithFaults(world);
    if (world.violation === undefined) await runToTheEnd(world);
    if (world.violation === undefined) await describeAll(world);
    if (world.violation === undefined) await rehydrate(world);
  } catch (error) {
    world.note(error);
  } finally {
    restore();
    Error.stackTraceLimit = stackTraceLimit;
    if (world.life !== undefined) world.end(world.life);
  }
  const { trace, violation, picks, lives, model, ledger } = world;
  const unwound = { undos: model.undos.undos, crashesInUnwinding: world.crashesInUnwinding };
  const records = (): string[] => [...model.actors.values()].map(({ record }) => JSON.stringify(record));
  return { seed, trace, records, violation, picks, commits: model.commits, calls: ledger.calls, lives, ...unwound };
}

/** Runs a seed again and compares all that can be seen of both. */
export async function simulateTwice(seed: number): Promise<Simulation> {
  const first = await simulate(seed);
  const second = await simulate(seed);
  if (first.violation !== undefined) return first;
  const [before, after] = [first, second].map(({ trace, records }) => [...trace, ...records()]) as [string[], string[]];
  const line = [...before.keys(), ...after.keys()].find((index) => before[index] !== after[index]);
  if (line === undefined) return first;
  const found = `line ${line + 1} was "${before[line]}", then "${after[line]}"`;
  return { ...second, trace: after.slice(0, line + 1), violation: new Found('I15 the same seed gives the same trace', found) };
}

async function runWithFaults(world: World): Promise<void> {
  for (let count = 0; count < world.profile.size.picks && world.violation === undefined; count += 1) {
    await take(world, choose(world, picksOf(world)));
  }
}

async function take(world: World, pick: Pick): Promise<void> {
  world.picks += 1;
  world.log(`${world.picks} ${pick.name}`);
  await pick.act();
  await world.settle();
}

function choose(world: World, picks: readonly Pick[]): Pick {
  const sum = picks.reduce((total, { weight }) => total + weight, 0);
  let rest = world.random.next() * sum;
  for (const pick of picks) {
    rest -= pick.weight;
    if (rest < 0) return pick;
  }
  const last = picks.at(-1);
  if (last === undefined) throw new TypeError('The world offers nothing to pick.');
  return last;
}

function picksOf(world: World): Pick[] {
  const { life, profile, random } = world;
  const passing: Pick = { weight: 1, name: 'time passes', act: () => world.time.pass(random.below(16) * 500) };
  const stepping: Pick = { weight: profile.clockStep, name: 'the wall clock is set', act: () => stepClock(world) };
  if (life === undefined) return [{ weight: 6, name: 'open', act: () => world.open(true) }, passing, stepping];
  return [
    ...writePicks(world, life),
    ...readPicks(world, life),
    ...activityPicks(world, life),
    ...timerPicks(life, world),
    ...runtimePicks(world, life),
    ...(world.consumers?.picks(life, life.runtime) ?? []),
    passing,
    stepping,
    { weight: profile.crash, name: 'crash', act: () => crash(world, life, random.chance(0.5)) },
  ];
}

function writePicks(world: World, life: Life): Pick[] {
  const { profile, random } = world;
  if (life.handle.held === undefined) return [];
  return [
    { weight: 18, name: 'the write is applied', act: () => acknowledge(world, life) },
    { weight: profile.crash, name: 'crash in a write', act: () => crash(world, life, random.chance(0.5)) },
    { weight: profile.reject, name: 'the write is rejected', act: () => reject(world, life, random.chance(0.5)) },
  ];
}

function readPicks({ random, profile }: World, { handle }: Life): Pick[] {
  const failing: Pick = { weight: profile.readFault, name: 'the next read fails', act: () => void (handle.failsNextRead = true) };
  if (handle.reads.length === 0) return [failing];
  return [failing, { weight: 12, name: 'a read is answered', act: () => handle.reads.splice(random.below(handle.reads.length), 1)[0]?.() }];
}

function activityPicks({ ledger, random, profile }: World, life: Life): Pick[] {
  const running = ledger.running(life.number).filter((call) => !call.isStuck);
  const stopping = ledger.stopping(life.number);
  const picks: Pick[] = [];
  if (running.length > 0) {
    const call = random.pick(running);
    const name = `${call.key} attempt ${call.attempt}`;
    const weight = Math.min(8, 3 * running.length);
    const bad = weight * profile.failures;
    picks.push({ weight, name: `${name} succeeds`, act: () => ledger.succeed(call) });
    if (call.handOver !== undefined) picks.push({ weight: weight * 2, name: `${name} is handed over`, act: call.handOver });
    picks.push({ weight: bad * 0.5, name: `${name} fails`, act: () => ledger.fail(call, false) });
    picks.push({ weight: bad * 0.1, name: `${name} fails for good`, act: () => ledger.fail(call, true) });
    if (call.name !== 'actions') picks.push({ weight: bad * 0.2, name: `${name} hangs`, act: () => void (call.isStuck = true) });
  }
  const ears = ledger.ears(life.number);
  if (ears.length > 0 && life.phase === 'open') {
    const { owner, sendBack } = random.pick(ears);
    picks.push({ weight: 3, name: `the callback of ${owner} has something to say`, act: () => sendBack({ type: 'BEAT' }) });
  }
  if (stopping.length > 0) {
    const call = random.pick(stopping);
    const name = `${call.key} attempt ${call.attempt}, told to stop,`;
    picks.push({ weight: 1.5, name: `${name} succeeds`, act: () => ledger.succeed(call) });
    picks.push({ weight: 1.5, name: `${name} fails`, act: () => ledger.fail(call, false) });
  }
  return picks;
}

function timerPicks({ clock }: Life, world: World): Pick[] {
  return clock.nextDueAtMs() === undefined ? [] : [{ weight: 5, name: 'the next timer', act: () => advance(world) }];
}

function runtimePicks(world: World, life: Life): Pick[] {
  const { profile, random, clients } = world;
  const { runtime } = life;
  if (life.phase !== 'open' || runtime === undefined) return [];
  const close = (): void => world.close(life, random.pick([0, 0, 500, 5_000]));
  const called = { number: life.number, runtime, missing: life.missing, isGone: () => life.phase === 'gone' };
  const calling: Pick = { weight: 11, name: 'a client calls', act: () => clients.call(called) };
  const failed = [
    { weight: 0.5, name: 'close after a failure', act: close },
    { ...calling, weight: 2 },
  ];
  if (runtime.health().state === 'recovering') return failed;
  return [calling, { weight: profile.close, name: 'close', act: close }];
}

async function acknowledge(world: World, life: Life): Promise<void> {
  const { held } = life.handle;
  if (held === undefined) return;
  life.handle.held = undefined;
  world.log(`  ${describeBatch(held.batch)}`);
  await world.disk.apply(held);
  held.resolve();
}

async function crash(world: World, life: Life, isApplied: boolean): Promise<void> {
  const { held } = life.handle;
  if (world.model.undos.isAnyRunning()) world.crashesInUnwinding += 1;
  world.end(life);
  if (held !== undefined && isApplied) {
    world.log(`  applied, not acknowledged: ${describeBatch(held.batch)}`);
    await world.disk.apply(held);
  }
  await world.checkStore(false);
}

async function reject(world: World, life: Life, isApplied: boolean): Promise<void> {
  const { held } = life.handle;
  if (held === undefined) return;
  life.handle.held = undefined;
  life.handle.hasRejected = true;
  world.log(`  ${isApplied ? 'applied' : 'not applied'}: ${describeBatch(held.batch)}`);
  if (isApplied) {
    await world.disk.apply(held);
    world.clients.expectJumps(held.batch);
  }
  held.reject(new Error('The disk is full.'));
}

function advance({ time, life }: World): void {
  const dueAtMs = life?.clock.nextDueAtMs();
  if (dueAtMs === undefined) return;
  time.pass(Math.max(0, dueAtMs - time.monotonicMs));
  life?.clock.fireNext();
}

function stepClock({ time, model, random }: World): void {
  const milliseconds = random.pick([-1, 1]) * (1 + random.below(20)) * 500;
  if (milliseconds < 0) model.beforeStepBack();
  time.step(milliseconds);
}

function describeBatch(batch: StoreBatch | undefined): string {
  if (batch === undefined) return 'the head';
  const commits = batch.commits.map(({ record, journal }) => {
    const { workflowId, run, path } = record.address;
    const place = `${workflowId}:${run}:${path.join('.')}`;
    return `${place}#${record.sequence} ${journal.envelope.kind} ${journal.outcome} ${JSON.stringify(journal.value)} ${record.status}`;
  });
  return `${batch.firstCommit}: ${commits.join('; ')}`;
}

/** Without faults everything ends, or waits for a message from outside, or says why it does not run. */
async function runToTheEnd(world: World): Promise<void> {
  world.log('faults off');
  for (let count = 0; count < picksToTheEndMax && world.violation === undefined; count += 1) {
    const pick = calmPick(world);
    if (pick === undefined) return;
    await take(world, pick);
  }
  world.consumers?.checkHeld(world.lives);
  const stuck = [...world.model.actors.entries()].filter(([, actor]) => !isDefinite(world.model, actor)).map(stuckWith);
  const found = stuck.length > 0 ? `${stuck.join(', ')} are stuck` : 'the runtime does not come to rest';
  world.note(new Found('I14 everything becomes definite, rows equal records', found));
}

function stuckWith([place, { record, activities, timers }]: [string, ModelActor]): string {
  const pending = [...activities.values()].map(({ n, name, state }) => `${name} ${n} ${state}`);
  return `${place} (${[record.status, ...pending, `${timers.size} timers`, `${record.queued ?? 0} queued`].join(', ')})`;
}

function calmPick(world: World): Pick | undefined {
  const { life, ledger, model } = world;
  if (life === undefined) return { weight: 1, name: 'open', act: () => world.open(false) };
  const { handle, runtime } = life;
  handle.failsNextRead = false;
  if (handle.held !== undefined) return { weight: 1, name: 'the write is applied', act: () => acknowledge(world, life) };
  const read = handle.reads[0];
  if (read !== undefined) return { weight: 1, name: 'a read is answered', act: () => handle.reads.shift()?.() };
  if (life.phase === 'open' && ((life.missing ?? world.consumers?.missing) !== undefined || runtime?.health().state === 'failed')) {
    return { weight: 1, name: 'close to open anew', act: () => world.close(life, 0) };
  }
  const call = ledger.stopping(life.number)[0] ?? ledger.running(life.number).find(({ isStuck }) => !isStuck);
  if (call !== undefined) return { weight: 1, name: `${call.key} attempt ${call.attempt} succeeds`, act: () => ledger.succeed(call) };
  const delivery = world.consumers?.calmPick();
  if (delivery !== undefined) return delivery;
  if (life.phase === 'open' && runtime?.health().state === 'open') {
    const called = { number: life.number, runtime, missing: life.missing, isGone: () => life.phase === 'gone' };
    if (world.clients.goOn(called)) return { weight: 0, name: 'what stood still goes on', act: () => undefined };
  }
  // What stands still may have attempts that hang: they time out.
  const isAtRest = ledger.running(life.number).length === 0 && [...model.actors.values()].every((actor) => isDefinite(model, actor));
  // What ended while the store was away is not recorded before it is back.
  const waiting: Pick = { weight: 1, name: 'the next timer', act: () => advance(world) };
  if (life.phase !== 'open' || !isAtRest || runtime?.health().state === 'recovering') return waiting;
  return runtime && world.consumers?.restPick(life, runtime, waiting);
}

/** What is told of a workflow at rest is what is applied, of all its actors. */
async function describeAll(world: World): Promise<void> {
  const { model, life } = world;
  for (const tree of model.trees.values()) model.undos.checkRest(tree);
  const described = [...model.latest].map(async ([id, place]) => {
    const found = await life?.runtime?.describe(id);
    if (found !== undefined) checkDescription(found, model.trees.get(place));
  });
  const all = Promise.all(described).catch((found: unknown) => world.note(found));
  await world.settle();
  for (let read = life?.handle.reads.shift(); read !== undefined; read = life?.handle.reads.shift()) {
    read();
    if (life?.handle.reads.length === 0) await world.settle();
  }
  await all;
}

/** Opening a store on which nothing is pending writes nothing, however often. */
async function rehydrate(world: World): Promise<void> {
  await world.checkStore(true);
  for (let opening = 0; opening < world.profile.size.reopenings; opening += 1) {
    const { life } = world;
    if (life !== undefined) {
      const { commits } = world.model;
      await take(world, { weight: 1, name: 'close', act: () => world.close(life, 0) });
      while (life.phase === 'closing' && world.violation === undefined) {
        const pick = calmPick(world);
        if (pick === undefined) break;
        await take(world, pick);
      }
      check(
        world.model.commits === commits,
        'I6 a reopened store is what the applied batches made',
        () => 'closing at rest wrote something',
      );
    }
    await take(world, { weight: 1, name: 'open', act: () => world.open(false) });
    for (
      let reads = world.life?.handle.reads;
      reads !== undefined && reads.length > 0 && world.violation === undefined;
      reads = world.life?.handle.reads
    ) {
      await take(world, { weight: 1, name: 'a read is answered', act: () => reads?.shift()?.() });
    }
    const { held } = world.life?.handle ?? {};
    check(
      held === undefined,
      'I6 a reopened store is what the applied batches made',
      () => `reopening writes ${describeBatch(held?.batch)}`,
    );
  }
  await world.checkStore(false);
}
