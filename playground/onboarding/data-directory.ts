/** The directory of a run: the store, the outside ledger and what others were told are in it. */
import { access, constants, mkdir } from 'node:fs/promises';
import { escapeForTerminal } from '../inputs/terminal-text.ts';

/** The directory cannot be used. The message is one line, ready to print on a terminal. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
}

/** @throws DataDirectoryError if it cannot be made, or not be written to */
export async function makeDataDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
  } catch (error) {
    const message = `The directory ${escapeForTerminal(path)} cannot be used: ${obstacleOf(error)}. Name another with --data DIR.`;
    throw new DataDirectoryError(message, { cause: error });
  }
}

function obstacleOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'it is, or lies below, a file';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not write there';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
      return 'the disk is full';
    default:
      return escapeForTerminal(error instanceof Error ? error.message : String(error));
  }
}
