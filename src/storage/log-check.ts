/**
 * Looks at LevelDB's write-ahead log before LevelDB replays it, and then deletes it. LevelDB leaves out what it finds damaged
 * there without a word: actors whose last commits stood in the gap would come back as they were before, sound by every
 * checksum, and run on from there.
 *
 * A damaged end is no damage: a batch that was being written when the power failed was acknowledged to nobody. But only one
 * batch is in flight at a time, so where a later batch begins, everything before it was synced; if that cannot be read, it
 * was lost. Of the last batch alone nothing can be said.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbsence, readTextIfPresent } from './files.ts';

// The format of logs, which the manifest has, too: blocks of 32 KiB; in them pieces of records with a checksum (4 bytes), a
// length (2) and a type (1) before each. What is left of a block when no such header fits is zero.
const blockBytes = 32_768;
const headerBytes = 7;
const pieceTypes = { full: 1, first: 2, middle: 3, last: 4 } as const;

interface Piece {
  readonly type: number;
  readonly content: Buffer;
  /** Offset of what follows. */
  readonly end: number;
}

/**
 * What is wrong with the logs of a database, for the middle of a sentence; undefined if nothing is known to be. Another process
 * may have the database open meanwhile.
 *
 * @param level the directory of the database
 */
export async function findLogDamage(level: string): Promise<string | undefined> {
  const number = await readLogNumber(level);
  // LevelDB will say itself what is wrong with a manifest that cannot be read.
  if (number === undefined) return undefined;
  const names = (await readdir(level)).filter((name) => /^\d+\.log$/.test(name) && Number.parseInt(name, 10) >= number);
  if (!names.some((name) => Number.parseInt(name, 10) === number)) {
    // An owner that is at work deletes a log only after its manifest names the next.
    if ((await readLogNumber(level)) !== number) return findLogDamage(level);
    return `its log, number ${number}, is missing`;
  }
  for (const name of names) {
    const bytes = await readBytesIfPresent(join(level, name));
    const offset = bytes === undefined ? undefined : findGap(bytes);
    if (offset !== undefined) return `its log level/${name} is damaged at byte ${offset}, before commits that were written later`;
  }
  return undefined;
}

/** Offset of the first thing that is no piece of a record, if a record begins somewhere after it. */
function findGap(bytes: Buffer): number | undefined {
  let damagedAt: number | undefined;
  for (let offset = 0; offset + headerBytes <= bytes.length;) {
    const piece = pieceAt(bytes, offset);
    if (piece === undefined) {
      if (!isPadding(offset)) damagedAt ??= offset;
      offset += 1;
      continue;
    }
    const isBeginning = piece.type === pieceTypes.full || piece.type === pieceTypes.first;
    if (isBeginning && damagedAt !== undefined) return damagedAt;
    offset = piece.end;
  }
  return undefined;
}

/** The number of the oldest log that is not yet in tables, as the manifest names it last. */
async function readLogNumber(level: string): Promise<number | undefined> {
  const current = await readTextIfPresent(join(level, 'CURRENT'));
  if (current === undefined || !/^MANIFEST-\d+\n$/.test(current)) return undefined;
  const manifest = await readBytesIfPresent(join(level, current.trimEnd()));
  if (manifest === undefined) return undefined;
  let number: number | undefined;
  for (const record of recordsOf(manifest)) number = logNumberOf(record) ?? number;
  return number;
}

/** The records of a log up to the first one that cannot be read. */
function* recordsOf(bytes: Buffer): Generator<Buffer> {
  let pieces: Buffer[] = [];
  for (let offset = 0; offset + headerBytes <= bytes.length;) {
    const piece = pieceAt(bytes, offset);
    if (piece === undefined && !isPadding(offset)) return;
    offset = piece?.end ?? offset + 1;
    if (piece === undefined) continue;
    pieces.push(piece.content);
    if (piece.type !== pieceTypes.full && piece.type !== pieceTypes.last) continue;
    yield Buffer.concat(pieces);
    pieces = [];
  }
}

/** Whether a block has no place for a header here. */
function isPadding(offset: number): boolean {
  return blockBytes - (offset % blockBytes) < headerBytes;
}

function pieceAt(bytes: Buffer, offset: number): Piece | undefined {
  const end = offset + headerBytes + bytes.readUInt16LE(offset + 4);
  const type = bytes.readUInt8(offset + 6);
  const blockEnd = offset - (offset % blockBytes) + blockBytes;
  if (type < pieceTypes.full || type > pieceTypes.last || end > blockEnd || end > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset) !== maskedCrc32c(bytes, offset + 6, end)) return undefined;
  return { type, content: bytes.subarray(offset + headerBytes, end), end };
}

/** The log number in an edit of the manifest: a list of fields, each a tag and what the tag says. */
function logNumberOf(edit: Buffer): number | undefined {
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = edit.readUInt8(offset);
      offset += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  const text = (): void => {
    const length = varint();
    offset += length;
  };
  let number: number | undefined;
  while (offset < edit.length) {
    const tag = varint();
    if (tag === 2) number = varint();
    else if (!skipField(tag, varint, text)) return undefined;
  }
  return number;
}

/** False for a tag that nobody writes. */
function skipField(tag: number, varint: () => number, text: () => void): boolean {
  switch (tag) {
    case 1: // name of the order of keys
      text();
      return true;
    case 3: // next file number
    case 4: // last sequence of LevelDB's own
    case 9: // number of the log before
      varint();
      return true;
    case 5: // where compaction of a level goes on
      varint();
      text();
      return true;
    case 6: // a table removed from a level
      varint();
      varint();
      return true;
    case 7: // a table added: level, number, size, first and last key
      varint();
      varint();
      varint();
      text();
      text();
      return true;
    default:
      return false;
  }
}

async function readBytesIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

const crc32cTable = Int32Array.from({ length: 256 }, (_item, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0x82f6_3b78 : 0);
  return value;
});

/** CRC-32C (Castagnoli), turned and shifted as LevelDB stores it. */
function maskedCrc32c(bytes: Buffer, from: number, to: number): number {
  let crc = -1;
  for (let offset = from; offset < to; offset += 1) crc = (crc32cTable[(crc ^ (bytes[offset] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}
