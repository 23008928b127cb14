/**
 * `npm run soak`: the faults at their large sizes, row by row, each in a process of its own. Prints one table; ends with 1 if any
 * row failed, with 2 for options that make no sense, and with 130 when it is stopped, leaving nothing running.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { cases, groups } from '../contract/matrix.ts';
import type { FaultRow, ShownBy } from './rows.ts';
import { faults } from './rows.ts';

const root = resolve(fileURLToPath(import.meta.url), '../../..');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const simulations = 'simulation/simulation';
const isWindows = process.platform === 'win32';
/** How long what is stopped may take to end by itself. */
const stopMs = 2_000;

/** What one process runs, and the rows it is for. */
interface Run {
  readonly rows: readonly number[];
  readonly fault: string;
  readonly size: string;
  readonly shownBy: readonly ShownBy[];
}

interface Outcome {
  readonly word: 'ok' | 'FAILED' | 'not yet';
  readonly detail: string;
  readonly durationMs?: number;
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
}

class Soak {
  readonly #folder = mkdtempSync(join(tmpdir(), 'perdure-soak-'));
  readonly #seeds: number;
  #child: ChildProcess | undefined;
  isStopped = false;

  constructor(seeds: number) {
    this.#seeds = seeds;
  }

  async run({ rows, shownBy }: Run): Promise<Outcome> {
    const beganAtMs = Date.now();
    const report = join(this.#folder, `${rows.join('-')}.json`);
    const files = shownBy.map(({ file }) => `test/${file}.test.ts`);
    const titles = shownBy.flatMap((shown) => shown.titles).map((title) => title.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    const options = ['run', ...files, '--testNamePattern', titles.join('|'), '--reporter=json', `--outputFile=${report}`];
    const output = await this.#spawn([vitest, ...options]);
    const durationMs = Date.now() - beganAtMs;
    const found = reportOf(report);
    const isPassed = found?.success === true && found.numPassedTests > 0 && found.numFailedTests + found.numFailedTestSuites === 0;
    if (isPassed) return { word: 'ok', detail: `${found.numPassedTests} tests`, durationMs };
    if (found?.success === true) return { word: 'FAILED', detail: 'no test ran: its titles have changed', durationMs };
    return {
      word: 'FAILED',
      detail: found === undefined ? output : `${found.numFailedTests} tests failed\n${failuresOf(report)}`,
      durationMs,
    };
  }

  /** A process group of its own, so that everything a test started ends with it. */
  #spawn(args: readonly string[]): Promise<string> {
    const env = { ...process.env, PERDURE_SOAK: '1', PERDURE_SEEDS: `1-${this.#seeds}`, TMPDIR: this.#folder, TMP: this.#folder };
    const child = spawn(process.execPath, args, { cwd: root, env, detached: !isWindows, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let tail = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        tail = `${tail}${text.toString()}`.slice(-4_000);
      });
    }
    return new Promise((done) => {
      child.once('error', (error) => done(String(error)));
      child.once('close', () => done(tail));
    });
  }

  stop(): void {
    this.isStopped = true;
    this.#signal('SIGTERM');
    setTimeout(() => this.#signal('SIGKILL'), stopMs).unref();
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      // Also when vitest itself has ended: its group is everything it started.
      if (isWindows) this.#child?.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // Nobody of it is left.
    }
  }

  /** Ends what a run left behind, and removes its files. */
  end(): void {
    this.#signal('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function reportOf(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

function failuresOf(file: string): string {
  const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly testResults: readonly {
      readonly message: string;
      readonly assertionResults: readonly {
        readonly status: string;
        readonly fullName: string;
        readonly failureMessages: readonly string[];
      }[];
    }[];
  };
  const failures = testResults.flatMap(({ message, assertionResults }) => [
    ...(message === '' ? [] : [message]),
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join('\n')}`),
  ]);
  return failures.join('\n\n').slice(0, 6_000);
}

/** A case of the contract is told from others by its number, and run on every backend that holds it. */
function testsOf({ shownBy }: FaultRow): ShownBy[] {
  return shownBy.map((shown) => {
    if ('file' in shown) return shown;
    const group = Object.entries(groups).find(([, numbers]) => (numbers as readonly number[]).includes(shown.contractCase));
    return { file: `contract/${group?.[0]}`, titles: [`${shown.contractCase}. ${cases[shown.contractCase].slice(0, 40)}`] };
  });
}

function runsOf(wanted: readonly number[], seeds: number): Run[] {
  const chosen = Object.entries(faults).filter(([number]) => wanted.length === 0 || wanted.includes(Number(number)));
  const runs = chosen.map(([number, row]): Run => {
    // The same simulations are for many rows.
    const shownBy = testsOf(row).filter(({ file }) => file !== simulations);
    return { rows: [Number(number)], fault: row.fault, size: row.soak ?? 'as in npm test', shownBy };
  });
  const simulated = chosen.filter(([, row]) => testsOf(row).some(({ file }) => file === simulations)).map(([number]) => Number(number));
  const together: Run = {
    rows: simulated,
    fault: 'all of these at once, in simulated worlds',
    size: `${seeds} seeds`,
    shownBy: [{ file: simulations, titles: ['simulated worlds'] }],
  };
  return simulated.length === 0 ? runs : [...runs, together];
}

function lineOf({ rows, fault, size }: Run, { word, detail, durationMs }: Outcome): string {
  const duration = durationMs === undefined ? '' : `${(durationMs / 1_000).toFixed(1)} s`;
  const cells = [
    rows.join(' ').padEnd(5),
    fault.padEnd(60),
    size.padEnd(24),
    word.padEnd(8),
    duration.padStart(9),
    detail.split('\n')[0] ?? '',
  ];
  return cells.join('  ').trimEnd();
}

function rowNumber(text: string, before: readonly number[] = []): number[] {
  const number = Number(text);
  if (!Object.hasOwn(faults, text)) throw new InvalidArgumentError(`Rows are 1 to ${Object.keys(faults).length}.`);
  return [...before, number];
}

function seedCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 25) throw new InvalidArgumentError('Give a whole number from 25.');
  return count;
}

interface Options {
  readonly only?: readonly number[];
  readonly seeds: number;
}

async function soakAll({ only = [], seeds }: Options): Promise<void> {
  const soak = new Soak(seeds);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => soak.stop());
  const failures: string[] = [];
  const counts = { ok: 0, FAILED: 0, 'not yet': 0 };
  const isLive = process.stderr.isTTY;
  console.log('row    what                                                          size                      result     duration');
  const runs = runsOf(only, seeds);
  for (const [index, run] of runs.entries()) {
    const row = run.rows.length === 1 ? faults[run.rows[0] ?? 0] : undefined;
    if (row !== undefined && run.shownBy.length === 0) {
      counts['not yet'] += 1;
      console.log(lineOf(run, { word: 'not yet', detail: row.lacks ?? 'only simulations show it: see the last row' }));
      continue;
    }
    if (isLive) process.stderr.write(`\r\u001b[K${index + 1} of ${runs.length}: ${run.rows.join(' ')} ${run.fault} …`);
    const outcome = await soak.run(run);
    if (isLive) process.stderr.write('\r\u001b[K');
    if (soak.isStopped) break;
    counts[outcome.word] += 1;
    const lacks = row?.lacks === undefined ? '' : `; not yet: ${row.lacks}`;
    console.log(lineOf(run, outcome.word === 'ok' ? { ...outcome, detail: `${outcome.detail}${lacks}` } : outcome));
    if (outcome.word === 'FAILED') failures.push(`Row ${run.rows.join(' ')}, ${run.fault}:\n${outcome.detail}`);
  }
  soak.end();
  for (const failure of failures) console.log(`\n${failure}`);
  console.log(`\nSoak: ${counts.ok} ok, ${counts.FAILED} failed, ${counts['not yet']} not yet${soak.isStopped ? ', stopped' : ''}`);
  process.exitCode = soak.isStopped ? 130 : Math.min(1, failures.length);
}

await new Command('npm run soak --')
  .description('Runs the tests of each fault at their large sizes and prints one table. Takes hours.')
  .option('--only <row>', 'run this row; may be repeated', rowNumber)
  .option('--seeds <count>', 'how many worlds to simulate', seedCount, 100_000)
  .addHelpText('after', '\nExamples:\n  npm run soak\n  npm run soak -- --only 2 --only 13\n  npm run soak -- --only 21 --seeds 5000')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(soakAll)
  .parseAsync();
