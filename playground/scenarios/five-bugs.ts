/** Five bugs that coordinators written by hand have sooner or later: each is provoked on one of those, and on Perdure in the same way. */
import Table from 'cli-table3';
import { doubleFired, lostTimer, resumptionRace } from './five-bugs/crashes.ts';
import { fanOutBlowUp } from './five-bugs/fan-out.ts';
import type { BugRow } from './five-bugs/row.ts';
import { versionSkew } from './five-bugs/version-skew.ts';
import type { Facts, Scenario, Stage } from './scenario.ts';

export const fiveBugs: Scenario = {
  name: 'five-bugs',
  summary: 'five bugs of hand-rolled coordinators, provoked on a small one, and absent here',
  play,
};

async function play(stage: Stage): Promise<Facts> {
  stage.say(
    'A small coordinator (playground/scenarios/hand-rolled) keeps what it does in a JSON file. It crashes when it is abandoned; a process of Perdure',
  );
  stage.say('is killed with SIGKILL, and where nothing has to be killed its store is closed and opened again.');
  const rows: BugRow[] = [];
  for (const provoke of [lostTimer, doubleFired, resumptionRace, versionSkew, fanOutBlowUp]) {
    const row = await provoke(stage);
    rows.push(row);
    stage.say(`${row.bug}: ${row.provokedBy}`);
    stage.claim(`by hand: ${row.handRolled}`, row.isThere);
    stage.claim(`Perdure: ${row.perdure}`, row.isAbsent);
  }
  stage.say(tableOf(rows));
  stage.say('Versions run side by side so far: whoever is under way ends on the version it began on.');
  return { bugs: rows };
}

function tableOf(rows: readonly BugRow[]): string {
  const table = new Table({
    head: ['bug', 'how it was provoked', 'hand-rolled', 'Perdure'],
    style: { head: [], border: [] },
    colWidths: [16, 32, 28, 36],
    wordWrap: true,
  });
  for (const { bug, provokedBy, handRolled, perdure } of rows) table.push([bug, provokedBy, handRolled, perdure]);
  return table.toString();
}
