import { appendFile, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createLevelHost } from '../support/local-hosts.ts';
import type { BackendName, ContractHost, ContractRuntime, Harm } from '../support/contract-host.ts';
import { counter, errand, sleeper } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { copyStore, temporaryFolder } from '../storage/folders.ts';
import { contractGroup } from './contract-group.ts';
import { parkingHarms } from './matrix.ts';

const machine = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });

async function total(runtime: ContractRuntime): Promise<unknown> {
  const { context, sequence } = await runtime.describe('sum');
  return { context, sequence };
}

/** Goes on after the loss of what was never acknowledged. */
async function expectToGoOn(host: ContractHost): Promise<void> {
  const runtime = await host.open([machine]);
  expect(await total(runtime)).toEqual({ context: { total: 3 }, sequence: 3 });
  expect(await runtime.history('sum')).toHaveLength(3);
  expect(await runtime.send('sum', add(10), { messageId: 'torn' })).toEqual({ sequence: 4, outcome: 'applied' });
  expect(await total(runtime)).toEqual({ context: { total: 13 }, sequence: 4 });
}

/** Three commits acknowledged, a fourth on its way. */
async function writeFour(host: ContractHost): Promise<void> {
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'sum', input: { from: 0 } });
  await runtime.send('sum', add(1));
  await runtime.send('sum', add(2));
  host.holdWrites();
  watch(runtime.send('sum', add(100), { messageId: 'torn' }));
  await host.settled();
  expect(host.heldWrites).toBe(1);
}

async function logOf(path: string): Promise<string> {
  const [log, ...others] = (await readdir(join(path, 'level'))).filter((name) => name.endsWith('.log'));
  expect(others).toEqual([]);
  return join(path, 'level', log ?? '');
}

/** LevelDB's log, with the record of the fourth commit cut at several places, or followed by what a power cut may leave. */
async function tearLog(): Promise<void> {
  const path = await temporaryFolder();
  const host = createLevelHost(path);
  await writeFour(host);
  const log = await logOf(path);
  const acknowledged = (await stat(log)).size;
  await host.crash('kept');
  const whole = (await stat(log)).size;
  expect(whole).toBeGreaterThan(acknowledged + 100);

  const half = Math.floor((acknowledged + whole) / 2);
  const tails = [
    { length: acknowledged, garbage: Buffer.alloc(0) },
    { length: acknowledged + 7, garbage: Buffer.alloc(0) },
    { length: half, garbage: Buffer.alloc(4_096) },
    { length: half, garbage: Buffer.alloc(9, 0xff) },
    { length: whole - 1, garbage: Buffer.alloc(0) },
  ];
  for (const { length, garbage } of tails) {
    const torn = await temporaryFolder();
    await copyStore(path, torn);
    await truncate(await logOf(torn), length);
    await appendFile(await logOf(torn), garbage);
    const survivor = createLevelHost(torn);
    await expectToGoOn(survivor);
    await survivor.close();
  }
  const survivor = createLevelHost(path);
  const runtime = await survivor.open([machine]);
  expect(await total(runtime)).toEqual({ context: { total: 103 }, sequence: 4 });
  await survivor.close();
}

/** One that will be harmed and two beside it, each with an activity running and a timer armed. */
async function threeWorkflows(host: ContractHost, world: World) {
  const fetch = errand(world, 'errand', {});
  const machines = [machine, sleeper, fetch];
  const runtime = await host.open(machines);
  const ids = (kind: string) => ['a', 'harmed', 'z'].map((name) => `${name}-${kind}`);
  for (const id of ids('nap')) await runtime.start(sleeper, { id, input: { delayMs: 60_000 } });
  for (const id of ids('errand')) await runtime.start(fetch, { id, input: { item: id } });
  for (const id of ids('sum')) await runtime.start(machine, { id, input: { from: 0 } });
  for (const amount of [1, 2, 3]) for (const id of ids('sum')) await runtime.send(id, add(amount));
  await host.settled();
  await host.close();
  return machines;
}

async function expectParked(runtime: ContractRuntime, id: string): Promise<void> {
  const asked = [() => runtime.send(id, add(1)), () => runtime.send(id, add(1), { messageId: 'm' }), () => runtime.describe(id)];
  for (const ask of asked) expect((await refusalOf(ask(), 'WORKFLOW_PARKED')).details).toEqual({ id, reason: 'record-damaged' });
  await refusalOf(runtime.start(machine, { id, input: { from: 0 } }), 'WORKFLOW_PARKED');
  await refusalOf(runtime.start(machine, { id, input: { from: 0 }, onExisting: 'terminate-existing' }), 'WORKFLOW_PARKED');
}

