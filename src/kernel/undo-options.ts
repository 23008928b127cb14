/** The options of an undo at the door, and what hosts read of them. */
import type { ActivityDescriptor, UndoDescriptor, UndoScope } from './activity-descriptor.ts';
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import type { RetryOptions } from './retry-policy.ts';
import { parseRetryPolicy } from './retry-policy.ts';
import { formatValue } from './value-encoding.ts';

/** How what an activity did is undone. */
export interface UndoOptions<Input, Output> {
  /**
   * The code. It may be asked to undo what never happened (`outcome: 'unknown'`), and more than once: hand the idempotency key to the
   * service it calls. Leave it out to declare only, and bring the code with `implement`.
   */
  readonly run?: (scope: UndoScope<Input, Output>) => unknown;
  /** How long one attempt may take. Default 1 min. */
  readonly startToCloseTimeout?: Duration;
  /** How often and when it is tried again before it is deferred: the defaults are those of an activity's `retry`. */
  readonly retry?: RetryOptions;
}

interface Undoable {
  readonly compensate?: UndoOptions<never, never>;
  readonly irreversible?: boolean;
}

const undoOptions: OptionNames<UndoOptions<unknown, unknown>> = { run: true, startToCloseTimeout: true, retry: true };

/** @throws TypeError naming the option and its value */
export function parseUndo({ compensate, irreversible }: Undoable, what: string): Pick<ActivityDescriptor, 'undo' | 'isIrreversible'> {
  if (irreversible !== undefined && typeof irreversible !== 'boolean') {
    throw new TypeError(`${what}: irreversible must be true or false; found ${formatValue(irreversible)}.`);
  }
  if (irreversible === true && compensate !== undefined) {
    throw new TypeError(`${what}: it has an undo (compensate) and is said to be irreversible; leave one of them out.`);
  }
  if (compensate !== undefined) return { undo: descriptorOf(compensate, {}, what) };
  return irreversible === true ? { isIrreversible: true } : {};
}

/** @throws TypeError naming the option and its value */
export function implementUndo({ undo, isIrreversible }: ActivityDescriptor, { compensate }: Undoable): Pick<ActivityDescriptor, 'undo'> {
  if (compensate === undefined) return {};
  if (isIrreversible === true) throw new TypeError('implement(): the activity is declared irreversible; leave compensate out.');
  return { undo: descriptorOf(compensate, undo ?? {}, 'implement()') };
}

function descriptorOf(options: UndoOptions<never, never>, declared: Partial<UndoDescriptor>, what: string): UndoDescriptor {
  const place = `${what}: compensate`;
  checkOptions<UndoOptions<never, never>>(options, place, undoOptions, '{ run: async ({ output }) => … }');
  const { run, startToCloseTimeout, retry } = options;
  if (run !== undefined && typeof run !== 'function') {
    throw new TypeError(`${place}.run must be a function such as async ({ output }) => …; found ${formatValue(run)}.`);
  }
  const isGiven = startToCloseTimeout !== undefined || declared.startToCloseTimeoutMs === undefined;
  return {
    run: (run as UndoDescriptor['run']) ?? declared.run,
    startToCloseTimeoutMs: isGiven
      ? parseDuration(startToCloseTimeout ?? '1m', `${place}.startToCloseTimeout`)
      : declared.startToCloseTimeoutMs,
    retry: retry === undefined && declared.retry !== undefined ? declared.retry : parseRetryPolicy(retry ?? {}, place),
  };
}
