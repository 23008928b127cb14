/**
 * The token of an attempt that is completed from outside: says which attempt of which activity of which actor it is, and is the same
 * in every life of the process. It is no secret.
 */
import type { Address } from './address.ts';
import { checkId } from './address.ts';
import { PerdureError } from './errors.ts';

export interface AttemptPlace {
  readonly address: Address;
  readonly n: number;
  readonly attempt: number;
}

const numbers = /^(\d+):((?:\d+(?:\.\d+)*)?):(\d+):(\d+)$/;

export function formatToken({ address, n, attempt }: AttemptPlace): string {
  return `${encodeURIComponent(address.workflowId)}:${address.run}:${address.path.join('.')}:${n}:${attempt}`;
}

/** @throws PerdureError `TOKEN_INVALID` for anything that `completeLater` did not give, as far as its form shows */
export function parseToken(token: unknown): AttemptPlace {
  try {
    if (typeof token !== 'string') throw new TypeError('A token is a string.');
    const end = token.indexOf(':');
    const workflowId = decodeURIComponent(token.slice(0, end));
    checkId(workflowId, 'workflow id');
    const [, run, path = '', n, attempt] = numbers.exec(token.slice(end + 1)) ?? [];
    if (end < 1 || attempt === undefined) throw new TypeError('A token names an attempt.');
    const address = { workflowId, run: Number(run), path: path === '' ? [] : path.split('.').map(Number) };
    return { address, n: Number(n), attempt: Number(attempt) };
  } catch (cause) {
    throw new PerdureError(
      'TOKEN_INVALID',
      'This is no token of an attempt; give the one that completeLater handed out, unchanged.',
      {},
      { cause },
    );
  }
}
