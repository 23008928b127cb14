/** Where a runtime says what happens to it. */

/**
 * Takes structured lines; a `pino` logger is one. Data names workflows, machines, activities and error classes, never inputs,
 * contexts, events or outputs, but for what a chart itself says with `log`. Ids are whatever users chose: escaping control
 * characters is the logger's business.
 */
export interface Logger {
  /** What is normal and frequent. */
  debug(data: object, message: string): void;
  /** What is normal and seldom: opened, closed, recovered. */
  info(data: object, message: string): void;
  /** What somebody should look at: a workflow was parked, an activity failed for good, something is slow. */
  warn(data: object, message: string): void;
  /** What keeps the runtime from working. */
  error(data: object, message: string): void;
}

const nothing = (): void => undefined;

/** Says nothing: the default. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** The same, but for what it throws: who writes a line is in the middle of something that has to come to its end. */
export function guardedLogger(logger: Logger): Logger {
  if (logger === silentLogger) return logger;
  const guarded = (level: keyof Logger) => (data: object, message: string) => {
    try {
      logger[level](data, message);
    } catch {
      // There is nobody else to tell.
    }
  };
  return { debug: guarded('debug'), info: guarded('info'), warn: guarded('warn'), error: guarded('error') };
}
