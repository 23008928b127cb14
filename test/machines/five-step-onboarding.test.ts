import { activities, fiveStepOnboarding } from 'perdure/machines/five-step-onboarding';
import type { OnboardingInput } from 'perdure/machines/five-step-onboarding';
import { describe, expect, test } from 'vitest';
import type { AnyStateMachine, EventObject } from 'xstate';
import { createActor, toPromise } from 'xstate';
import { getShortestPaths, getSimplePaths } from 'xstate/graph';
import { implement } from '../../src/authoring.ts';
import type { ActivityDescriptor } from '../../src/authoring.ts';
import { activityDescriptor } from '../../src/kernel/activity-descriptor.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import type { StepEnvelope } from '../../src/kernel/envelope.ts';
import type { Taken } from '../kernel/workflows.ts';
import { began, completed, errorNamed, failed, pending, took } from '../kernel/workflows.ts';

const merchant: OnboardingInput = {
  merchantId: 'm-1',
  name: 'Blue Fig Coffee',
  country: 'PT',
  owner: 'Ana Reis',
  email: 'ana@example.com',
};

/** The steps in order: state, activity, a good output and what the activity is given. */
const steps = [
  { state: 'pending', src: 'verifyKyc', name: 'kyc.verify', output: { reference: 'kyc-1' }, input: merchant },
  { state: 'kyc', src: 'screenSanctions', name: 'sanctions.screen', output: {}, input: merchant },
  {
    state: 'sanctions',
    src: 'openSettlement',
    name: 'settlement.open',
    output: { account: 'acc-1' },
    input: { merchantId: 'm-1', kycReference: 'kyc-1' },
  },
  {
    state: 'settle',
    src: 'seedDashboard',
    name: 'dashboard.seed',
    output: { url: 'https://dash' },
    input: { merchantId: 'm-1', account: 'acc-1' },
  },
  {
    state: 'dash',
    src: 'sendWelcome',
    name: 'welcome.send',
    output: { messageId: 'x' },
    input: { merchantId: 'm-1', email: merchant.email, dashboard: 'https://dash' },
  },
] as const;

const hit = { hit: { entry: 'SDN-7', name: 'Blue Fig', score: 93.4 } };

const compensate = { run: (): never => expect.unreachable() };

const implemented: AnyStateMachine = fiveStepOnboarding.provide({
  actors: {
    verifyKyc: implement(activities.verifyKyc, { run: () => ({ reference: 'kyc-1' }) }),
    screenSanctions: implement(activities.screenSanctions, { run: () => ({}), compensate }),
    openSettlement: implement(activities.openSettlement, { run: () => ({ account: 'acc-1' }), compensate }),
    seedDashboard: implement(activities.seedDashboard, { run: () => ({ url: 'https://dash' }), compensate }),
    sendWelcome: implement(activities.sendWelcome, { run: () => ({ messageId: 'x' }), compensate }),
  },
});

/** Everything an activity can come to, as the chart hears of it. */
const endings: EventObject[] = steps.flatMap(({ state, output }) => {
  const actorId = `0.five-step-onboarding.${state}`;
  const outputs: unknown[] = state === 'kyc' ? [output, hit] : [output];
  return [
    ...outputs.map((each) => ({ type: `xstate.done.actor.${actorId}`, output: each, actorId })),
    { type: `xstate.error.actor.${actorId}`, error: errorNamed(`Broken:${state}`), actorId },
  ];
});

const exploring = {
  input: merchant,
  // Only what runs can end.
  events: ({ value }: { value: unknown }) => endings.filter(({ type }) => type.endsWith(`.${String(value)}`)),
  limit: 10_000,
  serializeState: ({ value, context }: { value: unknown; context?: unknown }) => JSON.stringify([value, context]),
  serializeEvent: (event: EventObject) => JSON.stringify(event, (key, item: unknown) => (key === 'error' ? (item as Error).name : item)),
};

describe('every path through the chart', () => {
  const paths = getSimplePaths(fiveStepOnboarding, exploring as never);
  const ends = paths.filter(({ state }) => state.status !== 'active');

  test('is found: one that succeeds, one failing for each step, and one that hits a list', () => {
    expect(ends).toHaveLength(7);
    expect(paths.filter(({ state }) => state.status === 'active').map(({ state }) => state.value)).toEqual(steps.map(({ state }) => state));
  });

  test('ends in done or failed, and in nothing else', () => {
    const shortest = getShortestPaths(fiveStepOnboarding, exploring as never).filter(({ state }) => state.status !== 'active');
    expect(shortest.length).toBe(ends.length);
    for (const { state } of [...ends, ...shortest]) {
      expect(state.status).toBe('done');
      expect(['done', 'failed']).toContain(state.value);
      expect(state.hasTag('failed')).toBe(state.value === 'failed');
    }
    expect(ends.filter(({ state }) => state.value === 'done')).toHaveLength(1);
  });

  test('that fails says in its output why', () => {
    const classes = ends.flatMap(({ state }) =>
      state.value === 'failed' ? [(state.output as { error: { name: string } }).error.name] : [],
    );
    expect(classes.sort()).toEqual([...steps.map(({ state }) => `Broken:${state}`), 'SanctionsHit'].sort());
  });

  test('that succeeds has account and dashboard', () => {
    const [done] = ends.filter(({ state }) => state.value === 'done');
    expect(done?.state.output).toEqual({ merchantId: 'm-1', account: 'acc-1', dashboard: 'https://dash' });
    expect(done?.steps).toHaveLength(steps.length + 1);
  });
});

