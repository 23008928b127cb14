/** The playground's command line. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { hasErrorCode, PerdureError } from 'perdure';
import { InputFileError } from './inputs/input-file-error.ts';
import { DEFAULT_SEED } from './inputs/merchant-generator.ts';
import { escapeForTerminal } from './inputs/terminal-text.ts';
import { DataDirectoryError } from './onboarding/data-directory.ts';
import { fiveStepCommand } from './onboarding/five-step-command.ts';
import { machineNames, usualTimeScale } from './onboarding/scenario.ts';
import type { OnboardCommandOptions } from './onboarding/onboard-command.ts';
import { onboardCommand } from './onboarding/onboard-command.ts';
import { whereCommand } from './onboarding/where-command.ts';
import type { ScenarioCommandOptions } from './scenarios/scenario-command.ts';
import { listed, scenarioCommand } from './scenarios/scenario-command.ts';

const examples = `
What happens:
  Merchants go through machines/merchant-onboarding: eleven steps and three waits for people. The widgets of each dashboard are
  seeded by a fan-out. Providers and people are simulated and follow from --seed: calls fail or hang now and then, some merchants upload their document late or never, operators approve or
  reject possible matches (some only when the matter is escalated), some merchants log in and are sent no follow-up email. Screening
  is real: names are matched against --watchlist. The chart's delays pass --time-scale times faster: its 24 h take 2 s.
  Ctrl-C stops cleanly (twice: at once); the next start on the same --data goes on. "where ID" asks a store that is not in use: state
  and since when, what it waits for, attempts, next timer, deadline, history. Everything ends with an audit of what the store holds
  against a ledger that only the simulated world writes.

Examples:
  npm start                                    1,847 invented merchants through eleven steps, with a progress bar
  npm start -- --crash 5                       the same, killed five times on the way
  npm start -- --merchants m.csv --watchlist sdn.csv --data ./onboarding
  npm start -- --time-scale 8640               24 h take 10 s: time for Ctrl-C, and to ask where somebody is
  npm start -- --machine five-step --data five the same merchants through five steps, with nobody to wait for
  npm start -- where m-7731                    where one of them is
  npm start -- five-step                       three merchants, step by step
  npm start -- scenario late-hit               a sanctions hit after the account exists; --list names the others`;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 0xffff_ffff) throw new InvalidArgumentError('Give a whole number from 0 to 4294967295.');
  return value;
}

function timeScale(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 1e9)) throw new InvalidArgumentError('Give a number from 1 to 1000000000.');
  return value;
}

function program(): Command {
  const command = new Command('npm start --').description('Onboards merchants through a durable statechart.').showHelpAfterError();
  const onboard = command
    .command('onboard', { isDefault: true })
    .description('onboard every merchant of a file (the default)')
    .option('--merchants <file>', 'CSV with the columns id, name and, if you like, country, owner, email (default: 1,847 invented ones)')
    .option('--watchlist <file>', 'one name a line, or the layout of OFAC’s SDN.CSV (default: a small invented one)')
    .option('--data <dir>', 'directory of the store, the outside ledger and what others were told', 'data')
    .option('--crash <n>', 'kill the process this many times at random moments', wholeNumber, 0)
    .option('--seed <n>', 'for the invented merchants, what people and providers do, and the moments of --crash', wholeNumber, DEFAULT_SEED)
    .addOption(new Option('--machine <name>', 'what they go through').choices(machineNames).default(machineNames[0]))
    .option(
      '--time-scale <n>',
      'how many times faster the waits for people pass: 43200 makes 2 s of 24 h, 1 leaves them as they are',
      timeScale,
      usualTimeScale,
    )
    .option('--batch', 'ask nothing, and exit when all are closed')
    .option('--json', 'end with one line of JSON on standard output; the rest goes to standard error')
    .addHelpText('after', examples)
    .action(async (options: OnboardCommandOptions) => finish(await onboardCommand(options)));
  command
    .command('where <id>')
    .description('where a merchant is: state since when, what it waits for, attempts, next timer, deadline, history')
    .option('--data <dir>', 'directory of the store', 'data')
    .option('--json', 'one line of JSON')
    .action(async (id: string, options: { data: string; json?: boolean }) =>
      finish(await whereCommand(id, options.data, options.json === true)),
    );
  command
    .command('five-step')
    .description('three merchants through the five steps: one done, one failed, one with a retry')
    .option('--json', 'one line of JSON for each')
    .action(async (options: { json?: boolean }) => finish(await fiveStepCommand(options.json === true)));
  command
    .command('scenario [name]')
    .description('a story told line by line on a real store, held against what it claims; exit code 0 if all of that was seen')
    .option('--list', 'the names, with a line each')
    .option('--json', 'end with one line of JSON on standard output; the rest goes to standard error')
    .addHelpText('after', () => `\nScenarios:\n${listed()}`)
    .action(async (name: string | undefined, options: ScenarioCommandOptions) => finish(await scenarioCommand(name, options)));
  command.addHelpText('after', () => `\nThe default command:\n${onboard.helpInformation()}${examples}`);
  return command;
}

function finish(code: number): void {
  process.exitCode = code;
}

/** One or a few lines that say what to do; a stack only for what nobody foresaw. */
function explain(error: unknown): string {
  if (error instanceof InputFileError || error instanceof DataDirectoryError) return error.message;
  if (hasErrorCode(error, 'WORKFLOW_EXISTS')) {
    return `${escapeForTerminal(error.message)}\nThe store was filled with other merchants, or through another --machine. Name another with --data DIR, or delete it.`;
  }
  if (hasErrorCode(error, 'MACHINE_NOT_REGISTERED')) {
    return `${escapeForTerminal(error.message)}\nThe store was filled through the machine of an earlier version. Name another with --data DIR, or delete it.`;
  }
  if (hasErrorCode(error, 'STORE_NOT_FOUND')) {
    return `${escapeForTerminal(error.message)}\nRun npm start first, or name it with --data DIR.`;
  }
  if (error instanceof PerdureError) return escapeForTerminal(error.message);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  await program().parseAsync();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}
