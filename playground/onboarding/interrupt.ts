/** Exit code of a process ended by Ctrl-C, as shells have it: 128 + SIGINT. */
export const interruptedCode = 130;

/** The first Ctrl-C (or SIGTERM) asks for a clean stop, the second ends the process at once; the store survives either. */
export function stopOnInterrupt(): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(interruptedCode);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, stop: () => controller.abort() };
}
