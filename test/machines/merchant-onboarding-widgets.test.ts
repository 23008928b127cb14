import { widgets, widgetSeeding } from 'perdure/machines/merchant-onboarding';
import type { merchantOnboarding, WidgetInput } from 'perdure/machines/merchant-onboarding';
import { describe, expect, test } from 'vitest';
import { createActor, toPromise, waitFor } from 'xstate';
import { activity, fanOut } from '../../src/authoring.ts';
import { errorNamed } from '../kernel/workflows.ts';
import { openTestRuntime } from '../runtime/local-runtime.ts';
import { until } from '../runtime/manual-clock.ts';
import { withCode } from './merchant-onboarding/code.ts';
import { match, merchant } from './merchant-onboarding/paths.ts';

const dashboard = 'https://dash';

/** Seeds each widget but for these, whose provider has no data. */
function seedingBut(...missing: string[]) {
  const asked: WidgetInput[] = [];
  const seedWidget = ({ input }: { readonly input: WidgetInput }): unknown => {
    asked.push(input);
    if (missing.includes(input.widget)) throw errorNamed('NoData', `no data for ${input.widget}`);
    return { widget: input.widget };
  };
  return { asked, seedWidget };
}

/** One merchant, whose undos are noted by what they undo. */
async function begin(code: Parameters<typeof withCode>[0]) {
  const undone: string[] = [];
  const heard: string[] = [];
  const machine = withCode(code, (scope) => undone.push((scope as { readonly idempotencyKey: string }).idempotencyKey));
  const outbox = { others: ({ event }: { event: { type: string } }) => void heard.push(event.type) };
  const opened = await openTestRuntime({ machines: [machine], outbox });
  const handle = await opened.runtime.start(machine, { id: 'm-1', input: merchant });
  return { ...opened, handle, undone, heard };
}

const whereItems = async (runtime: Awaited<ReturnType<typeof begin>>['runtime']) => (await runtime.describe('m-1')).children[0]?.items;

describe('the widgets of a dashboard', () => {
  test('are seeded once it is there, each once, as many at once as the plan says, by one child', async () => {
    const { asked, seedWidget } = seedingBut();
    const held: (() => void)[] = [];
    const gate = async (): Promise<void> => new Promise((resolve) => held.push(resolve));
    const { runtime, handle } = await begin({
      seedWidget: async (scope) => {
        const seeded = seedWidget(scope);
        await gate();
        return seeded;
      },
    });
    await until(() => held.length === widgetSeeding.concurrency);
    expect(handle.getSnapshot().value).toBe('seedingWidgets');
    const { total, underWay, waiting } = (await whereItems(runtime))!;
    expect({ total, underWay, waiting }).toEqual({ total: 8, underWay: 4, waiting: 4 });
    held[0]!();
    await until(() => held.length === widgetSeeding.concurrency + 1);
    expect(await whereItems(runtime)).toMatchObject({ succeeded: 1, underWay: 4, waiting: 3 });
    for (let index = 1; index < widgets.length; index += 1) {
      await until(() => held.length > index);
      held[index]!();
    }
    await handle.waitFor(({ value }) => value === 'awaitingFirstLogin');
    expect(asked).toEqual(widgets.map((widget) => ({ merchantId: 'm-1', dashboard, widget })));
    expect((await runtime.describe('m-1')).context).toMatchObject({ dashboard, missingWidgets: [] });
  });

  test('one that cannot be seeded leaves the merchant live, and is named', async () => {
    const { asked, seedWidget } = seedingBut('payouts');
    const { runtime, clock, handle, undone } = await begin({ seedWidget });
    await clock.pass(60_000);
    await handle.waitFor(({ value }) => value === 'awaitingFirstLogin');
    await handle.send({ type: 'LOGGED_IN' });
    expect(await handle.result()).toMatchObject({ dashboard, missingWidgets: ['payouts'], hasLoggedIn: true });
    expect(asked.filter(({ widget }) => widget === 'payouts')).toHaveLength(8);
    expect(asked).toHaveLength(8 + widgets.length - 1);
    const items = await whereItems(runtime);
    expect(items).toMatchObject({ succeeded: 7, failed: 1, firstFailed: { item: 2, class: 'NoData' } });
    const { items: results } = await runtime.results(items!.address);
    expect(results.filter(({ status }) => status === 'failed')).toMatchObject([{ item: 2, input: { widget: 'payouts' } }]);
    expect(undone).toEqual([]);
  });

  test('two that cannot be are too many: the merchant is retracted, and the dashboard taken down with all that is on it', async () => {
    const { seedWidget } = seedingBut('payouts', 'disputes');
    const { runtime, clock, handle, undone, heard } = await begin({ seedWidget, sendWelcome: () => expect.unreachable() });
    const result = expect(handle.result()).rejects.toMatchObject({
      failure: { class: 'FanOutFailed', message: expect.stringContaining('NoData'), state: 'failed' },
    });
    await clock.pass(60_000);
    await result;
    expect(undone).toEqual([8, 7, 6, 5, 4, 3].map((n) => `m-1:1::${n}:undo`));
    await until(() => heard.length === 2);
    expect(heard).toEqual(['merchant.created', 'merchant.retracted']);
    expect(await runtime.describe('m-1')).toMatchObject({ status: 'failed', compensation: 'done' });
  });

  test('that are being seeded when a hit is reported are left, and go with their dashboard', async () => {
    const aborted: boolean[] = [];
    const { runtime, handle, undone } = await begin({
      seedWidget: async (scope) => {
        const { signal } = scope as unknown as { readonly signal: AbortSignal };
        await new Promise<void>((resolve) => {
          aborted.push(false);
          signal.addEventListener('abort', () => {
            aborted.push(true);
            resolve();
          });
        });
        throw signal.reason;
      },
    });
    await until(() => aborted.length === widgetSeeding.concurrency);
    const result = expect(handle.result()).rejects.toMatchObject({ failure: { class: 'SanctionsHit', state: 'rejected' } });
    await handle.send({ type: 'SANCTIONS_HIT', match: match.match });
    await result;
    expect(aborted.filter((isAborted) => isAborted)).toHaveLength(widgetSeeding.concurrency);
    expect(undone[0]).toBe('m-1:1::8:undo');
    expect(await whereItems(runtime)).toMatchObject({ succeeded: 0, cancelled: 4, waiting: 4 });
  });
});

describe('in a plain createActor', () => {
  test('they are seeded as well, and one that is missing is named', async () => {
    const seedWidget = activity<WidgetInput, { widget: string }>({
      run: seedingBut('fees').seedWidget as never,
      retry: { maximumAttempts: 1 },
    });
    const machine = withCode().provide({ actors: { seedWidgets: fanOut(seedWidget, widgetSeeding) } });
    const actor = createActor(machine, { input: merchant });
    actor.start();
    await waitFor(actor, ({ value }) => value === 'awaitingFirstLogin');
    actor.send({ type: 'LOGGED_IN' });
    expect(await toPromise(actor)).toMatchObject({ dashboard, missingWidgets: ['fees'] });
  });

  test('whoever logs in while they are being seeded is sent no follow-up email', async () => {
    const actor: ReturnType<typeof createActor<typeof merchantOnboarding>> = createActor(
      withCode({
        seedWidget: ({ input: { widget } }) => {
          if (widget === widgets[0]) actor.send({ type: 'LOGGED_IN' });
          return { widget };
        },
        sendFollowUp: () => expect.unreachable(),
      }),
      { input: merchant },
    );
    actor.start();
    expect(await toPromise(actor)).toMatchObject({ hasLoggedIn: true, missingWidgets: [] });
  });
});
