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
import { formatKey } from './key-text.ts';

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
  const paper = new Paper(seed);
  return {
    encode: (key, value) => paper.write(key, value === undefined ? '' : JSON.stringify(value)),
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
  readonly #seed: number;
  #sheet = new Uint8Array(0);
  #used = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  write(key: Uint8Array, text: string): Uint8Array {
    // The key stands before the text, so that the checksum is of one piece; then the header takes the place of its end.
    const keyEnd = Math.max(key.length, headerBytes);
    // A UTF-16 unit is at most three bytes of UTF-8; of long texts it is worth while to count them.
    const most = text.length > sheetBytes / 4 ? Buffer.byteLength(text) : 3 * text.length;
    const sheet = this.#sheetWith(keyEnd + most);
    const textBegin = this.#used + keyEnd;
    sheet.set(key, textBegin - key.length);
    const textEnd = textBegin + utf8.encodeInto(text, sheet.subarray(textBegin)).written;
    const checksum = crc32(sheet.subarray(textBegin - key.length, textEnd), this.#seed);
    const row = sheet.subarray(textBegin - headerBytes, textEnd);
    row[0] = format;
    for (let byte = 1; byte <= 4; byte += 1) row[byte] = checksum >>> (32 - 8 * byte);
    this.#used = textEnd;
    return row;
  }

  #sheetWith(room: number): Uint8Array {
    if (this.#used + room > this.#sheet.length) {
      this.#sheet = new Uint8Array(Buffer.allocUnsafeSlow(Math.max(sheetBytes, room)).buffer);
      this.#used = 0;
    }
    return this.#sheet;
  }
}

function parse(key: Uint8Array, text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch (error) {
    throw recordDamaged(formatKey(key), 'its content is no JSON text', error);
  }
}