async function expectOthersToRun(host: ContractHost, runtime: ContractRuntime, world: World, harmed: string): Promise<void> {
  await host.settled();
  const whole = (kind: string) => ['a', 'harmed', 'z'].map((name) => `${name}-${kind}`).filter((id) => id !== harmed);
  for (const id of whole('sum')) expect(await runtime.send(id, add(4))).toEqual({ sequence: 5, outcome: 'applied' });
  for (const id of whole('errand')) {
    const call = world.calls.findLast(({ input }) => (input as { item: string }).item === id);
    call?.succeed(`found ${id}`);
  }
  await host.settled();
  host.clock.advance(60_000);
  await host.settled();
  for (const id of whole('nap')) expect(await runtime.describe(id)).toMatchObject({ value: 'ringing' });
  for (const id of whole('errand')) {
    expect(await runtime.describe(id)).toMatchObject({ status: 'completed', output: { found: `found ${id}` } });
  }
  expect(runtime.health().state).toBe('open');
}

async function expectOneParked(host: ContractHost, harm: Harm, id: string): Promise<void> {
  const world = new World();
  const machines = await threeWorkflows(host, world);
  await host.harm(id, harm);
  const runtime = await host.open(machines);
  await host.settled();
  await expectParked(runtime, id);
  await expectOthersToRun(host, runtime, world, id);
  await expectParked(runtime, id);
  await host.close();
}

const tornTails: Record<BackendName, (host: ContractHost) => Promise<void>> = {
  'local on LevelDB': tearLog,
  'local on memory': dropUnacknowledged,
  'second host': dropUnacknowledged,
};

async function dropUnacknowledged(host: ContractHost): Promise<void> {
  await writeFour(host);
  await host.crash('lost');
  await expectToGoOn(host);
}

/** The workflows that have what is to be harmed. */
function idsFor(harm: Harm): string[] {
  if (harm === 'activity' || harm === 'activity gone') return ['harmed-errand'];
  return harm === 'journal middle' ? ['harmed-sum'] : ['harmed-sum', 'harmed-nap', 'harmed-errand'];
}

async function expectHistoryRefused(host: ContractHost): Promise<void> {
  const world = new World();
  const machines = await threeWorkflows(host, world);
  await host.harm('harmed-sum', 'journal middle');
  const runtime = await host.open(machines);
  await refusalOf(runtime.history('harmed-sum'), 'RECORD_DAMAGED');
  expect(await runtime.history('a-sum')).toHaveLength(4);
  await expectOthersToRun(host, runtime, world, 'harmed-sum');
}

async function expectTimerToFire(host: ContractHost): Promise<void> {
  const world = new World();
  const machines = await threeWorkflows(host, world);
  await host.harm('harmed-nap', 'timer');
  const runtime = await host.open(machines);
  await expectOthersToRun(host, runtime, world, 'none');
  expect((await runtime.history('harmed-nap')).map(({ kind }) => kind)).toEqual(['start', 'timer']);
}

/** A row of the mailbox that is lost is missed when its workflow is read, one that cannot be read when its turn comes. */
const mailHarms: Readonly<Record<BackendName, readonly Harm[]>> = {
  'local on LevelDB': ['mail', 'mail gone'],
  'local on memory': ['mail', 'mail gone'],
  'second host': ['mail gone'],
};

async function expectMailParked(host: ContractHost, harm: Harm): Promise<void> {
  const before = await host.open([machine]);
  for (const id of ['harmed', 'whole']) {
    await before.start(machine, { id, input: { from: 0 } });
    await before.pause(id);
    for (const amount of [1, 10]) await before.send(id, add(amount));
  }
  await host.close();
  await host.harm('harmed', harm);
  const runtime = await host.open([machine]);
  await runtime.resume('whole');
  await runtime.resume('harmed').catch(() => undefined);
  await host.settled();
  await refusalOf(runtime.send('harmed', { type: 'FINISH' }), 'WORKFLOW_PARKED');
  expect(await runtime.describe('whole')).toMatchObject({ status: 'running', context: { total: 11 } });
}

const besidesParking: Readonly<Record<string, (host: ContractHost) => Promise<void>>> = {
  'a gap in the middle of a journal is told to who reads it, the rest runs': expectHistoryRefused,
  "a damaged row of a timer keeps neither its own timer from firing nor anybody else's": expectTimerToFire,
};

contractGroup('damage', ({ backend, contractCase }) => {
  contractCase(19, tornTails[backend]);

  const parking = parkingHarms[backend].flatMap((harm) =>
    idsFor(harm).map((id) => [`${harm} of ${id}`, (host: ContractHost) => expectOneParked(host, harm, id)] as const),
  );
  const mail = mailHarms[backend].map((harm) => [`${harm} of a mailbox`, (host: ContractHost) => expectMailParked(host, harm)] as const);
  contractCase(20, { ...Object.fromEntries([...parking, ...mail]), ...besidesParking });
});
