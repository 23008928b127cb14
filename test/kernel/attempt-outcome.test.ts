import { describe, expect, test } from 'vitest';
import { activity } from '../../src/kernel/activity.ts';
import type { ActivityScope } from '../../src/kernel/activity-descriptor.ts';
import { activityDescriptor } from '../../src/kernel/activity-descriptor.ts';
import type { AttemptHost } from '../../src/kernel/attempt-outcome.ts';
import { makeAttempt } from '../../src/kernel/attempt-outcome.ts';
import type { Json } from '../../src/kernel/json.ts';

function made(run: (scope: ActivityScope<unknown>) => unknown, host: Partial<AttemptHost> = {}) {
  const descriptor = activityDescriptor(activity<unknown, unknown>({ run }));
  if (descriptor === undefined) throw new TypeError('An activity has a descriptor.');
  const effect = { kind: 'run-attempt', n: 1, src: 'work', attempt: 1, input: null, idempotencyKey: 'key' } as const;
  const alone = { signal: new AbortController().signal, heartbeat: () => undefined, handOver: () => Promise.resolve('token') };
  return makeAttempt(effect, descriptor, { ...alone, ...host });
}

describe('the code of an attempt', () => {
  test('shows that it lives, with details or without', async () => {
    const beats: unknown[] = [];
    const heartbeat = (details: Json | undefined): void => void beats.push(details);
    await made(({ heartbeat: beat }) => [beat(), beat({ at: new Date(7) })], { heartbeat });
    expect(beats).toEqual([undefined, { at: { $type: 'Date', value: 7 } }]);
  });

  test('finds its signal in copies and heirs of what it is given, and behind a proxy; until then the host need not make it', async () => {
    const { signal } = new AbortController();
    let asked = 0;
    const found: unknown[] = [];
    const host: AttemptHost = {
      get signal() {
        asked += 1;
        return signal;
      },
      heartbeat: () => undefined,
      handOver: () => Promise.resolve('token'),
    };
    const descriptor = activityDescriptor(
      activity<unknown, unknown>({
        run: (scope) => {
          expect([Object.keys(scope).includes('signal'), asked]).toEqual([true, 0]);
          found.push(scope.signal, { ...scope }.signal, (Object.create(scope) as typeof scope).signal, new Proxy(scope, {}).signal);
        },
      }),
    );
    const effect = { kind: 'run-attempt', n: 1, src: 'work', attempt: 1, input: null, idempotencyKey: 'key' } as const;
    expect(await makeAttempt(effect, descriptor!, host)).toMatchObject({ kind: 'attempt-completed' });
    expect(found).toEqual([signal, signal, signal, signal]);
  });

  test('is handed over once, however often it asks', async () => {
    const tokens: string[] = [];
    let handed = 0;
    const handOver = (): Promise<string> => Promise.resolve(`token ${(handed += 1)}`);
    const outcome = await made(
      async ({ completeLater }) => {
        const first = completeLater((token) => tokens.push(token));
        expect(completeLater((token) => tokens.push(`${token} again`))).toBe(first);
        return first;
      },
      { handOver },
    );
    expect([outcome, tokens, handed]).toEqual([undefined, ['token 1'], 1]);
  });

  test('is not given back at a shutdown once its token may be on its way', async () => {
    const controller = new AbortController();
    const outcome = (reason: string) =>
      made(
        async ({ completeLater }) =>
          completeLater(() => {
            controller.abort(reason);
            throw new Error('The mail does not go out any more.');
          }),
        { signal: controller.signal },
      );
    expect(await outcome('shutdown')).toBeUndefined();
  });

  test('that could not tell anybody of its token has failed', async () => {
    const outcome = await made(({ completeLater }) =>
      completeLater(() => {
        throw new RangeError('no address');
      }),
    );
    expect(outcome).toMatchObject({ kind: 'attempt-failed', failure: { class: 'RangeError' } });
  });
});
