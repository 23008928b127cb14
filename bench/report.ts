/** Tables for people, one line of JSON for programs. */
import { availableParallelism, loadavg } from 'node:os';
import type { Finding, Measured, Row } from './finding.ts';
import { isMet } from './finding.ts';
import type { Measure } from './measure.ts';

export interface Reported {
  readonly measure: Pick<Measure, 'name' | 'title'>;
  readonly measured: Measured;
}

export function surroundings(): string {
  const load = loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
  return `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} processors, load ${load}`;
}

export function textOf({ measure, measured }: Reported): string {
  const isNote = (row: Row): boolean => Object.keys(row).length === 1;
  const rows = measured.rows.filter((row) => !isNote(row));
  const notes = measured.rows.filter(isNote).flatMap((row) => Object.values(row).map((note) => `  ${note}`));
  const heads = Object.keys(rows[0] ?? {});
  const table = columns([heads, ...rows.map((row) => heads.map((head) => cellOf(head, row[head])))]);
  const findings = columns([['', '', 'value', 'spread', 'wanted', ''], ...measured.findings.map(findingCells)]);
  return [`${measure.name}: ${measure.title}`, table, ...notes, findings, ''].join('\n');
}

function findingCells(finding: Finding): string[] {
  const { name, meaning, value, unit, better, target } = finding;
  const wanted = target === undefined ? '' : `${better === 'higher' ? '≥' : '≤'} ${target}`;
  const met = isMet(finding);
  const verdict = met === undefined ? '' : met ? 'ok' : 'missed';
  return [name, meaning, `${numberText(value)}${unit === 'ratio' ? '' : ` ${unit}`}`, percent(finding.spread), wanted, verdict];
}

function cellOf(head: string, value: string | number | undefined): string {
  if (typeof value !== 'number') return value ?? '';
  return head.endsWith('spread') ? percent(value) : numberText(value);
}

function numberText(value: number): string {
  const options = Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return value.toLocaleString('en-US', options);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Columns of numbers to the right, others to the left. */
function columns(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const areNumbers = widths.map((_, column) => lines.slice(1).every((line) => /^[\d.,]* ?(%|s|ms|MB|B|\/s)?$/.test(line[column] ?? '')));
  const padded = (text: string, column: number): string =>
    areNumbers[column] === true ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return lines.map((line) => `  ${line.map(padded).join('  ')}`.trimEnd()).join('\n');
}

export function jsonOf(reported: readonly Reported[], complaints: readonly string[] | undefined): string {
  const findings = reported.flatMap(({ measured }) => measured.findings);
  const told = (chosen: readonly Finding[]): object =>
    Object.fromEntries(chosen.map(({ name, ...finding }) => [name, { ...finding, isMet: isMet({ name, ...finding }) }]));
  return JSON.stringify({
    surroundings: surroundings(),
    rows: Object.fromEntries(reported.map(({ measure, measured }) => [measure.name, measured.rows])),
    ratios: told(findings.filter(({ unit }) => unit === 'ratio')),
    figures: told(findings.filter(({ unit }) => unit !== 'ratio')),
    complaints,
  });
}
