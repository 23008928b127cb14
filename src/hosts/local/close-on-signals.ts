/** The usual end of a program: a signal closes its runtime, another one does not wait for that. */
import { constants } from 'node:os';
import type { Duration } from '../../kernel/duration.ts';
import { parseDuration } from '../../kernel/duration.ts';
import { checkOptions } from '../../kernel/options.ts';
import { formatValue } from '../../kernel/value-encoding.ts';
import type { Runtime } from '../../runtime/runtime-door.ts';

/** Options of `closeOnSignals`. */
export interface CloseOnSignalsOptions {
  /** How long running attempts may take to end after they were told. Default 5 s. */
  readonly grace?: Duration;
  /** Which signals. Default SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[];
}

/** Runtimes of this process that are being closed: one that is done with it must not cut off the others. */
const closing = new Set<Pick<Runtime, 'close'>>();

/**
 * The first signal closes the runtime, gives running attempts their grace period and ends the process with exit code 0 (1 if closing
 * failed). Of several runtimes in a process each may be given here: it ends when all of them are closed. The second signal ends the
 * process at once with 128 plus the signal's number, as a shell would say it; the store is then as after a crash, which is to say
 * consistent.
 *
 * @returns what takes the listeners away again, as long as no signal came
 * @throws TypeError for malformed options
 */
export function closeOnSignals(runtime: Pick<Runtime, 'close'>, options: CloseOnSignalsOptions = {}): () => void {
  checkOptions<CloseOnSignalsOptions>(options, 'closeOnSignals', { grace: true, signals: true });
  const { grace, signals = ['SIGTERM', 'SIGINT'] } = options;
  if (grace !== undefined) parseDuration(grace, 'closeOnSignals: grace');
  const unknown = signals.find((signal) => !Object.hasOwn(constants.signals, signal));
  if (unknown !== undefined) throw new TypeError(`closeOnSignals: signals must be names such as SIGTERM; found ${formatValue(unknown)}.`);
  let isClosing = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isClosing) process.exit(128 + constants.signals[signal]);
    isClosing = true;
    closing.add(runtime);
    runtime.close(grace === undefined ? {} : { grace }).then(
      () => {
        closing.delete(runtime);
        if (closing.size === 0) process.exit(0);
      },
      (error: unknown) => {
        // An uncaught error of its own, with which the process ends.
        queueMicrotask(() => {
          throw error;
        });
      },
    );
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    if (!isClosing) for (const signal of signals) process.off(signal, onSignal);
  };
}
