/**
 * `reserve`: a file that holds room on the disk for the moment when there is none left. Deleting it lets the store be opened again
 * and what is under way go on, while somebody makes room.
 *
 * 1. It is filled with bytes that no file system can leave out.
 * 2. A file shorter than wanted counts for nothing: it was being written when its writer died or the disk was full.
 */
import { randomFill } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileMode, isAbsence } from './files.ts';

const fill = promisify<Uint8Array, Uint8Array>(randomFill);
const pieceBytes = 1_048_576;

export class Reserve {
  readonly #path: string;
  readonly #bytes: number;
  #isReleased = false;
  #keeping: Promise<boolean> | undefined;

  /** @param directory the store's */
  constructor(directory: string, bytes: number) {
    this.#path = join(directory, 'reserve');
    this.#bytes = bytes;
  }

  /** Writes it unless it is there; answers whether it is. Never rejects: without a reserve everything else goes on. */
  keep(): Promise<boolean> {
    this.#isReleased = false;
    this.#keeping ??= this.#keep().finally(() => (this.#keeping = undefined));
    return this.#keeping;
  }

  /** Gives the room back. */
  async release(): Promise<void> {
    await this.stop();
    await rm(this.#path, { force: true });
  }

  /** Ends the writing, if it is under way; what is not finished is taken away. */
  async stop(): Promise<void> {
    this.#isReleased = true;
    await this.#keeping;
  }

  async #keep(): Promise<boolean> {
    try {
      if (await this.#isThere()) return true;
      const isWritten = await this.#write();
      if (!isWritten) await rm(this.#path, { force: true });
      return isWritten;
    } catch {
      await rm(this.#path, { force: true }).catch(() => undefined);
      return false;
    }
  }

  async #isThere(): Promise<boolean> {
    try {
      return (await stat(this.#path)).size >= this.#bytes;
    } catch (error) {
      if (isAbsence(error)) return false;
      throw error;
    }
  }

  async #write(): Promise<boolean> {
    const file = await open(this.#path, 'w', fileMode);
    try {
      const piece = new Uint8Array(Math.min(pieceBytes, this.#bytes));
      for (let written = 0; written < this.#bytes; written += piece.length) {
        if (this.#isReleased) return false;
        await file.write(await fill(piece), 0, Math.min(piece.length, this.#bytes - written));
      }
      await file.sync();
      return true;
    } finally {
      await file.close();
    }
  }
}
