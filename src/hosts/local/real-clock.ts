import type { Clock } from '../../kernel/ports.ts';

/** Longer delays make an ordinary timer fire at once; they are waited out in pieces. */
const timerMsMax = 2 ** 31 - 1;

/** The machine's own clock and timers. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (delayMs, callback) => {
    // Fractions are rounded up: a timer may be late, never early.
    if (delayMs <= timerMsMax) {
      const only = setTimeout(callback, Math.ceil(delayMs));
      return () => clearTimeout(only);
    }
    let timer: ReturnType<typeof setTimeout>;
    const wait = (remainingMs: number): void => {
      const pieceMs = Math.min(remainingMs, timerMsMax);
      timer = setTimeout(() => (remainingMs > pieceMs ? wait(remainingMs - pieceMs) : callback()), Math.ceil(pieceMs));
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
  yieldTurn: (callback) => void setImmediate(callback),
};
