// Every check that is not a test, in order: `node .ci/verify.mjs [name …]` runs all of them or those named.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const tool = (path, ...args) => [resolve(root, 'node_modules', path), ...args];
const script = (name) => [resolve(root, '.ci', name)];

// TypeScript 7 says the same as TypeScript 6, in a fraction of the time; the build stays with 6, which other tools read, too.
const projects = ['tsconfig.json', 'tsconfig.kernel.json', 'machines', 'test', 'test/browser/page', 'playground', 'bench'];

const checks = [
  { name: 'format', remedy: 'run "npm run format"', commands: [tool('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.')] },
  { name: 'lint', commands: [tool('oxlint/bin/oxlint')] },
  { name: 'types', commands: projects.map((project) => tool('typescript-7/bin/tsc', '--project', project, '--pretty')) },
  { name: 'floors', commands: [script('check-floors.mjs')] },
  { name: 'unused', commands: [tool('knip/bin/knip.js')] },
  { name: 'build', commands: [script('build.mjs')] },
  { name: 'package', needs: 'build', commands: [tool('publint/src/cli.js', 'run', '--strict')] },
  { name: 'doors', needs: 'build', commands: [script('check-types.mjs')] },
  { name: 'api', needs: 'build', commands: [script('check-api.mjs')] },
];

function run(commands) {
  let output = '';
  let isPassed = true;
  for (const command of commands) {
    const result = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
    if (result.status === 0) continue;
    isPassed = false;
    output += `${result.stdout}${result.stderr}${result.error?.message ?? ''}`;
  }
  return { isPassed, output };
}

function report(check, outcome, startedAtMs) {
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${outcome.padEnd(8)}${check.name.padEnd(10)}${seconds.padStart(5)} s`);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(`There is no check named ${unknown.join(', ')}. Checks: ${checks.map(({ name }) => name).join(', ')}.`);
  process.exit(1);
}

const failed = new Set();
const chosen = checks.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
for (const check of chosen) {
  const startedAtMs = Date.now();
  if (failed.has(check.needs)) {
    failed.add(check.name);
    report(check, 'skipped', startedAtMs);
    continue;
  }
  const { isPassed, output } = run(check.commands);
  report(check, isPassed ? 'ok' : 'FAILED', startedAtMs);
  if (isPassed) continue;
  failed.add(check.name);
  console.log(`\n${output.trim()}\n`);
  if (check.remedy !== undefined) console.log(`To repair it, ${check.remedy}.\n`);
}
console.log(`Checks: ${chosen.length - failed.size} passed, ${failed.size} failed`);
process.exitCode = failed.size === 0 ? 0 : 1;
