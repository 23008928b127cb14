/** Plays a scenario: the directory it has, what it says, what it claims, and that nothing of it is left afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { interruptedCode, stopOnInterrupt } from '../onboarding/interrupt.ts';
import type { Facts, Scenario, Stage } from './scenario.ts';

interface Claim {
  readonly claim: string;
  readonly holds: boolean;
}

/** @returns the exit code: 0 if all that it claims was seen to be so */
export async function play(scenario: Scenario, isJson: boolean): Promise<number> {
  const say = (line = ''): void => void (isJson ? process.stderr : process.stdout).write(`${line}\n`);
  // From the beginning: whoever interrupts it before it listens would leave its directory behind.
  const { signal } = stopOnInterrupt();
  const folder = await mkdtemp(join(tmpdir(), 'perdure-scenario-'));
  const claims: Claim[] = [];
  const closers: (() => Promise<unknown>)[] = [];
  let isOver = false;
  const stage: Stage = {
    folder,
    say,
    claim: (claim, holds) => {
      claims.push({ claim, holds });
      say(holds ? pc.green(`  ✓ ${claim}`) : pc.red(`  ✗ ${claim}`));
    },
    // What was on its way when it was interrupted is closed as soon as it is there.
    atEnd: (close) => void (isOver ? close().catch(() => undefined) : closers.push(close)),
  };
  const interrupted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  say(pc.bold(`${scenario.name}: ${scenario.summary}`));
  const playing: Promise<Facts | undefined> = signal.aborted ? interrupted : scenario.play(stage);
  try {
    const facts = await Promise.race([playing, interrupted]);
    if (facts !== undefined) return report(scenario, facts, claims, isJson);
    say(pc.yellow('Interrupted; nothing is left of it.'));
    return interruptedCode;
  } finally {
    isOver = true;
    for (const close of closers.reverse()) await close();
    // What is interrupted fails as its runtime is closed: then nothing writes to the directory any more.
    await playing.catch(() => undefined);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function report({ name }: Scenario, facts: Facts, claims: readonly Claim[], isJson: boolean): number {
  const isVerified = claims.length > 0 && claims.every(({ holds }) => holds);
  if (isJson) process.stdout.write(`${JSON.stringify({ scenario: name, verified: isVerified, claims, ...facts })}\n`);
  return isVerified ? 0 : 1;
}
