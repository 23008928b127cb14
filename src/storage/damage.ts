/** Errors about what is on disk; each says what it means for the rest and what to do next. */
import { PerdureError, hasErrorCode } from '../kernel/errors.ts';

/** One record cannot be used. The rest of the store can. */
export function recordDamaged(key: string, reason: string, cause?: unknown): PerdureError<'RECORD_DAMAGED'> {
  return new PerdureError(
    'RECORD_DAMAGED',
    `The stored ${key} is damaged: ${reason}. Other workflows are not affected; to get this one back, restore the whole store directory from a backup.`,
    { key, reason },
    { cause },
  );
}

/** What lists and counts go by is not what the records say. */
export function indexDamaged(reason: string, cause?: unknown): PerdureError<'INDEX_DAMAGED'> {
  return new PerdureError(
    'INDEX_DAMAGED',
    `The index of workflows is damaged: ${reason}. No workflow is affected: ask again, or open the store again; it is made anew from their records. If that does not help, they cannot be read: restore the whole store directory from a backup.`,
    { reason },
    { cause },
  );
}

/** Whether the database says that it read something other than what was written. */
export function isCorruption(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'LEVEL_CORRUPTION';
}

/** For a read that fails: passes over what the database itself found corrupt. */
export function unlessCorrupt(error: unknown): 'corrupt' {
  if (isCorruption(error)) return 'corrupt';
  throw error;
}

/** What `read` gives, or undefined if the record it reads is damaged. */
export function unlessDamaged<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (hasErrorCode(error, 'RECORD_DAMAGED')) return undefined;
    throw error;
  }
}

/** The store as a whole cannot be trusted and is not opened. */
export function storeDamaged(path: string, reason: string, cause?: unknown): PerdureError<'STORE_DAMAGED'> {
  return new PerdureError(
    'STORE_DAMAGED',
    `The store at ${path} is damaged: ${reason}. Nothing was changed; restore the whole directory from a backup, or open another path.`,
    { path },
    { cause },
  );
}

/** The store cannot be reached, opened or written; what is on disk is not in doubt beyond what the sentence says. */
export function storeUnavailable(path: string, sentence: string, cause?: unknown): PerdureError<'STORE_UNAVAILABLE'> {
  return new PerdureError('STORE_UNAVAILABLE', sentence, { path }, { cause });
}

/** What an unknown thrown value says, for the middle of a sentence: without the full stop at its end. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const inner = thrown.cause instanceof Error ? `${thrown.message} (${thrown.cause.message})` : thrown.message;
  return inner.replace(/\.$/, '');
}
