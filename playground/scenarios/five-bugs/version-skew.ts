/** A new version is deployed while merchants are under way on the old one. */
import { join } from 'node:path';
import { openRuntime } from 'perdure';
import { askedFor, bankAt } from '../hand-rolled/bank.ts';
import { Coordinator } from '../hand-rolled/coordinator.ts';
import type { Stage } from '../scenario.ts';
import { accountMachine, screenedMachine } from './account-machine.ts';
import type { BugRow } from './row.ts';

const letterAfterMs = 50;

export async function versionSkew(stage: Stage): Promise<BugRow> {
  const bankFile = join(stage.folder, 'skew-bank');
  const bank = bankAt(bankFile);
  const file = join(stage.folder, 'skew.json');
  const old: Coordinator = new Coordinator(file, [
    { name: 'open', run: bank.open },
    { name: 'write', run: () => old.crash() },
  ]);
  await old.start('hand-rolled');
  // What was step 1 is another one now.
  const steps = [
    { name: 'screen', run: bank.screen },
    { name: 'open', run: bank.open },
    { name: 'write', run: bank.write },
  ];
  await new Coordinator(file, steps).resume();
  const newcomers = await onPerdure(stage, bankFile);
  const [twice, once] = [await askedFor(bankFile, 'open', 'hand-rolled'), await askedFor(bankFile, 'open', 'perdure')];
  const letters = await askedFor(bankFile, 'write', 'perdure');
  return {
    bug: 'version skew',
    provokedBy: 'a step is put before the others while a merchant is between two of them',
    handRolled: `${twice.made} accounts: step 1 is another one now`,
    perdure: `${once.made} account, ${letters.made} letter: it ends on version ${newcomers.oldVersion}, who comes now begins on ${newcomers.newVersion}`,
    isThere: twice.made === 2,
    isAbsent:
      once.made === 1 && letters.made === 1 && newcomers.oldVersion === '1' && newcomers.newVersion === '2' && newcomers.screened === 1,
  };
}

async function onPerdure(stage: Stage, bankFile: string) {
  const path = join(stage.folder, 'skew-store');
  const bank = bankAt(bankFile);
  const first = accountMachine(bank, letterAfterMs);
  const before = await openRuntime({ path, machines: [first] });
  const begun = await before.start(first, { id: 'perdure', input: { merchant: 'perdure' } });
  await begun.waitFor((snapshot) => snapshot.value === 'waiting');
  await before.close();
  const second = screenedMachine(bank, letterAfterMs);
  const after = await openRuntime({ path, machines: [first, second] });
  stage.atEnd(async () => after.close());
  await (await after.get('perdure')).result();
  await (await after.start(second, { id: 'newcomer', input: { merchant: 'newcomer' } })).result();
  return {
    oldVersion: (await after.describe('perdure')).machine.version,
    newVersion: (await after.describe('newcomer')).machine.version,
    screened: (await askedFor(bankFile, 'screen', 'newcomer')).made,
  };
}
