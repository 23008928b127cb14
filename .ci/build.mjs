// Builds dist/ from src/ and machines/. Machines come second: they are compiled against the declarations of perdure/authoring
// that the first step wrote, as a user's machines are.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');

rmSync(resolve(root, 'dist'), { recursive: true, force: true });
for (const project of ['tsconfig.build.json', 'machines/tsconfig.build.json']) {
  const compiler = resolve(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error(`Building ${project} failed.`);
    process.exit(1);
  }
}

// Where a machine's type has a name that the door does not export, the compiler writes a path that leads nowhere from dist/.
const machines = resolve(root, 'dist/machines');
const declarations = readdirSync(machines, { recursive: true }).filter((file) => file.endsWith('.d.ts'));
for (const file of declarations) {
  const inner = /import\("[./]*\/dist\/[^"]*"\)\.(\w+)/.exec(readFileSync(resolve(machines, file), 'utf8'));
  if (inner === null) continue;
  console.error(`The type of machines/${file.replace(/\.d\.ts$/, '.ts')} names ${inner[1]}: export that type from src/authoring.ts.`);
  process.exitCode = 1;
}
