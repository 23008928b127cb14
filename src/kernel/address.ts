import { PerdureError } from './errors.ts';
import { limits } from './limits.ts';

/**
 * An actor's unique, never reused place: workflow id + run + path of counters. The root's path is empty. The counter a child
 * takes is committed with its parent, so an address that was issued once is never issued again, not even after a crash.
 */
export interface Address {
  readonly workflowId: string;
  /** 1, 2, … each time a closed id is started again. */
  readonly run: number;
  readonly path: readonly number[];
}

export function rootAddress(workflowId: string, run: number): Address {
  return { workflowId, run, path: [] };
}

/** The address as one string, unique within a store; equal addresses give equal strings. */
export function formatAddress(address: Address): string {
  if (last?.address !== address) last = { address, text: `${address.workflowId}:${address.run}:${formatPlace(address.path)}` };
  return last.text;
}

/** One step asks for the same again and again. */
let last: { readonly address: Address; readonly text: string } | undefined;

/** The address of the child that took number `n` of its parent's counter. */
export function childAddress(parent: Address, n: number): Address {
  return { ...parent, path: [...parent.path, n] };
}

/** The number of a child below its parent; NaN for the root, which nobody has for a child. */
export function numberOf(path: readonly number[]): number {
  return Number(path.at(-1));
}

/** A path as one string; the root's is empty. */
export function formatPlace(path: readonly number[]): string {
  return path.length === 0 ? '' : path.join('.');
}

/**
 * The path in a formatted address of the same run.
 *
 * @throws TypeError for the address of another run: what belongs to one cannot be reached from another
 */
export function pathOf(formatted: string, { workflowId, run }: Address): readonly number[] {
  const prefix = `${workflowId}:${run}:`;
  if (!formatted.startsWith(prefix)) throw new TypeError(`Actor "${formatted}" belongs to another workflow; send to that one by its id.`);
  const place = formatted.slice(prefix.length);
  return place === '' ? [] : place.split('.').map(Number);
}

/** What makes a repeated call recognisable to the world outside: written when the activity is scheduled, never recomputed. */
export function idempotencyKey(address: Address, counter: number): string {
  return activityKey(address, counter);
}

/**
 * An activity as one string, unique within a store: what hosts know it by while it is pending. Its record has it as its idempotency
 * key, so that nobody who has the record need make it again.
 */
export function activityKey(address: Address, counter: number): string {
  return `${formatAddress(address)}:${counter}`;
}

/**
 * Checks an id that users give: any non-empty string up to 255 bytes of UTF-8 without lone surrogates (two strings that
 * differ only there would become one key).
 *
 * @param what names the id in the message, for example `workflow id`
 * @throws PerdureError `ID_INVALID`, or a `TypeError` if it is no string
 */
export function checkId(id: unknown, what: string): asserts id is string {
  if (typeof id !== 'string') throw new TypeError(`The ${what} must be a string, found ${id === null ? 'null' : typeof id}.`);
  const reason = problemOfId(id);
  if (reason !== undefined) throw new PerdureError('ID_INVALID', `The ${what} ${shorten(id)} ${reason}.`, { reason });
}

/** What keeps a text from being an id, or undefined. */
export function problemOfId(id: string): string | undefined {
  if (id === '') return 'is empty; give it at least one character';
  if (id.length > limits.idBytesMax) return `is longer than ${limits.idBytesMax} bytes`;
  if (!isWellFormed(id)) return 'contains a lone surrogate, so it is not valid text';
  return new TextEncoder().encode(id).length > limits.idBytesMax ? `is longer than ${limits.idBytesMax} bytes of UTF-8` : undefined;
}

function isWellFormed(text: string): boolean {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function shorten(id: string): string {
  return JSON.stringify(id.length > 60 ? `${id.slice(0, 60)}…` : id);
}
