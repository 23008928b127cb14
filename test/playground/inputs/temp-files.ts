import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { InputFileError } from '../../../playground/inputs/input-file-error.ts';

/** A folder for the files of one test file, removed after it; call at the top of the test file. */
export function temporaryFiles(): { path: (name: string) => string; write: (content: string | Uint8Array) => Promise<string> } {
  let folder = '';
  let count = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'perdure-inputs-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write: async (content) => {
      count += 1;
      const file = path(`input-${count}.csv`);
      await writeFile(file, content);
      return file;
    },
  };
}

/** The InputFileError with which the promise is rejected; fails the test if it is not. */
export async function inputError(promise: Promise<unknown>): Promise<InputFileError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputFileError);
  if (!(error instanceof InputFileError)) throw error;
  return error;
}

/** The problems of an error as `line: reason`. */
export function reasons(error: InputFileError): string[] {
  return error.problems.map(({ line, reason }) => `${line ?? '-'}: ${reason}`);
}
