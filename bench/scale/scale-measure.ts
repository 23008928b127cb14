/** What a measure of scale is told, and what it is. */
import type { Measured } from '../finding.ts';

export interface ScaleOptions {
  /** How many of whatever is counted. */
  readonly size: number;
  /** Diagnostics, too. */
  readonly isVerbose: boolean;
}

/** @throws WrongResultError if what was measured did the wrong thing */
export type ScaleMeasure = (options: ScaleOptions) => Promise<Measured>;

/** What ran is not worth measuring: something was lost, out of order or too early. */
export class WrongResultError extends Error {
  override readonly name = 'WrongResultError';
}

export function confirm(isRight: boolean, otherwise: string): asserts isRight {
  if (!isRight) throw new WrongResultError(otherwise);
}

/** Works off `count` jobs, numbered from 0, so many at a time. */
export async function inLanes(count: number, lanes: number, job: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const n = next;
      next += 1;
      await job(n);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
}
