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
  const checksumOf = (key: Uint8Array, text: Uint8Array | string): number => crc32(text, crc32(key, seed));
  return {
    encode(key, value) {
      const text = value === undefined ? '' : JSON.stringify(value);
      const bytes = Buffer.allocUnsafe(headerBytes + Buffer.byteLength(text));
      bytes.write(text, headerBytes);
      bytes.writeUInt8(format, 0);
      bytes.writeUInt32BE(checksumOf(key, text), 1);
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

function parse(key: Uint8Array, text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch (error) {
    throw recordDamaged(formatKey(key), 'its content is no JSON text', error);
  }
}
