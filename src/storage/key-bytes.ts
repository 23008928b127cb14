/**
 * The pieces keys are made of. Each keeps the order of what it encodes, and none is a prefix of another of its kind, so keys
 * made of them sort by their parts and a prefix scan finds exactly what belongs to it.
 */
import type { Address } from '../kernel/address.ts';

const uint32Max = 0xffff_ffff;
const highWord = 0x1_0000_0000;
/** Before each element of a path; more than {@link pathEnd}, so that a parent sorts before its children. */
const pathElement = 0x01;
const pathEnd = 0x00;

// A byte order mark is a character of an id like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 with U+0000 written `00 01`, ended by `00 00`. */
export function idBytes(id: string): Uint8Array {
  // Two ids that differ only in a lone surrogate would become one key.
  if (/\p{Cs}/u.test(id)) {
    throw new TypeError(`A key cannot hold ${JSON.stringify(id)}: it contains a lone surrogate. Check ids at the door.`);
  }
  const text = id.includes('\0') ? id.replaceAll('\0', '\0\u0001') : id;
  return Buffer.from(`${text}\0\0`);
}

export function uint32Bytes(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  writeUint32(bytes, value, 0);
  return bytes;
}

/** Answers the offset behind it. */
export function writeUint32(bytes: Buffer, value: number, offset: number): number {
  if (!Number.isInteger(value) || value < 0 || value > uint32Max) throw new TypeError(`A key cannot hold ${value} as a 32-bit counter.`);
  return bytes.writeUInt32BE(value, offset);
}

/** Eight bytes for a whole number up to 2^53 - 1. */
export function integerBytes(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  writeInteger(bytes, value, 0);
  return bytes;
}

export function writeInteger(bytes: Buffer, value: number, offset: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`A key cannot hold ${value} as a number from 0 to 2^53 - 1.`);
  bytes.writeUInt32BE(Math.floor(value / highWord), offset);
  bytes.writeUInt32BE(value % highWord, offset + 4);
}

/**
 * Eight bytes for a moment in epoch milliseconds. The bits of doubles that are not negative sort as the numbers do, so a
 * moment with a fraction (a delay of 0.5 ms) comes back as exactly what it was.
 */
export function momentBytes(atMs: number): Uint8Array {
  if (!(atMs >= 0)) throw new TypeError(`A key cannot hold ${atMs} as a moment; moments are epoch milliseconds from 0.`);
  const bytes = Buffer.allocUnsafe(8);
  // Adding 0 turns -0, which would sort last, into 0.
  bytes.writeDoubleBE(atMs + 0);
  return bytes;
}

/** Id, run, then each element of the path marked by `01`, then `00`. The last answer is kept: a step has several rows. */
export function addressBytes(address: Address): Uint8Array {
  if (last?.address !== address) last = { address, bytes: bytesOf(address) };
  return last.bytes;
}

let last: { readonly address: Address; readonly bytes: Uint8Array } | undefined;

function bytesOf(address: Address): Uint8Array {
  const id = idBytes(address.workflowId);
  const bytes = Buffer.allocUnsafe(id.length + 4 + 5 * address.path.length + 1);
  bytes.set(id);
  let offset = writeUint32(bytes, address.run, id.length);
  for (const element of address.path) {
    offset = bytes.writeUInt8(pathElement, offset);
    offset = writeUint32(bytes, element, offset);
  }
  bytes.writeUInt8(pathEnd, offset);
  return bytes;
}

/** Takes a key apart, front to back; throws a `RangeError` at bytes that none of the functions above could have written. */
export class KeyReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(key: Uint8Array) {
    this.#bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  }

  byte(): number {
    const value = this.#bytes.readUInt8(this.#offset);
    this.#offset += 1;
    return value;
  }

  id(): string {
    const begin = this.#offset;
    let hasZero = false;
    for (;;) {
      if (this.byte() !== 0) continue;
      if (!this.#isEscape()) break;
      hasZero = true;
    }
    const text = utf8.decode(this.#bytes.subarray(begin, this.#offset - 2));
    return hasZero ? text.replaceAll('\0\u0001', '\0') : text;
  }

  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.#offset);
    this.#offset += 4;
    return value;
  }

  integer(): number {
    const value = this.uint32() * highWord + this.uint32();
    if (!Number.isSafeInteger(value)) throw new RangeError('a number above 2^53 - 1');
    return value;
  }

  moment(): number {
    const value = this.#bytes.readDoubleBE(this.#offset);
    if (!(value >= 0) || Object.is(value, -0)) throw new RangeError('a moment that is not a number from 0');
    this.#offset += 8;
    return value;
  }

  address(): Address {
    const workflowId = this.id();
    const run = this.uint32();
    const path: number[] = [];
    for (let mark = this.byte(); mark !== pathEnd; mark = this.byte()) {
      if (mark !== pathElement) throw new RangeError('a path element without its mark');
      path.push(this.uint32());
    }
    return { workflowId, run, path };
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) throw new RangeError('bytes after the end');
  }

  #isEscape(): boolean {
    const byte = this.byte();
    if (byte > 1) throw new RangeError('an unfinished id');
    return byte === 1;
  }
}
