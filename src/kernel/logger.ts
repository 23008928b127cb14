/** Where the runtime says what people who run it should know; the methods are those of pino, so that a pino logger is one. */
export interface Logger {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}
