/** What a run came to: one table for people, one line for programs. */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { Audit } from './audit.ts';
import { stateText } from './state-text.ts';

export interface Summary {
  readonly merchants: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byState: Readonly<Record<string, number>>;
  /** Failed merchants by class. */
  readonly failures: Readonly<Record<string, number>>;
  readonly crashes: number;
  readonly reruns: number;
  readonly lost: number;
  readonly seconds: number;
}

export function summarise(audit: Audit, crashes: number, seconds: number): Summary {
  const byStatus: Record<string, number> = {};
  const byState: Record<string, number> = {};
  const failures: Record<string, number> = {};
  for (const merchant of audit.merchants) {
    add(byStatus, merchant?.status ?? 'missing');
    add(byState, stateText(merchant?.value ?? 'missing'));
    if (merchant?.failure !== undefined) add(failures, merchant.failure.class);
  }
  const { merchants, reruns, lost } = audit;
  return {
    merchants: merchants.length,
    byStatus,
    byState,
    failures,
    crashes,
    reruns: reruns.length,
    lost: lost.length,
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** How the merchants ended, the most frequent end first. */
export function closingTable({ merchants }: Pick<Audit, 'merchants'>): string {
  const table = new Table({
    head: ['final state', 'failure class', 'merchants'],
    colAligns: ['left', 'left', 'right'],
    style: { head: [], border: [] },
  });
  const counts: Record<string, number> = {};
  for (const merchant of merchants) {
    add(
      counts,
      JSON.stringify([merchant?.failure === undefined ? 0 : 1, stateText(merchant?.value ?? 'missing'), merchant?.failure?.class ?? '']),
    );
  }
  const rows = entriesByCount(counts).map(([key, count]) => [...(JSON.parse(key) as [number, string, string]), count] as const);
  // Those that failed come last.
  for (const [, state, failureClass, count] of rows.sort(([a], [b]) => a - b)) table.push([state, failureClass, count]);
  return table.toString();
}

export function verdict(summary: Summary): string {
  const { crashes, reruns, lost, seconds } = summary;
  const killed = crashes === 0 ? 'never killed' : crashes === 1 ? 'killed once' : `killed ${crashes} times`;
  const judged = reruns === 0 && lost === 0 ? pc.green : pc.red;
  return judged(
    `${seconds} s, ${killed}; by the outside ledger: ${reruns} activities run again after their record or signals applied twice, ${lost} merchants or signals lost.`,
  );
}

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function entriesByCount(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
}
