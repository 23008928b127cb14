/** Ratios of an earlier run, kept in a file, and what became worse since. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Finding } from './finding.ts';

interface Kept {
  readonly value: number;
  readonly better: Finding['better'];
}

export type Baseline = Readonly<Record<string, Kept>>;

/** A ratio may be worse by this before somebody is told. */
const toleratedShare = 0.15;

/** The file cannot be used. The message is one line that says what to do. */
export class BaselineError extends Error {
  override readonly name = 'BaselineError';
}

/** @throws BaselineError if it is not there, or nothing that `--update` wrote */
export function readBaseline(file: string): Baseline {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (isBaseline(content)) return content;
  } catch (error) {
    throw new BaselineError(`There is no baseline in ${file}. Write one with --update.`, { cause: error });
  }
  throw new BaselineError(
    `${file} is no baseline: { "<ratio>": { "value": 0.5, "better": "higher" or "lower" } }. Write one with --update.`,
  );
}

function isBaseline(content: unknown): content is Baseline {
  if (typeof content !== 'object' || content === null) return false;
  return Object.values(content).every((kept: Partial<Kept> | null) => {
    return typeof kept?.value === 'number' && kept.value > 0 && (kept.better === 'higher' || kept.better === 'lower');
  });
}

/** Takes in what was measured and leaves the rest as it was. */
export function updateBaseline(file: string, findings: readonly Finding[]): void {
  const found = ratiosOf(findings).map(({ name, value, better }): [string, Kept] => [
    name,
    { value: Number(value.toPrecision(3)), better },
  ]);
  const before = existsSync(file) ? readBaseline(file) : {};
  writeFileSync(file, `${JSON.stringify({ ...before, ...Object.fromEntries(found) }, undefined, 2)}\n`);
}

export interface Complaint {
  /** Of the ratio. */
  readonly name: string;
  readonly message: string;
  /** Measuring again may clear it up. */
  readonly isOfValue: boolean;
}

/** @param measured the names of what was measured; what the baseline has of others is left alone */
export function complaintsOf(findings: readonly Finding[], baseline: Baseline, measured: readonly string[]): Complaint[] {
  const ratios = ratiosOf(findings);
  const names = new Set(ratios.map(({ name }) => name));
  const gone = Object.keys(baseline).filter((name) => measured.includes(measureOf(name)) && !names.has(name));
  return [
    ...ratios.flatMap((found) => complaintOf(found, baseline[found.name])),
    ...gone.map((name) => ({ name, message: `${name} is in the baseline and is not measured any more: take it out.`, isOfValue: false })),
  ];
}

/** Rounds that are far apart say little: the better ones of them must be worse than the baseline, too. */
function complaintOf({ name, meaning, value, bestQuarter, better }: Finding, kept: Kept | undefined): Complaint[] {
  if (kept === undefined) return [{ name, message: `${name} is not in the baseline: write it with --update.`, isOfValue: false }];
  const worseBy = (found: number): number => (better === 'higher' ? kept.value / found : found / kept.value) - 1;
  if (worseBy(value) <= toleratedShare || worseBy(bestQuarter) <= 0) return [];
  const message = `${name} is ${percent(worseBy(value))} worse: ${value.toPrecision(3)}, the baseline has ${kept.value} (${better} is better; ${meaning}).`;
  return [{ name, message, isOfValue: true }];
}

/** The measure that a ratio is of. */
export function measureOf(name: string): string {
  return name.split('/')[0] ?? name;
}

/** Of each the better value: a slow moment of the machine happens to one run, a slower program to both. */
export function betterOf(findings: readonly Finding[], again: readonly Finding[]): Finding[] {
  return findings.map((found) => {
    const other = again.find(({ name }) => name === found.name);
    if (other === undefined) return found;
    const isOtherBetter = found.better === 'higher' ? other.value > found.value : other.value < found.value;
    return isOtherBetter ? other : found;
  });
}

function ratiosOf(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ unit }) => unit === 'ratio');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
