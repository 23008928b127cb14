/** The errors in which a runtime refuses calls for the sake of its store, worded once. None of them leaves anything in doubt. */
import { PerdureError } from '../kernel/errors.ts';

/** @param isFinal whether the runtime will not open the store again */
export function storeFailed(path: string, cause: unknown, isFinal: boolean): PerdureError {
  const remedy = isFinal ? 'close the runtime and look at the cause' : 'it is being opened again, try again soon';
  const message = `The store at ${path} failed, and nothing of this call was taken: ${remedy}.`;
  return new PerdureError('STORE_UNAVAILABLE', message, { path }, { cause });
}

export function storeSlow(path: string, sinceMs: number): PerdureError {
  const message = `The store at ${path} has been writing one batch for ${sinceMs} ms; nothing is started until its disk has caught up. Try again soon.`;
  return new PerdureError('STORE_SLOW', message, { path, sinceMs });
}

export function spaceLow(path: string, freeBytes: number, floorBytes: number): PerdureError {
  const message = `The disk of the store at ${path} has ${freeBytes} bytes free; nothing is started below ${floorBytes}. Free some space; what is under way goes on.`;
  return new PerdureError('STORE_SPACE_LOW', message, { path, freeBytes, floorBytes });
}

export function runtimeClosed(): PerdureError {
  return new PerdureError('RUNTIME_CLOSED', 'The runtime is closed; open it again to go on.', {});
}
