/** A real Chromium, unpacked from `@sparticuz/chromium` into a folder of this test file alone: nothing is downloaded or left behind. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';

/** The package holds a binary for this platform only. */
export const isChromiumThere: boolean = process.platform === 'linux' && process.arch === 'x64';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface OpenChromium {
  readonly browser: Browser;
  close(): Promise<void>;
}

export async function openChromium(): Promise<OpenChromium> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-chromium-'));
  const remove = async (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const unpacking = { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' };
    const script = join(import.meta.dirname, 'unpack-chromium.mjs');
    const { stdout: executablePath } = await promisify(execFile)(process.execPath, [script], { env: unpacking });
    const env = { ...process.env, HOME: folder, LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_PATH: join(folder, 'fonts') };
    const browser = await chromium.launch({ executablePath, args: flags, env: withoutUndefined(env) });
    return {
      browser,
      close: async () => {
        await browser.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function withoutUndefined(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
