/** The place in a list where the next page begins, as text: with digests of its list and of itself, so that no other is taken for it. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import { formatValue } from './value-encoding.ts';

/** @param list what a cursor has to have in common with its list; the size of its pages may change */
export function encodeCursor(list: unknown, place: readonly Json[]): string {
  const parts = [digest(list), ...place];
  const bytes = utf8ToBytes(JSON.stringify([...parts, digest(parts)]));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * @param door names the function in messages
 * @throws TypeError for what is no text; PerdureError `CURSOR_INVALID`
 */
export function decodeCursor(cursor: unknown, list: unknown, door: string): readonly unknown[] {
  if (typeof cursor !== 'string') {
    throw new TypeError(`${door}: cursor must be the next of the page before; found ${formatValue(cursor)}.`);
  }
  const parts = partsOf(cursor);
  const [name, ...place] = parts.slice(0, -1);
  if (parts.length < 2 || parts.at(-1) !== digest([name, ...place])) throw unreadableCursor(cursor, door);
  if (name !== digest(list)) {
    const message = `${door}: the cursor belongs to another list; repeat it with the filter, sort and order of the page it came from, or begin anew.`;
    throw new PerdureError('CURSOR_INVALID', message, { reason: 'other-list' });
  }
  return place;
}

export function unreadableCursor(cursor: string, door: string): PerdureError {
  const message = `${door}: ${formatValue(cursor)} is no cursor; give the next of the page before, unchanged, or none to begin anew.`;
  return new PerdureError('CURSOR_INVALID', message, { reason: 'unreadable' });
}

function partsOf(cursor: string): readonly unknown[] {
  try {
    const binary = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'));
    const text = new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
    const parts: unknown = JSON.parse(text);
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

function digest(value: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(value))).subarray(0, 6));
}
