/** What must infer when machines are written with activities, and what the compiler must refuse. Checked, never run. */
import { activity, implement } from 'perdure/authoring';
import type { AbortReason, ActivityLogic, ActivityScope } from 'perdure/authoring';
import { assign, createActor, fromPromise, setup } from 'xstate';
import type { PromiseActorLogic } from 'xstate';
import { expectTypeOf } from 'vitest';

interface Account {
  readonly account: string;
}

const settle = activity<{ merchantId: string }, Account>({
  name: 'settlement.open',
  run: async ({ input, idempotencyKey, attempt, signal }) => {
    expectTypeOf<typeof input>().toEqualTypeOf<{ merchantId: string }>();
    expectTypeOf<typeof idempotencyKey>().toEqualTypeOf<string>();
    expectTypeOf<typeof attempt>().toEqualTypeOf<number>();
    expectTypeOf<typeof signal>().toEqualTypeOf<AbortSignal>();
    return { account: input.merchantId };
  },
  startToCloseTimeout: '10s',
  retry: {
    maximumAttempts: 5,
    initialInterval: '200ms',
    maximumInterval: 60_000,
    jitter: 'none',
    nonRetryableErrorTypes: ['SanctionsHit'],
  },
});
expectTypeOf<typeof settle>().toEqualTypeOf<ActivityLogic<{ merchantId: string }, Account>>();

// An attempt that is handed over has no output of its own; whatever the activity returns, this may stand for it.
activity<{ merchantId: string }, Account>({
  run: async ({ completeLater, heartbeat, heartbeatDetails, signal }) => {
    expectTypeOf<typeof heartbeatDetails>().toEqualTypeOf<unknown>();
    heartbeat({ page: 1 });
    signal.reason satisfies unknown as AbortReason satisfies string;
    return completeLater((token) => token satisfies string);
  },
  scheduleToCloseTimeout: '3d',
  heartbeatTimeout: '1h',
  maxConcurrentAttempts: 4,
  rateLimit: { count: 10, per: '1s' },
  retry: { retryIf: (error) => error instanceof TypeError },
});
// @ts-expect-error a rate needs its time
activity({ run: () => 1, rateLimit: { count: 1 } });

// Inferred from the code alone.
const seed = activity({ run: async ({ input }: ActivityScope<{ widget: string }>) => ({ url: input.widget }) });
expectTypeOf<typeof seed>().toEqualTypeOf<ActivityLogic<{ widget: string }, { url: string }>>();
activity({ run: () => 5 }) satisfies ActivityLogic<never, number>;

// An activity is XState's promise logic.
settle satisfies PromiseActorLogic<Account, { merchantId: string }>;

const declared = activity<{ merchantId: string }, Account>({ name: 'declared', retry: { maximumAttempts: 2 } });
const base = setup({
  types: {
    context: {} as { account?: string; merchantId: string; url?: string },
    events: {} as { type: 'DOCUMENT_UPLOADED'; url: string },
    input: {} as { merchantId: string },
    output: {} as { account: string },
    tags: {} as 'failed',
  },
  actors: { settle, seed, declared },
});

export const onboarding = base.createMachine({
  id: 'merchant-onboarding',
  version: '1',
  context: ({ input }) => ({ merchantId: input.merchantId }),
  initial: 'settling',
  states: {
    settling: {
      invoke: {
        src: 'settle',
        input: ({ context }) => ({ merchantId: context.merchantId }),
        onDone: {
          target: 'seeding',
          actions: assign(({ event }) => {
            expectTypeOf<typeof event.output>().toEqualTypeOf<Account>();
            return { account: event.output.account };
          }),
        },
        onError: {
          target: 'failed',
          guard: ({ event }) => {
            expectTypeOf<typeof event.error>().toEqualTypeOf<unknown>();
            return true;
          },
        },
      },
    },
    seeding: {
      invoke: {
        src: 'seed',
        input: { widget: 'w' },
        onDone: { target: 'done', actions: assign({ url: ({ event }) => event.output.url }) },
      },
      on: { DOCUMENT_UPLOADED: { actions: assign({ url: ({ event }) => event.url }) } },
    },
    failed: { type: 'final', tags: ['failed'] },
    done: { type: 'final' },
  },
  output: ({ context }) => ({ account: context.account ?? '' }),
});

// A plain createActor runs it.
createActor(onboarding, { input: { merchantId: 'm-7731' } });

// Declarations are implemented, and replaced by any promise logic of the same types.
onboarding.provide({ actors: { declared: implement(declared, { run: async ({ input }) => ({ account: input.merchantId }) }) } });
onboarding.provide({ actors: { settle: implement(settle, { run: () => ({ account: 'a' }) }) } });
onboarding.provide({ actors: { settle: fromPromise<Account, { merchantId: string }>(async () => ({ account: 'a' })) } });
onboarding.provide({ actors: { settle: activity<{ merchantId: string }, Account>({}) } });
expectTypeOf<ReturnType<typeof implement<{ merchantId: string }, Account>>>().toEqualTypeOf<
  ActivityLogic<{ merchantId: string }, Account>
>();

export const refused = {
  unknownSrc: base.createMachine({
    context: { merchantId: '' },
    initial: 'a',
    // @ts-expect-error an activity the machine does not have
    states: { a: { invoke: { src: 'nope' } } },
  }),
  wrongInput: base.createMachine({
    context: { merchantId: '' },
    initial: 'a',
    // @ts-expect-error an input the activity does not take
    states: { a: { invoke: { src: 'settle', input: { merchantId: 3 } } } },
  }),
  wrongComputedInput: base.createMachine({
    context: { merchantId: '' },
    initial: 'a',
    // @ts-expect-error a computed input the activity does not take
    states: { a: { invoke: { src: 'settle', input: ({ context }) => ({ merchant: context.merchantId }) } } },
  }),
  wrongOutput: base.createMachine({
    context: { merchantId: '' },
    initial: 'a',
    states: {
      a: {
        invoke: {
          src: 'settle',
          input: { merchantId: '' },
          onDone: {
            actions: assign({
              // @ts-expect-error a property of the output that is no text
              account: ({ event }) => event.output,
            }),
          },
        },
      },
    },
  }),
  codeOfAnotherOutput: implement(declared, {
    // @ts-expect-error code that returns something else than was declared
    run: () => ({ account: 7 }),
  }),
  codeOfAnotherInput: () =>
    // @ts-expect-error code that takes something else than was declared
    implement(declared, { run: ({ input }: ActivityScope<{ id: number }>) => ({ account: String(input.id) }) }),
  noDeclaration: () =>
    // @ts-expect-error a machine is no activity
    implement(onboarding, { run: () => ({ account: '' }) }),
  replacementOfAnotherOutput: onboarding.provide({
    // @ts-expect-error a replacement whose output is another
    actors: { settle: fromPromise<{ account: number }, { merchantId: string }>(async () => ({ account: 7 })) },
  }),
  replacementOfAnotherName: onboarding.provide({
    // @ts-expect-error a name the machine does not have
    actors: { settel: settle },
  }),
  malformedDuration: activity<string, string>({
    // @ts-expect-error a length of time without a unit
    startToCloseTimeout: '10',
  }),
  unknownUnit: activity<string, string>({
    // @ts-expect-error a unit that is not known
    retry: { initialInterval: '10 weeks' },
  }),
  unknownOption: activity<string, string>({
    // @ts-expect-error an option that does not exist
    retries: 5,
  }),
  unknownJitter: activity<string, string>({
    // @ts-expect-error a word that is not known
    retry: { jitter: 'some' },
  }),
};
