// Checks what belongs where: `node .ci/check-floors.mjs [folder]` prints one line a violation, `rule: file → what it imports`.
//
// dependency-cruiser answers "0 modules" and success when it cannot read TypeScript, so the files it looked at are compared with
// the files that are there.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = resolve(fileURLToPath(import.meta.url), '../..');
const root = resolve(process.argv[2] ?? home);
const folders = ['src', 'machines', 'playground', 'bench', 'examples'].filter((folder) => existsSync(join(root, folder)));
const isSource = (file) => /\.(ts|tsx)$/.test(file) && !file.endsWith('.d.ts');
const isCheckedFolder = (file) => folders.some((folder) => file.startsWith(`${folder}/`));

/** A file of src/ is a door or stands on a floor; a new folder there is a decision about the architecture. */
const knownInSource = /^src\/([a-z-]+\.ts$|(kernel|storage|runtime|hosts|inspector|cli)\/)/;

const waiver = /(eslint|oxlint|biome)-(disable|ignore)|@ts-(ignore|expect-error|nocheck)|prettier-ignore|(v8|c8|istanbul) ignore/;

function walk() {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name.replaceAll('\\', '/')}`))
    .filter((file) => isSource(file) && !file.includes('/node_modules/'))
    .sort();
}

function cruise() {
  const command = join(home, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(home, '.dependency-cruiser.mjs');
  const result = spawnSync(process.execPath, [command, '--config', config, '--output-type', 'json', ...folders], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (!result.stdout.startsWith('{')) throw new Error(`dependency-cruiser failed:\n${result.stdout}${result.stderr}`);
  return JSON.parse(result.stdout);
}

function importViolations(report) {
  const reasons = new Map(report.summary.ruleSetUsed.forbidden.map((rule) => [rule.name, rule.comment]));
  return report.summary.violations.map(({ rule, from, to, cycle }) => {
    const target = cycle === undefined ? to : cycle.map(({ name }) => name).join(' → ');
    return `${rule.name}: ${from}${target === from ? '' : ` → ${target}`}\n    ${reasons.get(rule.name)}`;
  });
}

function unseenFiles(report, files) {
  const seen = new Set(report.modules.map(({ source }) => source).filter((source) => isCheckedFolder(source) && isSource(source)));
  const unseen = files
    .filter((file) => !seen.has(file))
    .map((file) => `not-checked: ${file}\n    dependency-cruiser did not read this file.`);
  if (seen.size === files.length || unseen.length > 0) return unseen;
  return [`not-checked: dependency-cruiser read ${seen.size} files and ${files.length} are there`];
}

function strayFiles(files) {
  return files
    .filter((file) => file.startsWith('src/') && !knownInSource.test(file))
    .map((file) => `unknown-floor: ${file}\n    src/ holds doors and the floors named in ARCHITECTURE.md.`);
}

function waivers(files) {
  return files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        waiver.test(line) ? [`no-waivers: ${file}:${index + 1}\n    Change the code instead of silencing the check.`] : [],
      ),
  );
}

const files = walk();
if (files.length === 0) {
  console.error(`No TypeScript files found in ${root}: nothing was checked.`);
  process.exit(1);
}
const report = cruise();
const violations = [...importViolations(report), ...unseenFiles(report, files), ...strayFiles(files), ...waivers(files)];
for (const violation of violations) console.error(violation);
console.log(`${files.length} files checked, ${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;
