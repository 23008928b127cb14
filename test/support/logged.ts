/** A logger that a test can look into. */
import type { Logger } from '../../src/kernel/logger.ts';

export interface LoggedLine {
  readonly level: keyof Logger;
  readonly data: object;
  readonly message: string;
}

export function recordingLogger(): Logger & { readonly lines: readonly LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const at =
    (level: keyof Logger) =>
    (data: object, message: string): void =>
      void lines.push({ level, data, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
