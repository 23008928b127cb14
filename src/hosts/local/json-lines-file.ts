/**
 * A consumer of the outbox that keeps messages in a file, one JSON text a line.
 *
 * 1. A message counts as taken when its line is on disk, synced; messages that come meanwhile share the next sync.
 * 2. Every line is whole: what a crash, or a write that failed, tore off at the end is cut before anything is appended.
 * 3. Ids that are in the end of the file, or were taken since, are not written again.
 */
import type { FileHandle } from 'node:fs/promises';
import { constants, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { limits } from '../../kernel/limits.ts';
import type { OutboxHandler, OutboxMessage } from '../../kernel/outbox-consumer.ts';
import { encodeValue, formatValue } from '../../kernel/value-encoding.ts';
import { fileMode, isAbsence, syncDirectory } from '../../storage/files.ts';

/**
 * Appends each message to a file as a line of JSON: `messageId`, `workflowId`, `run`, `machine`, `commit`, `atMs` and `event`, in which values
 * that JSON does not have are tagged with `$type`. A message counts as delivered when its line is on disk. What a crash had delivered
 * again is recognised by its `messageId` and not written twice if it stands in the last megabyte of the file. The file is made when the first message
 * comes, for this user only, and opened anew for each write, so that it can be moved away at any time. Nobody else may write to it.
 *
 * @throws TypeError if the path is none
 */
export function jsonLinesFile(path: string): OutboxHandler {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`jsonLinesFile: give the path of a file such as './announcements.jsonl'; found ${formatValue(path)}.`);
  }
  const lines = new JsonLines(path);
  return (message) => lines.take(message);
}

interface Line {
  readonly id: string;
  readonly text: string;
}

class JsonLines {
  readonly #path: string;
  /** The newest ids of the file, oldest first. */
  readonly #ids = new Set<string>();
  /** Whether the end of the file is known to be what it should be. */
  #isSound = false;
  #waiting: Line[] = [];
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  take(message: OutboxMessage): Promise<void> {
    this.#waiting.push({ id: message.messageId, text: lineOf(message) });
    this.#next ??= this.#writing.then(() => {
      const batch = this.#waiting;
      this.#waiting = [];
      this.#next = undefined;
      const written = this.#append(batch);
      this.#writing = written.catch(() => undefined);
      return written;
    });
    return this.#next;
  }

  async #append(lines: readonly Line[]): Promise<void> {
    const { file, isNew } = await this.#open();
    try {
      if (isNew) this.#ids.clear();
      else if (!this.#isSound) await this.#repair(file);
      const fresh = lines.filter(({ id }, index) => !this.#ids.has(id) && lines.findIndex((other) => other.id === id) === index);
      // Until it is known to have worked.
      this.#isSound = false;
      await file.appendFile(fresh.map(({ text }) => text).join(''));
      // Also if all of them are there: another process may have died before its sync.
      await file.sync();
      if (isNew) await syncDirectory(dirname(this.#path));
      this.#isSound = true;
      for (const { id } of fresh) this.#remember(id);
    } finally {
      await file.close();
    }
  }

  async #open(): Promise<{ readonly file: FileHandle; readonly isNew: boolean }> {
    try {
      return { file: await open(this.#path, constants.O_RDWR | constants.O_APPEND), isNew: false };
    } catch (error) {
      if (!isAbsence(error)) throw error;
      return { file: await open(this.#path, 'wx+', fileMode), isNew: true };
    }
  }

  /** Invariant 2; learns the ids that are there. */
  async #repair(file: FileHandle): Promise<void> {
    const { size } = await file.stat();
    let from = Math.max(0, size - limits.outboxFileTailBytes);
    let tail = await readFrom(file, from, size);
    // A line may be longer than that.
    while (from > 0 && tail.indexOf(newline) === tail.lastIndexOf(newline)) {
      from = Math.max(0, from - limits.outboxFileTailBytes);
      tail = await readFrom(file, from, size);
    }
    const end = tail.lastIndexOf(newline) + 1;
    if (end < tail.length) await file.truncate(from + end);
    const begin = from === 0 ? 0 : tail.indexOf(newline) + 1;
    for (const text of tail.subarray(begin, end).toString().split('\n')) {
      const id = idIn(text);
      if (id !== undefined) this.#remember(id);
    }
  }

  #remember(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= limits.outboxFileIdsMax) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }
}

const newline = 0x0a;

async function readFrom(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(to - from);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
  return buffer.subarray(0, bytesRead);
}

function lineOf({ messageId, workflowId, run, machine, commit, atMs, event }: OutboxMessage): string {
  return `${JSON.stringify({ messageId, workflowId, run, machine, commit, atMs, event: encodeValue(event) })}\n`;
}

/** Undefined where somebody else wrote something else. */
function idIn(line: string): string | undefined {
  try {
    const { messageId } = Object(JSON.parse(line)) as { readonly messageId?: unknown };
    return typeof messageId === 'string' ? messageId : undefined;
  } catch {
    return undefined;
  }
}