describe('as a workflow', () => {
  const after = (count: number): Taken =>
    steps
      .slice(0, count)
      .reduce((taken, { output }) => took(taken.actor, completed(pending(taken.actor).n, output)), began(implemented, merchant));

  test('it goes through its five steps, each with the input it needs', () => {
    for (const [index, { state, name, input }] of steps.entries()) {
      const { actor, commit } = after(index);
      expect(commit.record.chart.value).toBe(state);
      expect(pending(actor)).toMatchObject({ name, input, attempt: 1, state: 'running' });
    }
    expect(after(5).commit.record).toMatchObject({
      status: 'completed',
      chart: { value: 'done', output: { merchantId: 'm-1', account: 'acc-1', dashboard: 'https://dash' } },
    });
  });

  test.each(steps.map(({ state }, index) => [state, index] as const))(
    'it fails with the class of the error that ended the step "%s"',
    (state, index) => {
      const { actor } = after(index);
      const { n } = pending(actor);
      const nonRetryable = { ...failed(n, errorNamed('GatewayDown', 'no answer')), attempt: 1 } as StepEnvelope;
      // Its last attempt; earlier ones are retried.
      const last = Array.from({ length: 7 }).reduce<Taken>(
        (taken, _, attempt) =>
          took(took(taken.actor, { ...nonRetryable, attempt: attempt + 1 } as StepEnvelope).actor, { kind: 'attempt-due', n }),
        { actor } as Taken,
      );
      expect(last.commit.record).toMatchObject({ status: 'running', chart: { value: state } });
      const { commit } = took(last.actor, failed(n, errorNamed('GatewayDown', 'no answer'), 8));
      expect(commit.record).toMatchObject({
        // What may have been done is undone before it closes.
        status: state === 'pending' ? 'failed' : 'compensating',
        chart: { value: 'failed' },
        failure: { class: 'GatewayDown', message: 'no answer', state: 'failed' },
      });
    },
  );

  test('it fails at once if the documents are refused', () => {
    const { commit } = took(began(implemented, merchant).actor, failed(1, errorNamed('KycRefused', 'expired passport')));
    expect(commit.record).toMatchObject({ status: 'failed', failure: { class: 'KycRefused', message: 'expired passport' } });
  });

  test('it fails as SanctionsHit, saying which entry, if the merchant is on a list', () => {
    const { actor } = after(1);
    const { commit } = took(actor, completed(pending(actor).n, hit));
    expect(commit.record).toMatchObject({
      status: 'compensating',
      failure: { class: 'SanctionsHit', message: '"Blue Fig" of merchant m-1 resembles list entry "SDN-7" (score 93).' },
      chart: { output: { error: { name: 'SanctionsHit' } } },
    });
  });

  test('it fails as Failed if what was thrown is no error', () => {
    const { actor } = began(implemented, merchant);
    const word = {
      kind: 'attempt-failed',
      n: 1,
      attempt: 1,
      error: 'a word',
      failure: { class: 'Error', message: 'a word', retryable: false },
    } as const;
    expect(took(actor, word).commit.record.failure).toMatchObject({ class: 'Failed', message: 'a word' });
  });
});

describe('the definition', () => {
  test('is version 1 of five-step-onboarding, with these states', () => {
    expect(fiveStepOnboarding).toMatchObject({ id: 'five-step-onboarding', version: '1' });
    expect(Object.keys(fiveStepOnboarding.states)).toEqual([...steps.map(({ state }) => state), 'done', 'failed']);
  });

  test('declares its activities without code, with their policies', () => {
    for (const { src, name } of steps) {
      expect(activityDescriptor(activities[src])).toMatchObject({
        name,
        run: undefined,
        startToCloseTimeoutMs: 3_000,
        retry: { maximumAttempts: 8, initialIntervalMs: 200, maximumIntervalMs: 5_000 },
      } satisfies Partial<Record<keyof ActivityDescriptor, unknown>>);
    }
    expect(activityDescriptor(activities.verifyKyc)?.retry.nonRetryableErrorTypes).toEqual(['KycRefused']);
  });

  test('lacks exactly the code of its activities, and nothing once it is provided', () => {
    expect(() => registerMachine(fiveStepOnboarding)).toThrow(
      expect.objectContaining({
        code: 'IMPLEMENTATION_MISSING',
        details: {
          missing: steps.flatMap(({ src, state }) => [
            `activity "${src}" invoked in state "five-step-onboarding.${state}"`,
            ...(src === 'verifyKyc' ? [] : [`the undo of activity "${src}" (compensate)`]),
          ]),
        },
      }) as Error,
    );
    expect(registerMachine(implemented).activities.size).toBe(steps.length);
  });
});

test('a plain createActor runs it to its end', async () => {
  const actor = createActor(implemented, { input: merchant });
  actor.start();
  expect(await toPromise(actor)).toEqual({ merchantId: 'm-1', account: 'acc-1', dashboard: 'https://dash' });
});
