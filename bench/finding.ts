/** What a measure found. */
import { median, quantile, quotients, spread } from './statistics.ts';

/** A number with what is wanted of it. */
export interface Finding {
  /** Unique: `<measure>/<what>`. */
  readonly name: string;
  /** One line: what was divided by what, or measured. */
  readonly meaning: string;
  readonly value: number;
  /** (largest − smallest) / median of the rounds. */
  readonly spread: number;
  /** What a quarter of the rounds did better than: how good it may be on a quieter machine. */
  readonly bestQuarter: number;
  /** Only a `ratio` of two things measured in the same run says the same on every machine, and is compared with the baseline. */
  readonly unit: 'ratio' | 's' | 'ms' | 'MB' | 'B' | '/s';
  readonly better: 'higher' | 'lower';
  /** At least or at most this, as `better` says. */
  readonly target?: number;
}

/** One line of a table, by the heads of its columns. */
export type Row = Readonly<Record<string, string | number>>;

export interface Measured {
  readonly rows: readonly Row[];
  readonly findings: readonly Finding[];
}

type Wanted = Pick<Finding, 'name' | 'meaning' | 'better'> & { readonly target?: number };

/** @param above and below: one value a round each */
export function ratio(wanted: Wanted, above: readonly number[], below: readonly number[]): Finding {
  return figure({ ...wanted, unit: 'ratio' }, quotients(above, below));
}

/** @param values one a round */
export function figure(wanted: Wanted & Pick<Finding, 'unit'>, values: readonly number[]): Finding {
  const bestQuarter = quantile(values, wanted.better === 'higher' ? 0.75 : 0.25);
  return { ...wanted, value: median(values), spread: spread(values), bestQuarter };
}

export function isMet({ value, better, target }: Finding): boolean | undefined {
  if (target === undefined) return undefined;
  return better === 'higher' ? value >= target : value <= target;
}
