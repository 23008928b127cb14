/** What a run came to: one table for people, one line for programs. */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { Audit } from './audit.ts';
import type { Group } from './tally.ts';
import { Tally } from './tally.ts';

export interface Summary {
  readonly merchants: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byState: Readonly<Record<string, number>>;
  /** Failed merchants by class. */
  readonly failures: Readonly<Record<string, number>>;
  readonly crashes: number;
  readonly reruns: number;
  readonly lost: number;
  /** Steps that were undone. */
  readonly undone: number;
  /** Undos that wait for a person. */
  readonly owed: number;
  /** What stands, or is still announced, of merchants who were not taken on, and is owed by nobody. */
  readonly halfMade: number;
  /** Events that others were told. */
  readonly announced: number;
  readonly seconds: number;
}

export function summarise(
  { merchants, reruns, lost, undone, owed, halfMade, announced }: Audit,
  crashes: number,
  seconds: number,
): Summary {
  const tally = tallyOf(merchants);
  return {
    merchants: tally.count(),
    byStatus: tally.sumBy(({ status }) => status),
    byState: tally.sumBy(({ state }) => state),
    failures: tally.sumBy(({ failureClass }) => failureClass),
    crashes,
    reruns: reruns.length,
    lost: lost.length,
    undone,
    owed,
    halfMade: halfMade.length,
    announced,
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** How the merchants ended, the most frequent end first, those that failed last. */
export function closingTable(groups: readonly Group[]): string {
  const table = new Table({
    head: ['final state', 'failure class', 'merchants'],
    colAligns: ['left', 'left', 'right'],
    style: { head: [], border: [] },
  });
  for (const { state, failureClass = '', count } of groups) table.push([state, failureClass, count]);
  return table.toString();
}

function tallyOf(merchants: Audit['merchants']): Tally {
  const tally = new Tally();
  for (const merchant of merchants) tally.add(merchant);
  return tally;
}

export function verdict(summary: Summary): string {
  const { crashes, reruns, lost, undone, owed, halfMade, seconds } = summary;
  const killed = crashes === 0 ? 'never killed' : crashes === 1 ? 'killed once' : `killed ${crashes} times`;
  const judged = isGood(summary) ? pc.green : pc.red;
  return judged(
    `${seconds} s, ${killed}; by the outside ledger: ${reruns} activities run again after their record or signals applied twice, ${lost} merchants or signals lost; ${undone} steps undone, ${owed} owed, ${halfMade} left half-made.`,
  );
}

export function isGood({ reruns, lost, halfMade }: Summary): boolean {
  return reruns === 0 && lost === 0 && halfMade === 0;
}
