// Packs the project and asks "are the types wrong?" about every door, each machine by its name: the tool skips wildcards.
// Only what an ES module can meet counts; how CommonJS or the resolution of Node 10 fail is not a promise.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmCommand } from './npm.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const unpromised = new Set(['node10', 'node16-cjs']);

function run(file, args, shell = false) {
  const result = spawnSync(file, args, { cwd: root, encoding: 'utf8', shell, maxBuffer: 64 * 1024 * 1024 });
  if (!result.stdout.trimStart().startsWith('{') && !result.stdout.trimStart().startsWith('[')) {
    throw new Error(`${file} ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
  }
  return JSON.parse(result.stdout);
}

function entryPoints() {
  const doors = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).exports).filter((door) => !door.includes('*'));
  const machines = readdirSync(join(root, 'machines')).filter((file) => file.endsWith('.ts'));
  return [...doors, ...machines.map((file) => `./machines/${file.replace(/\.ts$/, '')}`)];
}

function describe(problem) {
  const { kind, entrypoint, fileName, moduleSpecifier, resolutionKind, resolutionOption } = problem;
  const place = entrypoint ?? fileName;
  return `${kind} (${resolutionKind ?? resolutionOption ?? 'any'}): ${place}${moduleSpecifier === undefined ? '' : ` → ${moduleSpecifier}`}`;
}

const folder = mkdtempSync(join(tmpdir(), 'perdure-pack-'));
try {
  const pack = npmCommand(['pack', '--json', '--pack-destination', folder]);
  run(pack.file, pack.args, pack.shell);
  const tarball = join(folder, readdirSync(folder)[0]);
  const tool = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const points = entryPoints();
  const { analysis } = run(process.execPath, [tool, tarball, '--format', 'json', '--entrypoints', ...points]);
  const problems = analysis.problems
    .filter(({ resolutionKind, resolutionOption }) => !unpromised.has(resolutionKind ?? resolutionOption))
    .map(describe);
  const unknown = points.filter((point) => analysis.entrypoints[point] === undefined).map((point) => `not analysed: ${point}`);
  for (const line of [...problems, ...unknown]) console.error(line);
  console.log(`${points.length} doors checked, ${problems.length} problems`);
  process.exitCode = problems.length + unknown.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
