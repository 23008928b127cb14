/**
 * Activities: user code with I/O, written as XState actor logic. `setup({ actors })` types it, editors show it, a plain
 * `createActor` runs it with the same retry arithmetic on ordinary timers, and a host of Perdure makes it durable. The
 * declaration travels with the logic under a symbol, so there is no registry beside the machine.
 */
import { nanoid } from 'nanoid';
import { fromPromise } from 'xstate';
import type { NonReducibleUnknown, PromiseActorLogic } from 'xstate';
import type { ActivityDescriptor, ActivityScope } from './activity-descriptor.ts';
import type { RateLimitOptions } from './activity-bounds.ts';
import { parseBounds } from './activity-bounds.ts';
import { activityDescriptor, durable } from './activity-descriptor.ts';
import { checkId } from './address.ts';
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
import { PerdureError } from './errors.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import type { RetryOptions } from './retry-policy.ts';
import { parseRetryPolicy } from './retry-policy.ts';
import { formatValue } from './value-encoding.ts';
import type { UndoOptions } from './undo-options.ts';
import { implementUndo, parseUndo } from './undo-options.ts';
import type { AttemptGiven } from './volatile-attempts.ts';
import { runWithRetries } from './volatile-attempts.ts';
import { ledgerAbove, nameInChart } from './xstate-ledger.ts';

/** An activity's code and policy. */
export interface ActivityOptions<Input, Output> {
  /** For records and messages, up to 255 bytes of UTF-8. Default: machine id and the name under which the machine has it. */
  readonly name?: string;
  /** The code. Leave it out to declare only, and bring the code with {@link implement}. */
  readonly run?: (scope: ActivityScope<Input>) => PromiseLike<Output> | Output;
  /** How long one attempt may take. Default 1 min. */
  readonly startToCloseTimeout?: Duration;
  /**
   * How long the activity may take in all, retries and waiting included. When it passes, the running attempt is aborted and the chart gets
   * an error named `ScheduleToCloseTimeout`; a retry that would begin later is not waited for. Default: as long as it takes.
   */
  readonly scheduleToCloseTimeout?: Duration;
  /** How long an attempt may go without calling `heartbeat` before it is aborted and tried again. Default: as long as it likes. */
  readonly heartbeatTimeout?: Duration;
  /**
   * How often and when it is tried again. Default: up to 10 attempts, from 1 s to 1 min apart, full jitter. An error with a property
   * `nextRetryDelay` (milliseconds, or text such as `'30s'`) says itself when.
   */
  readonly retry?: RetryOptions;
  /**
   * Attempts of activities of this name that may run at once in a process; further ones wait, the longest waiting first. Where
   * declarations of one name differ, the strictest counts. Default: no limit of its own. A plain `createActor` knows no such limits.
   */
  readonly maxConcurrentAttempts?: number;
  /**
   * How often attempts of activities of this name may begin in a process: `count` at once, and `count` more over each `per`, evenly
   * (a token bucket, full when the process starts). Default: no limit. A plain `createActor` knows no such limits.
   */
  readonly rateLimit?: RateLimitOptions;
  /**
   * How what it did is undone, should the workflow end badly or its chart invoke `compensation`. Registered before the first attempt
   * begins, since an attempt that timed out may have taken effect. Default: there is nothing to undo.
   */
  readonly compensate?: UndoOptions<Input, Output>;
  /**
   * Whether a person decides where no further attempt is made: instead of failing it stays pending, and an item of `runtime.queue` waits
   * until somebody has it begin anew (`retry`), says what it came to (`settle`) or lets it fail (`discard`). Default false. In a plain
   * `createActor`, where there is no queue, it fails.
   */
  readonly deadLetter?: boolean;
  /** The decision that what it does cannot be undone; not together with `compensate`. It changes nothing but what `checkMachine` says. */
  readonly irreversible?: boolean;
}

/** The descriptor is optional in the type: a required member would make `provide()` refuse replacements. */
export interface ActivityLogic<Input, Output> extends PromiseActorLogic<Output, Input> {
  readonly [durable]?: ActivityDescriptor;
}

/**
 * Declares an activity.
 *
 * @throws TypeError for options that are missing or malformed, naming the option and its value
 * @throws PerdureError `ID_INVALID` for a name that is empty, longer than 255 bytes of UTF-8 or no valid text
 */
