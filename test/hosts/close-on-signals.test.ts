/** What a signal does to a real process is tested in `test/process/shutdown.test.ts`. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { closeOnSignals } from '../../src/index.ts';

const runtime = { close: () => Promise.resolve() };

test('listens to SIGTERM and SIGINT, or what it is told, until it is taken away', () => {
  const counts = (): number[] => ['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => process.listenerCount(signal));
  const [term = 0, int = 0, hup = 0] = counts();
  const forget = closeOnSignals(runtime);
  expect(counts()).toEqual([term + 1, int + 1, hup]);
  const forgetOther = closeOnSignals(runtime, { signals: ['SIGHUP'] });
  expect(counts()).toEqual([term + 1, int + 1, hup + 1]);
  forget();
  forgetOther();
  expect(counts()).toEqual([term, int, hup]);
});

test.each([
  [{ grace: 'soon' }, 'closeOnSignals: grace must be a duration'],
  [{ signals: ['TERM'] }, 'closeOnSignals: signals must be names such as SIGTERM; found "TERM".'],
])('refuses %j and listens to nothing', (options, message) => {
  const before = process.listenerCount('SIGTERM');
  expect(() => closeOnSignals(runtime, options as never)).toThrow(message);
  expect(process.listenerCount('SIGTERM')).toBe(before);
});

test('ends the process when the last of several runtimes is closed', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const before = process.listeners('SIGHUP');
  onTestFinished(() => {
    exit.mockRestore();
    for (const listener of process.listeners('SIGHUP')) if (!before.includes(listener)) process.off('SIGHUP', listener);
  });
  let finish = (): void => undefined;
  const slow = { close: () => new Promise<void>((resolve) => (finish = resolve)) };
  closeOnSignals({ close: () => Promise.resolve() }, { signals: ['SIGHUP'] });
  closeOnSignals(slow, { signals: ['SIGHUP'] });
  process.emit('SIGHUP', 'SIGHUP');
  await new Promise(setImmediate);
  expect(exit).not.toHaveBeenCalled();
  finish();
  await new Promise(setImmediate);
  expect(exit).toHaveBeenCalledExactlyOnceWith(0);
});
