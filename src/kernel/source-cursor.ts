import { encodeValue } from './value-encoding.ts';

/** Whether a source has no further page: it says so with no cursor, or with null, which it was first asked with. */
export function isEnd(next: unknown): next is undefined | null {
  return next === undefined || next === null;
}

/** Whether a source answers with the cursor that it was asked with: it would give the same items again, for ever. */
export function isStuck(asked: unknown, next: unknown): boolean {
  return !isEnd(next) && JSON.stringify(encodeValue(asked)) === JSON.stringify(encodeValue(next));
}
