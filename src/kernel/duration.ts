import { limits } from './limits.ts';

/** A length of time: milliseconds as a number, or text such as `'200ms'`, `'10s'`, `'1.5m'`, `'72h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const millisecondsPer = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of a duration.
 *
 * @param what names the option in the message
 * @throws TypeError if it is neither such a text nor a number from 0 to 100 years
 */
export function parseDuration(duration: Duration, what: string): number {
  const milliseconds = typeof duration === 'number' ? duration : parseText(duration);
  if (milliseconds === undefined || !(milliseconds >= 0 && milliseconds <= limits.delayMsMax)) {
    const found = typeof duration === 'string' ? JSON.stringify(duration) : String(duration);
    throw new TypeError(`${what} must be a duration such as 500 (milliseconds), '10s', '5m' or '72h', up to 100 years; found ${found}.`);
  }
  return milliseconds;
}

function parseText(text: unknown): number | undefined {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null;
  if (match === null) return undefined;
  // What matches has both groups.
  const [, amount, unit] = match as unknown as readonly [string, string, keyof typeof millisecondsPer]; // the pattern has these groups
  // Rounded, since a product such as 1.1 * 1000 is not quite whole.
  return Math.round(Number(amount) * millisecondsPer[unit]);
}
