import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import { judgeFailure, parseConsumers, unreadableMessage } from '../../src/kernel/outbox-consumer.ts';
import type { ConsumerPolicy } from '../../src/kernel/outbox-consumer.ts';
import { parseRetryPolicy } from '../../src/kernel/retry-policy.ts';

const handle = (): void => undefined;

function only(consumer: unknown): ConsumerPolicy | undefined {
  return parseConsumers({ mail: consumer }, 'openRuntime')[0];
}

describe('a consumer of the outbox', () => {
  test('is a function, with the defaults of activities and a minute for each attempt', () => {
    expect(only(handle)).toMatchObject({
      name: 'mail',
      handle,
      skips: false,
      startToCloseTimeoutMs: 60_000,
      retry: { maximumAttempts: 10 },
    });
    expect(only({ handle })).toEqual(only(handle));
  });

  test('may say what becomes of messages behind one that failed for good', () => {
    expect(only({ handle, onPoison: 'skip' })?.skips).toBe(true);
    expect(only({ handle, onPoison: 'hold' })?.skips).toBe(false);
  });

  test.each([
    [undefined, 'outbox must be an object of consumers by name'],
    [null, 'found null'],
    [[handle], 'outbox must be an object of consumers by name'],
    [{ '': handle }, 'outbox consumer ""'],
    [{ mail: {} }, 'outbox consumer "mail": handle must be a function; found undefined'],
    [{ mail: { handle, onPoison: 'drop' } }, `onPoison must be 'hold' or 'skip'; found "drop"`],
    [{ mail: 5 }, 'outbox consumer "mail"'],
  ])('is refused as %j with a message that names it', (consumers, message) => {
    expect(() => parseConsumers(consumers, 'openRuntime')).toThrow(TypeError);
    expect(() => parseConsumers(consumers, 'openRuntime')).toThrow(message);
  });
});

describe('a failed attempt', () => {
  const retry = parseRetryPolicy({ maximumAttempts: 2, initialInterval: '1s', jitter: 'none', nonRetryableErrorTypes: ['Fatal'] }, 'mail');

  test('is tried again after the backoff, or when its error says', () => {
    expect(judgeFailure(retry, new Error('no'), 1, 5, 0)).toMatchObject({
      kind: 'retry',
      delayMs: 1_000,
      failure: { attempt: 1, retryable: true },
    });
  });

  test('fails for good after the last one, and at once with a class that is not retried', () => {
    expect(judgeFailure(retry, new Error('no'), 2, 5, 0)).toMatchObject({
      kind: 'poison',
      atMs: 5,
      failure: { attempt: 2, retryable: false },
    });
    const fatal = Object.assign(new Error('never'), { name: 'Fatal' });
    expect(judgeFailure(retry, fatal, 1, 5, 0)).toMatchObject({ kind: 'poison', failure: { class: 'Fatal', retryable: false } });
  });

  test('keeps no stack, since very many may be kept', () => {
    expect(judgeFailure(retry, new Error('no'), 1, 5, 0).failure).not.toHaveProperty('stack');
  });

  test('is for good where the entry cannot be read', () => {
    const place = { commit: 3, n: 0, address: rootAddress('a', 1), sequence: 2 };
    expect(unreadableMessage(place, 7)).toMatchObject({ kind: 'poison', atMs: 7, failure: { class: 'RECORD_DAMAGED', retryable: false } });
  });
});
