/** `boot.json`: what was in flight when the process last died. Written by the owner of the store only; gone after a clean close. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttemptInFlight, BootRecord } from '../kernel/crash-loop.ts';
import { readTextIfPresent, replaceFile } from './files.ts';

/** Where a boot record is kept. */
export class BootJournal {
  readonly #path: string;

  /** @param directory the store's */
  constructor(directory: string) {
    this.#path = join(directory, 'boot.json');
  }

  /** Undefined after a clean close. One that cannot be read says only that the process died. */
  async read(): Promise<BootRecord | undefined> {
    const text = await readTextIfPresent(this.#path);
    return text === undefined ? undefined : parse(text);
  }

  /** On disk when it resolves. */
  async write(record: BootRecord): Promise<void> {
    await replaceFile(this.#path, `${JSON.stringify(record)}\n`);
  }

  async clear(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function parse(text: string): BootRecord {
  const { phase, inFlight, hasProgress, named, suspects } = objectOf(text);
  return {
    phase: phase === 'opening' ? 'opening' : 'running',
    inFlight: list(inFlight).filter(isAttempt),
    hasProgress: hasProgress === true,
    named: list(named).filter((id) => typeof id === 'string'),
    suspects: list(suspects).filter(isSuspect),
  };
}

function objectOf(text: string): { readonly [key: string]: unknown } {
  try {
    return { ...(JSON.parse(text) as object) };
  } catch {
    return {};
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isAttempt(value: unknown): value is AttemptInFlight {
  const { place, n, attempt, deaths } = Object(value) as { readonly [key: string]: unknown };
  return typeof place === 'string' && [n, attempt].every(Number.isInteger) && Number.isFinite(deaths);
}

function isSuspect(value: unknown): value is BootRecord['suspects'][number] {
  const { id, deaths } = Object(value) as { readonly [key: string]: unknown };
  return typeof id === 'string' && Number.isInteger(deaths);
}
