import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(fileURLToPath(import.meta.url), '../../..');

/** Stands in for npm: counts its runs and takes `npmMs` to make node_modules anew. */
const fakeNpm = `
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules');
appendFileSync('npm-runs', process.argv.slice(2, 4).join(' ') + '\\n');
const { fails, npmMs } = JSON.parse(readFileSync('fake.json', 'utf8'));
if (fails) {
  console.error(fails);
  process.exit(1);
}
setTimeout(() => appendFileSync('npm-ends', 'end\\n'), npmMs);
`;

interface Run {
  readonly code: number | null;
  readonly output: string;
}

let folder: string;
const path = (file: string): string => join(folder, file);
const runsOfNpm = (): number => (existsSync(path('npm-runs')) ? readFileSync(path('npm-runs'), 'utf8').split('\n').length - 1 : 0);
const write = (file: string, value: unknown): void => writeFileSync(path(file), JSON.stringify(value));

function start(): { readonly pid: number; readonly done: Promise<Run> } {
  const child = spawn(process.execPath, [path('.ci/install.mjs')], { env: { ...process.env, npm_execpath: path('npm-cli.mjs') } });
  let output = '';
  child.stdout.on('data', (chunk: string) => (output += chunk));
  child.stderr.on('data', (chunk: string) => (output += chunk));
  const done = new Promise<Run>((settle) => child.on('close', (code) => settle({ code, output })));
  return { pid: child.pid!, done };
}

const install = (): Promise<Run> => start().done;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-install-'));
  mkdirSync(path('.ci'));
  for (const file of ['install.mjs', 'npm.mjs']) cpSync(join(root, '.ci', file), path(join('.ci', file)));
  writeFileSync(path('npm-cli.mjs'), fakeNpm);
  write('package.json', { engines: { node: '>=20.0.0' } });
  write('package-lock.json', { version: 1 });
  write('fake.json', { npmMs: 0 });
});

afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

describe('the install script', () => {
  it('runs npm ci when node_modules is missing, and says so', async () => {
    const { code, output } = await install();
    expect(code).toBe(0);
    expect(output).toMatch(/^Installing dependencies with "npm ci": node_modules is missing\.\nInstalled dependencies in [\d.]+ s\.\n$/);
    expect(readFileSync(path('npm-runs'), 'utf8')).toBe('ci --include=dev\n');
  });

  it('does and says nothing when node_modules fits the lock file', async () => {
    await install();
    expect(await install()).toEqual({ code: 0, output: '' });
    expect(runsOfNpm()).toBe(1);
  });

  it('installs again when the lock file changed', async () => {
    await install();
    write('package-lock.json', { version: 2 });
    expect((await install()).output).toContain('package-lock.json changed');
    expect(runsOfNpm()).toBe(2);
  });

  it('installs once when two runs start together', async () => {
    write('fake.json', { npmMs: 300 });
    const runs = await Promise.all([install(), install()]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(runsOfNpm()).toBe(1);
  });

  it('installs again after it was killed, once the npm it left behind has ended', async () => {
    write('fake.json', { npmMs: 600 });
    const first = start();
    await until(() => runsOfNpm() === 1 && readFileSync(path('.install-lock/owner'), 'utf8').includes(' '));
    process.kill(first.pid, 'SIGKILL');
    const second = start();
    await until(() => runsOfNpm() === 2);
    expect(readFileSync(path('npm-ends'), 'utf8')).toBe('end\n');
    expect((await second.done).code).toBe(0);
    expect(readdirSync(folder).filter((file) => file.startsWith('.install-lock'))).toEqual([]);
  });

  it('says what to do when npm ci fails, and tries again the next time', async () => {
    write('fake.json', { fails: 'npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync.' });
    const { code, output } = await install();
    expect(code).toBe(1);
    expect(output).toContain('run "npm install" and commit package-lock.json');
    write('fake.json', { npmMs: 0 });
    expect((await install()).code).toBe(0);
  });

  it('says what to do when the lock file is missing', async () => {
    rmSync(path('package-lock.json'));
    const { code, output } = await install();
    expect(code).toBe(1);
    expect(output).toContain('package-lock.json is missing. Restore it with "git checkout package-lock.json"');
  });

  it('refuses a Node that is too old, naming both versions', async () => {
    write('package.json', { engines: { node: '>=999.1.0' } });
    const { code, output } = await install();
    expect(code).toBe(1);
    expect(output).toContain(`Perdure needs Node >=999.1.0, and this is Node ${process.versions.node}.`);
    expect(runsOfNpm()).toBe(0);
  });

  it('does not empty what node_modules is a link to, and says so', async () => {
    mkdirSync(path('others'));
    writeFileSync(path('others/theirs'), '');
    symlinkSync('others', path('node_modules'));
    const { code, output } = await install();
    expect({ code, runs: runsOfNpm() }).toEqual({ code: 1, runs: 0 });
    expect(output).toContain('node_modules is a symbolic link to others');
    expect(existsSync(path('others/theirs'))).toBe(true);
    rmSync(path('node_modules'));
    expect((await install()).code).toBe(0);
  });
});
