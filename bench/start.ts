/**
 * `npm run bench`: builds the package, measures it beside what it is compared with, and prints medians, spreads and ratios. Ends with
 * 0, with 1 if `--check` found something worse, with 2 for options that make no sense, and with 130 when it is stopped.
 */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type { Complaint } from './baseline.ts';
import { BaselineError, betterOf, complaintsOf, measureOf, readBaseline, updateBaseline } from './baseline.ts';
import type { MeasureName } from './names.ts';
import { measureNames } from './names.ts';
import type { Reported } from './report.ts';
import { jsonOf, surroundings, textOf } from './report.ts';
import type { ScaleCommand } from './scale/scale.ts';
import { allScaleNames, listScale, scale, scaleName, sizeOf } from './scale/scale.ts';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const ownBaseline = resolve(root, 'bench/baseline.json');
const allNames = Object.keys(measureNames) as MeasureName[];

interface Options {
  readonly only?: readonly MeasureName[];
  readonly quick?: true;
  readonly json?: true;
  readonly list?: true;
  readonly check?: true;
  readonly update?: true;
  readonly baseline: string;
}

const help = `
What is measured is the built package, in turns with what it is compared with; every value is a median of rounds, every ratio one of
the quotients of each round. Ratios stand a busy machine better than seconds do; a check still wants a quiet one.

Examples:
  npm run bench                          everything, in about four minutes
  npm run bench -- --only signal         one measure; may be repeated
  npm run bench -- --check               fails if a ratio is more than 15 % worse than in bench/baseline.json, on a quiet machine
  npm run bench -- --update              takes the ratios of this run as the new baseline`;

function measureName(text: string, before: readonly MeasureName[] = []): MeasureName[] {
  const name = allNames.find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`Measures are ${allNames.join(', ')}.`);
  return [...before, name];
}

function tell(progress: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${progress}`);
}

/** Not needed where the sources are what `perdure` means (tests say so by the condition of package.json). */
async function build(): Promise<void> {
  if (process.execArgv.join(' ').includes('perdure-source')) return;
  tell('building');
  // What the compiler says is no part of the report.
  const child = spawn(process.execPath, [resolve(root, '.ci/build.mjs')], { cwd: root, stdio: ['ignore', 2, 2] });
  const code = await new Promise((done) => child.once('close', done));
  tell('');
  if (code !== 0) throw new Error('The build failed: there is nothing to measure.');
}

async function measureEach(names: readonly MeasureName[], { quick, json }: Options): Promise<Reported[]> {
  const { measures } = await import('./measures.ts');
  const reported: Reported[] = [];
  for (const name of names) {
    const measure = measures[name];
    const options = { isQuick: quick === true, tell: (progress: string) => tell(`${name}: ${progress}`) };
    const result: Reported = { measure, measured: await measure.run(options) };
    tell('');
    reported.push(result);
    if (json !== true) console.log(textOf(result));
  }
  return reported;
}

/** What seems to have become worse is measured again, twice at most, and the best value counts: slow moments of the machine pass. */
async function check(reported: readonly Reported[], names: readonly MeasureName[], options: Options): Promise<Complaint[]> {
  const baseline = readBaseline(options.baseline);
  let findings = reported.flatMap(({ measured }) => measured.findings);
  let complaints = complaintsOf(findings, baseline, names);
  for (let again = 1; again <= 2; again += 1) {
    const doubted = names.filter((name) => complaints.some((complaint) => complaint.isOfValue && measureOf(complaint.name) === name));
    if (doubted.length === 0) break;
    if (options.json !== true) console.log(`Worse than the baseline, and measured again: ${doubted.join(', ')}\n`);
    const found = (await measureEach(doubted, options)).flatMap(({ measured }) => measured.findings);
    findings = betterOf(findings, found);
    complaints = complaintsOf(findings, baseline, names);
  }
  return complaints;
}

async function bench(options: Options): Promise<void> {
  if (options.list === true) {
    for (const name of allNames) console.log(`${name.padEnd(12)}${measureNames[name]}`);
    return;
  }
  if (options.quick === true && (options.update ?? options.check) === true && options.baseline === ownBaseline) {
    throw new BaselineError('The sizes of --quick say nothing about speed: name a file of your own with --baseline.');
  }
  if (options.check === true) readBaseline(options.baseline);
  const names = allNames.filter((name) => options.only?.includes(name) ?? true);
  await build();
  if (options.json !== true) console.log(`${surroundings()}\n`);
  const reported = await measureEach(names, options);
  const complaints = options.check === true ? await check(reported, names, options) : undefined;
  if (options.update === true) {
    const findings = reported.flatMap(({ measured }) => measured.findings);
    updateBaseline(options.baseline, findings);
  }
  const messages = complaints?.map(({ message }) => message);
  if (options.json === true) console.log(jsonOf(reported, messages));
  else if (messages !== undefined) console.log(messages.length === 0 ? 'Nothing is worse than the baseline.' : messages.join('\n'));
  process.exitCode = (messages ?? []).length === 0 ? 0 : 1;
}

async function benchScale(options: ScaleCommand): Promise<void> {
  if (options.list === true) {
    listScale();
    return;
  }
  await build();
  await scale(options);
}

// Temporary folders and children go with the process, by its exit handlers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

try {
  const program = new Command('npm run bench --')
    .description('Measures the built package beside plain XState and raw LevelDB, and prints medians, spreads and ratios.')
    .option('--only <name>', `run this measure; may be repeated (${allNames.join(', ')})`, measureName)
    .option('--quick', 'the smallest sizes: shows that everything runs, and nothing else')
    .option('--json', 'one line of JSON on standard output')
    .option('--list', 'says what can be measured')
    .option('--check', 'compare the ratios with the baseline; end with 1 if one is more than 15 % worse in three runs')
    .option('--update', 'write the ratios into the baseline')
    .option('--baseline <file>', 'the file of --check and --update', ownBaseline)
    .addHelpText('after', help)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    // What stands behind `scale` is its own.
    .enablePositionalOptions()
    .action(bench);
  program
    .command('scale')
    .description('Measures how much there can be of everything: each in a process of its own, with what is wanted of it on a calm machine.')
    .option('--only <name>', `run this measure; may be repeated (${allScaleNames.join(', ')})`, scaleName)
    .option('--size <n>', 'another size than that of its name', sizeOf)
    .option('--json', 'one line of JSON on standard output, at the end')
    .option('--list', 'says what can be measured')
    .option('--verbose', 'diagnostics, too: bytes by kind of row')
    .action(benchScale);
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof BaselineError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
