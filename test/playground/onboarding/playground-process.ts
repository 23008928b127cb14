/** The playground as its first user runs it: the command of `npm start`, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, vi } from 'vitest';
import { generateMerchants, merchantsToCsv } from '../../../playground/inputs/merchant-generator.ts';
import type { LedgerEntry } from '../../../playground/onboarding/ledger.ts';
import { readLedger } from '../../../playground/onboarding/ledger.ts';
import type { Summary } from '../../../playground/onboarding/report.ts';
import { ledgerPath } from '../../../playground/onboarding/run.ts';
import { temporaryFolder } from '../../storage/folders.ts';

const root = resolve(fileURLToPath(import.meta.url), '../../../..');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Playground {
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** What `npm start` runs when the packages are there; without the name of the program. */
function startArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly scripts: { readonly start: string } };
  const [program, ...rest] = (scripts.start.split('&&').at(-1) ?? '').trim().split(' ');
  expect(program).toBe('node');
  return rest;
}

/** @param uid the user it runs as; only root may say so */
export function startPlayground(parameters: readonly string[], uid?: number): Playground {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const env = { ...inherited, NO_COLOR: '1' };
  const child = spawn(process.execPath, [...startArguments(), ...parameters], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: uid === undefined ? env : { ...env, TMPDIR: '/tmp', HOME: '/tmp', TSX_DISABLE_CACHE: '1' },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, stdout, stderr }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { pid: child.pid ?? 0, signal: (signal) => void child.kill(signal), ended };
}

export async function runPlayground(...parameters: readonly string[]): Promise<Ended> {
  return startPlayground(parameters).ended;
}

/** The line a run ends with when asked for JSON; nothing else may be on standard output. */
export function summaryOf({ stdout }: Ended): Summary {
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as Summary;
}

/** A merchants file with the first invented ones; its data directory is not there yet. */
export async function newCase(count: number): Promise<{ readonly merchants: string; readonly data: string; readonly folder: string }> {
  const folder = await temporaryFolder();
  const merchants = join(folder, 'merchants.csv');
  await writeFile(merchants, merchantsToCsv(generateMerchants({ count })));
  return { merchants, data: join(folder, 'data'), folder };
}

/** Resolves when the ledger of a run under way holds so many entries of this kind. */
export async function untilLedger(data: string, kind: LedgerEntry['kind'], count = 1): Promise<void> {
  await vi.waitFor(
    async () => {
      const entries = (await readLedger(ledgerPath(data))).filter((entry) => entry.kind === kind);
      expect(entries.length).toBeGreaterThanOrEqual(count);
    },
    { timeout: 15_000, interval: 20 },
  );
}
