import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

interface Report {
  readonly rows: Readonly<Record<string, readonly unknown[]>>;
  readonly ratios: Readonly<Record<string, { readonly value: number; readonly better: 'higher' | 'lower' }>>;
  readonly figures: Readonly<Record<string, { readonly value: number }>>;
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perdure-bench-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** On the sources, so that nothing has to be built; `TMPDIR` shows what is left behind. */
function start(...args: string[]): { readonly interrupt: () => void; readonly ended: Promise<Ended> } {
  const command = ['--conditions=perdure-source', '--import', 'tsx', 'bench/start.ts', ...args];
  const child = spawn(process.execPath, command, { cwd: root, env: { ...process.env, TMPDIR: folder, TMP: folder } });
  const texts = { output: '', errors: '' };
  child.stdout.on('data', (text: Buffer) => (texts.output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (texts.errors += text.toString()));
  const ended = new Promise<Ended>((done) => {
    child.once('close', (code) => done({ code, ...texts }));
  });
  return { interrupt: () => void child.kill('SIGINT'), ended };
}

const run = (...args: string[]): Promise<Ended> => start(...args).ended;

async function leftBehind(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('perdure-bench-'));
}

async function baselineOf(name: string, content: object): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify(content));
  return file;
}

test('every measure runs, and its ratios are those of the baseline, on one line of JSON', { timeout: 60_000 }, async () => {
  const { code, output, errors } = await run('--quick', '--json');
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(output.trimEnd().split('\n')).toHaveLength(1);
  const { rows, ratios, figures } = JSON.parse(output) as Report;
  expect(Object.keys(rows)).toEqual(['throughput', 'signal', 'parked', 'history', 'fairness']);
  for (const { value } of [...Object.values(ratios), ...Object.values(figures)]) expect(value).toBeGreaterThan(0);
  const kept = JSON.parse(await readFile(join(root, 'bench/baseline.json'), 'utf8')) as Report['ratios'];
  const directions = (of: Report['ratios']) => Object.entries(of).map(([name, { better }]) => `${name} ${better}`);
  expect(directions(ratios).sort()).toEqual(directions(kept).sort());
  expect(await leftBehind()).toEqual([]);
});

describe('a check', () => {
  const signal = ['--quick', '--only', 'signal'];

  test('passes where nothing is worse, and says so', async () => {
    const file = await baselineOf('generous.json', { 'signal/p50-of-put': { value: 1e6, better: 'lower' } });
    const { code, output } = await run(...signal, '--check', '--baseline', file);
    expect(output).toContain('Nothing is worse than the baseline.');
    expect(code).toBe(0);
  });

  test('measures again what is worse, then fails and names it', async () => {
    const file = await baselineOf('planted.json', { 'signal/p50-of-put': { value: 0.001, better: 'lower' } });
    const { code, output } = await run(...signal, '--check', '--baseline', file);
    expect(output).toContain('measured again: signal');
    expect(output).toMatch(/signal\/p50-of-put is \d+ % worse: [\d.]+, the baseline has 0\.001 \(lower is better/);
    expect(code).toBe(1);
  });

  test('passes what --update has written', async () => {
    const file = join(folder, 'updated.json');
    expect(await run(...signal, '--update', '--baseline', file)).toMatchObject({ code: 0 });
    expect(Object.keys(JSON.parse(await readFile(file, 'utf8')) as object)).toEqual(['signal/p50-of-put']);
  });

  test('of the smallest sizes is not compared with the baseline of the large ones', async () => {
    const { code, output, errors } = await run(...signal, '--check');
    expect({ code, output }).toEqual({ code: 2, output: '' });
    expect(errors).toContain('name a file of your own with --baseline');
  });
});

test('an unknown measure is refused with the names of those there are', async () => {
  const { code, output, errors } = await run('--only', 'speed');
  expect({ code, output }).toEqual({ code: 2, output: '' });
  expect(errors).toContain('Measures are throughput, signal, parked, history, fairness.');
});

test('--list says what can be measured', async () => {
  const { code, output } = await run('--list');
  expect(code).toBe(0);
  expect(output.match(/^\w+/gm)).toEqual(['throughput', 'signal', 'parked', 'history', 'fairness']);
});

describe('scale', () => {
  const names = [
    'fan-out-10000',
    'fan-out-machines-10000',
    'fan-out-100000',
    'fan-out-snapshot',
    'parked-100000',
    'timers-10000',
    'storm-100000',
    'bytes-per-workflow',
  ];

  test('runs every measure in a process of its own, and prints one line of JSON', { timeout: 60_000 }, async () => {
    const { code, output, errors } = await run('scale', '--size', '30', '--json');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output.trimEnd().split('\n')).toHaveLength(1);
    const { rows, figures } = JSON.parse(output) as Report;
    expect(Object.keys(rows)).toEqual(names);
    expect(rows['timers-10000']).toMatchObject([{ timers: 30, fired: 30 }]);
    expect(rows['storm-100000']).toMatchObject([{ sent: 30, acknowledged: 30, MAILBOX_FULL: 0 }]);
    for (const name of ['parked/starts', 'parked/memory', 'bytes/closed']) expect(figures[name]?.value).toBeGreaterThan(0);
    expect(await leftBehind()).toEqual([]);
  });

  test('--list says what can be measured', async () => {
    const { code, output } = await run('scale', '--list');
    expect(code).toBe(0);
    expect(output.match(/^\S+/gm)).toEqual(names);
  });

  test.each([
    [['--only', 'speed'], `Measures are ${names.join(', ')}.`],
    [['--size', '0'], 'A size is a whole number from 1.'],
  ])('%j is refused with what there is', async (args, message) => {
    const { code, output, errors } = await run('scale', ...args);
    expect({ code, output }).toEqual({ code: 2, output: '' });
    expect(errors).toContain(message);
  });
});

test('stopped with Ctrl-C it leaves nothing behind', async () => {
  const { interrupt, ended } = start('--only', 'signal');
  // It has made its folder: it measures, for longer than anyone waits here.
  await vi.waitFor(async () => expect(await leftBehind()).toHaveLength(1), { timeout: 15_000 });
  interrupt();
  expect(await ended).toMatchObject({ code: 130 });
  expect(await leftBehind()).toEqual([]);
});
