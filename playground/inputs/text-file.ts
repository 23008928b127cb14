import { isUtf8, type Buffer } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import type { ProblemList } from './input-file-error.ts';
import { escapeForTerminal } from './terminal-text.ts';

/** Upper bounds of an input file. */
export interface InputLimits {
  /** Largest file read, in bytes. */
  readonly maxBytes: number;
  /** Most rows of data read; a header, blank lines and comments do not count. */
  readonly maxRows: number;
}

/** The bounds that hold unless others are given: 100 MB (100,000,000 bytes) and 1,000,000 rows. */
export const INPUT_LIMITS: InputLimits = { maxBytes: 100_000_000, maxRows: 1_000_000 };

const SAVE_AS_UTF8 = 'Save it again as UTF-8 (a spreadsheet calls this "CSV UTF-8").';

const REMEDIES: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  ENOENT: ['there is no such file', 'Check the path and the folder the command runs in.'],
  ENOTDIR: ['a part of the path is not a folder', 'Check the path.'],
  EACCES: ['this user may not read it', 'Give read permission, or copy the file to where it can be read.'],
  EPERM: ['this user may not read it', 'Give read permission, or copy the file to where it can be read.'],
  EISDIR: ['it is a folder', 'Give the path of a file inside it.'],
  ENAMETOOLONG: ['the path is too long', 'Use a shorter path.'],
  ELOOP: ['the path goes round in a circle of links', 'Give the path of the file itself.'],
  ERR_INVALID_ARG_VALUE: ['the path holds a character that no path may have', 'Check the path.'],
};

function noteSystemError(error: unknown, problems: ProblemList): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error';
  const [reason, remedy] = REMEDIES[code] ?? [`it cannot be read (${escapeForTerminal(code)})`, 'Check the file and the disk it is on.'];
  problems.add(undefined, reason, remedy);
}

/** Notes every line that is not UTF-8; in UTF-8 a byte 0x0A is always a line feed, so lines can be checked one by one. */
function noteBadLines(bytes: Buffer, problems: ProblemList): void {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    problems.add(1, 'the file is UTF-16, not UTF-8', SAVE_AS_UTF8);
    return;
  }
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const found = bytes.indexOf(0x0a, start);
    const end = found < 0 ? bytes.length : found;
    if (!isUtf8(bytes.subarray(start, end))) problems.add(line, 'some bytes are not valid UTF-8', SAVE_AS_UTF8);
    start = end + 1;
  }
}

/**
 * The text of a UTF-8 file: without a byte order mark, every line ended by a line feed (CRLF and CR
 * become LF, also inside quoted fields), so that a line number means the same to every reader.
 *
 * Throws `InputFileError`, through `problems`, if the file is missing, not a regular file, unreadable,
 * larger than `maxBytes`, empty, or not UTF-8.
 */
export async function readTextFile(path: string, maxBytes: number, problems: ProblemList): Promise<string> {
  let bytes: Buffer;
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) problems.add(undefined, 'it is a folder', 'Give the path of a file inside it.');
    else if (!stats.isFile()) problems.add(undefined, 'it is not a regular file', 'Write the data to a file and give its path.');
    else if (stats.size > maxBytes) {
      const size = `${stats.size.toLocaleString('en-US')} bytes`;
      problems.add(undefined, `it is too large: ${size} of at most ${maxBytes.toLocaleString('en-US')}`, 'Split it into smaller files.');
    }
    problems.throwIfAny();
    bytes = await readFile(path);
  } catch (error) {
    problems.throwIfAny();
    noteSystemError(error, problems);
    throw problems.toError({ cause: error });
  }
  if (!isUtf8(bytes)) noteBadLines(bytes, problems);
  problems.throwIfAny();
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  if (text.trim() === '') problems.add(undefined, 'it is empty', 'Check that it is the right file and was written completely.');
  problems.throwIfAny();
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}
