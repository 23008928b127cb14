/**
 * What stands behind a key. Format 1, in bytes:
 *
 * | offset | length | |
 * | --- | --- | --- |
 * | 0 | 1 | format number, so that later versions can tell their records from these |
 * | 1 | 4 | CRC-32, big-endian, over store id, format number, key and text |
 * | 5 | rest | JSON text in UTF-8; empty for a row that says everything in its key |
 *
 * The checksum covers the key and the store id, so that a record that ended up in the wrong place, or came from another
 * store, is found as surely as one with a flipped bit. LevelDB returns wrong bytes without a word.
 */
import { crc32 } from 'node:zlib';
import { recordDamaged } from './damage.ts';
import { formatKey } from './keys.ts';

const format = 1;
const headerBytes = 5;

/** Turns values into bytes and back for one store. */
export interface Codec {
  /** `value` is plain JSON data; without one the row is empty but for its checksum. */
  encode(key: Uint8Array, value?: object): Uint8Array;
  /**
   * The value that was encoded for this key in this store.
   *
   * @throws PerdureError `RECORD_DAMAGED` for any other bytes
   */
  decode(key: Uint8Array, bytes: Uint8Array): unknown;
}

export function createCodec(storeId: string): Codec {
  const seed = crc32(Uint8Array.of(format), crc32(storeId));
  const checksumOf = (key: Uint8Array, text: Uint8Array): number => crc32(text, crc32(key, seed));
  const paper = new Paper();
  return {
    encode(key, value) {
      const bytes = paper.write(value === undefined ? '' : JSON.stringify(value));
      const checksum = checksumOf(key, bytes.subarray(headerBytes));
      bytes[0] = format;
      for (let byte = 1; byte <= 4; byte += 1) bytes[byte] = checksum >>> (32 - 8 * byte);
      return bytes;
    },
    decode(key, bytes) {
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (view.length < headerBytes) throw recordDamaged(formatKey(key), `it has ${view.length} bytes, at least ${headerBytes} are needed`);
      if (view.readUInt8(0) !== format) {
        throw recordDamaged(formatKey(key), `its format is ${view.readUInt8(0)}, this version of Perdure reads ${format}`);
      }
      const text = view.subarray(headerBytes);
      if (view.readUInt32BE(1) !== checksumOf(key, text)) {
        throw recordDamaged(formatKey(key), 'its checksum does not match its key, its store and its content');
      }
      return text.length === 0 ? undefined : parse(key, text);
    },
  };
}

const sheetBytes = 65_536;
const utf8 = new TextEncoder();

/** Where rows are written, one behind the other: a row's length need not be known before, and memory comes in large pieces. */
class Paper {
  #sheet = new Uint8Array(0);
  #used = 0;

  /** The text with room for a header before it. */
  write(text: string): Uint8Array {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const most = headerBytes + 3 * text.length;
    if (most > sheetBytes / 4) return alone(text);
    if (this.#used + most > this.#sheet.length) [this.#sheet, this.#used] = [new Uint8Array(Buffer.allocUnsafeSlow(sheetBytes).buffer), 0];
    const { written } = utf8.encodeInto(text, this.#sheet.subarray(this.#used + headerBytes));
    const begin = this.#used;
    this.#used += headerBytes + written;
    return this.#sheet.subarray(begin, this.#used);
  }
}

function alone(text: string): Uint8Array {
  const bytes = new Uint8Array(headerBytes + Buffer.byteLength(text));
  utf8.encodeInto(text, bytes.subarray(headerBytes));
  return bytes;
}

function parse(key: Uint8Array, text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch (error) {
    throw recordDamaged(formatKey(key), 'its content is no JSON text', error);
  }
}
