import { merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import { describe, expect, test } from 'vitest';
import { transition } from 'xstate';
import { openTestRuntime } from '../runtime/local-runtime.ts';
import { until } from '../runtime/manual-clock.ts';
import { withCode } from './merchant-onboarding/code.ts';
import { match, merchant, nameOf, shortestPaths, steps } from './merchant-onboarding/paths.ts';

/** Events that a transition emits. */
function emittedBy(actions: readonly { readonly type: string; readonly params: unknown }[]): unknown[] {
  return actions.filter(({ type }) => type === 'xstate.emit').map(({ params }) => (params as { readonly event: unknown }).event);
}

describe('announcements', () => {
  test('reach a consumer of the outbox in their order, and what was announced is retracted when it ends badly', async () => {
    const heard: unknown[] = [];
    const machine = withCode({}, () => undefined);
    const outbox = { others: ({ event }: { event: unknown }) => void heard.push(event) };
    const { runtime } = await openTestRuntime({ machines: [machine], outbox });
    const handle = await runtime.start(machine, { id: 'm-1', input: merchant });
    await handle.waitFor((snapshot) => snapshot.value === 'awaitingFirstLogin');
    const all = { merchantId: 'm-1', profile: 'profile-1' };
    await until(() => heard.length === 2);
    expect(heard).toEqual([
      { type: 'merchant.created', ...all },
      { type: 'merchant.live', ...all },
    ]);
    await handle.send({ type: 'SANCTIONS_HIT', match: match.match });
    await expect(handle.result()).rejects.toThrow();
    await until(() => heard.length === 3);
    expect(heard[2]).toEqual({ type: 'merchant.retracted', ...all });
  });

  const asked = [
    ['cancelled', { type: 'workflow.cancel', reason: 'withdrawn' }, { name: 'Cancelled', message: 'withdrawn' }],
    ['failed', { type: 'workflow.deadline' }, { name: 'DeadlineExceeded', message: 'Merchant m-1 was not taken on before the deadline.' }],
  ] as const;
  const open = shortestPaths().filter(({ state: { status } }) => status === 'active');
  const places = new Map(open.map((path) => [nameOf(path.state.value), path]));

  test.each(asked)('are retracted by the chart wherever it is %s', (end, event, error) => {
    expect([...places.keys()]).toEqual(expect.arrayContaining(steps.map(({ state }) => state)));
    for (const [place, { state }] of places) {
      const [next, actions] = transition(merchantOnboarding, state, event);
      expect([place, next.value, next.status]).toEqual([place, end, 'done']);
      expect(next.hasTag(end)).toBe(true);
      expect(next.output).toMatchObject({ merchantId: 'm-1', error });
      const told = emittedBy(actions);
      const { profile } = state.context;
      expect(told).toEqual(profile === undefined ? [] : [{ type: 'merchant.retracted', merchantId: 'm-1', profile }]);
    }
  });

  test.each([
    ['cancelled', 'Cancelled', 'withdrawn'],
    ['failed', 'DeadlineExceeded', 'Merchant m-1 was not taken on before the deadline.'],
  ] as const)('are retracted, and what was done is undone, where a runtime has it %s', async (status, failureClass, message) => {
    const heard: unknown[] = [];
    const undone: unknown[] = [];
    const machine = withCode({}, (scope) => undone.push((scope as { idempotencyKey: string }).idempotencyKey));
    const outbox = { others: ({ event }: { event: { type: string } }) => void heard.push(event.type) };
    const { runtime, clock } = await openTestRuntime({ machines: [machine], outbox });
    const handle = await runtime.start(machine, { id: 'm-1', input: merchant, deadline: '1h' });
    await handle.waitFor((snapshot) => snapshot.value === 'awaitingFirstLogin');
    const result = expect(handle.result()).rejects.toMatchObject({
      details: { status },
      failure: { class: failureClass, message, state: status },
    });
    if (status === 'cancelled') await runtime.cancel('m-1', { reason: 'withdrawn' });
    else await clock.pass(60 * 60_000);
    await result;
    expect(undone).toEqual([10, 8, 7, 6, 5, 4, 3].map((n) => `m-1:1::${n}:undo`));
    await until(() => heard.length === 3);
    expect(heard).toEqual(['merchant.created', 'merchant.live', 'merchant.retracted']);
    expect(await runtime.describe('m-1')).toMatchObject({ status, compensation: 'done' });
  });
});
