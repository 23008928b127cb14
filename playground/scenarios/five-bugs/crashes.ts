/** A lost timer, a double-fired activity, and a resumption race: what crashes and restarts do. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasErrorCode, openRuntime } from 'perdure';
import { askedFor, bankAt } from '../hand-rolled/bank.ts';
import { Coordinator } from '../hand-rolled/coordinator.ts';
import type { Stage } from '../scenario.ts';
import { accountMachine } from './account-machine.ts';
import { kill, startProcess } from './killed-process.ts';
import type { BugRow } from './row.ts';

const letterAfterMs = 300;

export async function lostTimer(stage: Stage): Promise<BugRow> {
  const [file, bankFile] = [join(stage.folder, 'timer.json'), join(stage.folder, 'timer-bank')];
  const bank = bankAt(bankFile);
  const steps = [
    { name: 'open', run: bank.open },
    { name: 'write', run: bank.write, afterMs: letterAfterMs },
  ];
  const first = new Coordinator(file, steps);
  await first.start('hand-rolled');
  first.crash();
  const second = new Coordinator(file, steps);
  await second.resume();
  const job = { store: join(stage.folder, 'timer-store'), bank: bankFile, merchant: 'perdure', letterAfterMs };
  await kill(await startProcess(stage, job, 'waiting'));
  await startProcess(stage, job, 'done');
  // Longer than the timer, twice over.
  await delay(2 * letterAfterMs);
  const [lost, kept] = [await askedFor(bankFile, 'write', 'hand-rolled'), await askedFor(bankFile, 'write', 'perdure')];
  return {
    bug: 'lost timer',
    provokedBy: `the process dies while a letter is due in ${letterAfterMs} ms, and is started again`,
    handRolled: `${lost.calls} letters; the merchant is still "${second.statusOf('hand-rolled')}"`,
    perdure: `${kept.calls} letter, from the timer on disk`,
    isThere: lost.calls === 0 && second.statusOf('hand-rolled') === 'waiting',
    isAbsent: kept.calls === 1,
  };
}

export async function doubleFired(stage: Stage): Promise<BugRow> {
  const [file, bankFile] = [join(stage.folder, 'double.json'), join(stage.folder, 'double-bank')];
  const bank = bankAt(bankFile);
  const first: Coordinator = new Coordinator(file, [
    {
      name: 'open',
      // The account is opened; the process dies before that is written down.
      run: (merchant, key) => {
        bank.open(merchant, key);
        first.crash();
      },
    },
  ]);
  await first.start('hand-rolled');
  await new Coordinator(file, [{ name: 'open', run: bank.open }]).resume();
  const job = { store: join(stage.folder, 'double-store'), bank: bankFile, merchant: 'perdure', letterAfterMs: 10 };
  await kill(await startProcess(stage, { ...job, hangs: true }, 'opened'));
  await startProcess(stage, job, 'done');
  const after = await askedFor(bankFile, 'open', 'perdure');
  await startProcess(stage, job, 'done');
  const [twice, once] = [await askedFor(bankFile, 'open', 'hand-rolled'), await askedFor(bankFile, 'open', 'perdure')];
  return {
    bug: 'double-fired activity',
    provokedBy: 'the process dies after the account was opened and before that is written down, and is started again',
    handRolled: `${twice.made} accounts, by ${twice.calls} calls`,
    perdure: `${once.made} account: ${once.calls} calls with one key, and none after the record`,
    isThere: twice.made === 2,
    isAbsent: once.made === 1 && once.calls === 2 && after.calls === once.calls,
  };
}

export async function resumptionRace(stage: Stage): Promise<BugRow> {
  const [file, bankFile] = [join(stage.folder, 'race.json'), join(stage.folder, 'race-bank')];
  const bank = bankAt(bankFile);
  const idle = new Coordinator(file, [
    { name: 'wait', run: () => idle.crash() },
    { name: 'open', run: bank.open },
  ]);
  await idle.start('hand-rolled');
  // A deploy starts the new process while the old one is still there: both read the file, both go on.
  const slowly = [
    { name: 'wait', run: () => undefined },
    { name: 'open', run: async (merchant: string, key: string) => delay(20).then(() => bank.open(merchant, key)) },
  ];
  await Promise.all([new Coordinator(file, slowly), new Coordinator(file, slowly)].map(async (each) => each.resume()));
  const store = join(stage.folder, 'race-store');
  const job = { store, bank: bankFile, merchant: 'perdure', letterAfterMs: 10 };
  const owner = await startProcess(stage, { ...job, hangs: true }, 'opened');
  const refusal = await openRuntime({ path: store, machines: [accountMachine(bank, 10)] }).then(
    async (runtime) => runtime.close(),
    (error: unknown) => error,
  );
  await kill(owner);
  await startProcess(stage, job, 'done');
  const [twice, once] = [await askedFor(bankFile, 'open', 'hand-rolled'), await askedFor(bankFile, 'open', 'perdure')];
  const isRefused = hasErrorCode(refusal, 'STORE_LOCKED');
  return {
    bug: 'resumption race',
    provokedBy: 'two processes take up the same work at the same time',
    handRolled: `${twice.made} accounts`,
    perdure: `the second is refused (${isRefused ? 'STORE_LOCKED' : 'not at all'}); ${once.made} account`,
    isThere: twice.made === 2,
    isAbsent: isRefused && once.made === 1,
  };
}
