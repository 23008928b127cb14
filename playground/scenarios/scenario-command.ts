/** `npm start -- scenario NAME`. */
import { badItem } from './bad-item.ts';
import { deferredUndo } from './deferred-undo.ts';
import { fiveBugs } from './five-bugs.ts';
import { lateHit } from './late-hit.ts';
import { play } from './play.ts';
import type { Scenario } from './scenario.ts';
import { slowSettlement } from './slow-settlement.ts';

const scenarios: readonly Scenario[] = [lateHit, deferredUndo, slowSettlement, fiveBugs, badItem];

/** Nobody is who was meant: exit code 2, as for any wrong use. */
const wrongUseCode = 2;

export interface ScenarioCommandOptions {
  readonly list?: boolean;
  readonly json?: boolean;
}

/** @returns the exit code: 0 if what the scenario claims was verified */
export async function scenarioCommand(name: string | undefined, { list, json }: ScenarioCommandOptions): Promise<number> {
  if (list === true) {
    process.stdout.write(`${listed()}\n`);
    return 0;
  }
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario !== undefined) return play(scenario, json === true);
  const problem = name === undefined ? 'Name a scenario' : `There is no scenario ${JSON.stringify(name)}`;
  process.stderr.write(`${problem}. There are:\n${listed()}\n`);
  return wrongUseCode;
}

/** Each with a line. */
export function listed(): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return scenarios.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}`).join('\n');
}
