/** What can be measured. */
import type { Measured } from './finding.ts';

export interface MeasureOptions {
  /** The smallest sizes at which everything still runs: shows that it works, and nothing else. */
  readonly isQuick: boolean;
  /** Tells whoever watches what is being done. */
  readonly tell: (progress: string) => void;
}

export interface Measure {
  readonly name: string;
  readonly title: string;
  readonly run: (options: MeasureOptions) => Promise<Measured>;
}
