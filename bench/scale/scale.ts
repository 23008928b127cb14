/** `npm run bench -- scale`: each measure in a process of its own, so that its memory is its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import type { Measured } from '../finding.ts';
import type { Reported } from '../report.ts';
import { jsonOf, surroundings, textOf } from '../report.ts';
import { newFolder } from '../temp-folder.ts';
import type { ScaleName } from './names.ts';
import { scaleNames } from './names.ts';

const runOne = fileURLToPath(new URL('run-one.ts', import.meta.url));
export const allScaleNames = Object.keys(scaleNames) as ScaleName[];

export interface ScaleCommand {
  readonly only?: readonly ScaleName[];
  readonly size?: number;
  readonly json?: true;
  readonly list?: true;
  readonly verbose?: true;
}

export function scaleName(text: string, before: readonly ScaleName[] = []): ScaleName[] {
  const name = allScaleNames.find((known) => known === text);
  if (name === undefined) throw new InvalidArgumentError(`Measures are ${allScaleNames.join(', ')}.`);
  return [...before, name];
}

export function sizeOf(text: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1) throw new InvalidArgumentError('A size is a whole number from 1.');
  return size;
}

export function listScale(): void {
  const width = Math.max(...allScaleNames.map(({ length }) => length));
  for (const name of allScaleNames) console.log(`${name.padEnd(width)}  ${scaleNames[name].about}`);
}

/** Ends with 1 if a measure found a wrong result or could not run; a target that is missed is only told. */
export async function scale({ only = allScaleNames, size, json, verbose }: ScaleCommand): Promise<void> {
  if (json !== true) console.log(`${surroundings()}\n`);
  const reported: Reported[] = [];
  for (const name of allScaleNames.filter((known) => only.includes(known))) {
    const measured = await measureApart(name, size ?? scaleNames[name].size, verbose === true);
    if (measured === undefined) {
      console.error(`${name} failed.`);
      process.exitCode = 1;
      continue;
    }
    const result: Reported = { measure: { name, title: scaleNames[name].about }, measured };
    reported.push(result);
    if (json !== true) console.log(textOf(result));
  }
  if (json === true) console.log(jsonOf(reported, undefined));
}

async function measureApart(name: ScaleName, size: number, isVerbose: boolean): Promise<Measured | undefined> {
  const options = [...process.execArgv, runOne, name, `${size}`, ...(isVerbose ? ['verbose'] : [])];
  // Its folders are below one of this process, which goes with it.
  const folder = newFolder();
  const child = spawn(process.execPath, options, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: folder, TMP: folder },
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.prependListener('exit', kill);
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise((done) => child.once('close', done));
  process.removeListener('exit', kill);
  return code === 0 ? (JSON.parse(output) as Measured) : undefined;
}