export function activity<Input extends NonReducibleUnknown, Output>(options: ActivityOptions<Input, Output>): ActivityLogic<Input, Output> {
  checkOptions(options, 'activity', activityOptions, codeExample);
  if (options.name !== undefined) checkId(options.name, 'activity name');
  const what = `activity ${options.name === undefined ? '' : JSON.stringify(options.name)}`.trimEnd();
  if (options.run !== undefined) checkIsFunction(options.run, what);
  return activityLogic<Input, Output>({
    kind: 'activity',
    name: options.name,
    run: options.run as ActivityDescriptor['run'],
    startToCloseTimeoutMs: parseDuration(options.startToCloseTimeout ?? '1m', `${what}: startToCloseTimeout`),
    retry: parseRetryPolicy(options.retry === undefined ? {} : options.retry, what),
    ...parseBounds(options, what),
    ...parseDeadLetter(options.deadLetter, what),
    ...parseUndo(options, what),
  });
}

/**
 * The declared activity with code: policy and name stay those of the declaration.
 *
 * @param code `compensate` brings the code of the undo; what it says of retries and time-outs replaces what was declared
 * @throws TypeError if the first argument was not made by {@link activity}, or the second has no function `run`
 */
export function implement<Input extends NonReducibleUnknown, Output>(
  declaration: ActivityLogic<Input, Output>,
  code: {
    readonly run: (scope: ActivityScope<Input>) => PromiseLike<Output> | Output;
    readonly compensate?: UndoOptions<Input, Output>;
  },
): ActivityLogic<Input, Output> {
  const descriptor = activityDescriptor(declaration);
  if (descriptor === undefined) {
    throw new TypeError(`implement() takes a declaration made by activity() as its first argument; found ${formatValue(declaration)}.`);
  }
  checkOptions<typeof code>(code, 'implement', { run: true, compensate: true }, codeExample);
  checkIsFunction(code.run, 'implement()');
  return activityLogic<Input, Output>({ ...descriptor, run: code.run as ActivityDescriptor['run'], ...implementUndo(descriptor, code) });
}

function activityLogic<Input extends NonReducibleUnknown, Output>(descriptor: ActivityDescriptor): ActivityLogic<Input, Output> {
  const logic = fromPromise<Output, Input>(({ input, signal, self }) => {
    const run = descriptor.run;
    if (run === undefined) {
      const missing = descriptor.name ?? self.id;
      throw new PerdureError('IMPLEMENTATION_MISSING', `Activity "${missing}" is declared without code; provide it with implement().`, {
        missing: [missing],
      });
    }
    // Session ids are counted anew in each process and each system of actors, so other activities would have the same.
    const idempotencyKey = nanoid();
    const completeLater = async (): Promise<never> => Promise.reject(durableHostNeeded(descriptor.name ?? self.id));
    const once = (given: AttemptGiven): unknown => run({ input, idempotencyKey, completeLater, ...given });
    const { undo } = descriptor;
    const ledger = undo === undefined ? undefined : ledgerAbove(self);
    if (undo === undefined || ledger === undefined) return runWithRetries(descriptor, once, signal) as Promise<Output>;
    const name = descriptor.name ?? nameInChart(self);
    return ledger.run({ name, input, idempotencyKey, policy: descriptor, undo }, once, signal) as Promise<Output>;
  });
  return Object.assign(logic, { [durable]: descriptor });
}

function durableHostNeeded(activityName: string): PerdureError {
  const message = `Activity "${activityName}" wants to be completed later, but in a plain createActor nobody can: run its machine with openRuntime.`;
  return new PerdureError('DURABLE_HOST_NEEDED', message, { activity: activityName });
}

const codeExample = '{ run: async ({ input }) => … }';

const activityOptions: OptionNames<ActivityOptions<unknown, unknown>> = {
  name: true,
  run: true,
  startToCloseTimeout: true,
  scheduleToCloseTimeout: true,
  heartbeatTimeout: true,
  retry: true,
  maxConcurrentAttempts: true,
  rateLimit: true,
  deadLetter: true,
  compensate: true,
  irreversible: true,
};

function parseDeadLetter(deadLetter: unknown, what: string): Pick<ActivityDescriptor, 'hasDeadLetter'> {
  if (deadLetter !== undefined && typeof deadLetter !== 'boolean') {
    throw new TypeError(`${what}: deadLetter must be true or false; found ${formatValue(deadLetter)}.`);
  }
  return deadLetter === true ? { hasDeadLetter: true } : {};
}

function checkIsFunction(run: unknown, what: string): void {
  if (typeof run !== 'function') {
    throw new TypeError(`${what}: run must be a function such as async ({ input }) => …; found ${formatValue(run)}.`);
  }
}
