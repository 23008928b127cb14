import { expect, test } from 'vitest';
import type { Logger } from '../../src/kernel/logger.ts';
import { guardedLogger, silentLogger } from '../../src/kernel/logger.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;

test('a guarded logger says everything on its level, and keeps what is thrown over it to itself', () => {
  const said: unknown[] = [];
  const say = (level: string) => (data: object, message: string) => {
    said.push([level, data, message]);
    throw new Error('The disk of the log is full.');
  };
  const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const guarded = guardedLogger(logger);
  for (const level of levels) guarded[level]({ level }, 'hello');
  expect(said).toEqual(levels.map((level) => [level, { level }, 'hello']));
});

test('one that says nothing stays the one that is known to say nothing', () => {
  expect(guardedLogger(silentLogger)).toBe(silentLogger);
  expect(levels.map((level) => silentLogger[level]({}, ''))).toEqual([undefined, undefined, undefined, undefined]);
});
