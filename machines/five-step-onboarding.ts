/**
 * A merchant's onboarding in five steps. A state is named for the step it has reached: in `pending` the documents are being
 * verified, in `kyc` they are and the sanctions screening runs, and so on. What was done is undone, newest first, where it fails. The
 * activities are declared here with their policies; an app brings the code: `fiveStepOnboarding.provide({ actors: { openSettlement:
 * implement(activities.openSettlement, { run, compensate: { run } }) } })`.
 */
import { activity } from 'perdure/authoring';
import { assign, setup } from 'xstate';

export interface OnboardingInput {
  readonly merchantId: string;
  readonly name: string;
  readonly country: string;
  readonly owner: string;
  readonly email: string;
}

export interface ScreeningResult {
  /** The list entry the merchant resembles too closely, if any. */
  readonly hit?: { readonly entry: string; readonly name: string; readonly score: number };
}

export interface OnboardingFailure {
  readonly name: string;
  readonly message: string;
}

export interface OnboardingOutput {
  readonly merchantId: string;
  readonly account?: string;
  readonly dashboard?: string;
  /** Why the onboarding failed; its name is the failure's class. */
  readonly error?: OnboardingFailure;
}

interface OnboardingContext {
  readonly merchant: OnboardingInput;
  readonly kycReference?: string;
  readonly account?: string;
  readonly dashboard?: string;
  readonly error?: OnboardingFailure;
}

const retry = { initialInterval: '200ms', maximumInterval: '5s', maximumAttempts: 8 } as const;

const policy = { startToCloseTimeout: '3s', retry } as const;
const undone = { ...policy, compensate: policy } as const;

/** The declarations: names, time-outs and retry policies, and what has an undo, without code. */
export const activities = {
  /** That an identity was verified stays true. */
  verifyKyc: activity<OnboardingInput, { reference: string }>({
    name: 'kyc.verify',
    ...policy,
    retry: { ...retry, nonRetryableErrorTypes: ['KycRefused'] },
    irreversible: true,
  }),
  /** The provider goes on watching the merchant's name, under the merchant's id. Undo: end that watch. */
  screenSanctions: activity<OnboardingInput, ScreeningResult>({ name: 'sanctions.screen', ...undone }),
  /** Undo: close the account. */
  openSettlement: activity<{ merchantId: string; kycReference: string }, { account: string }>({ name: 'settlement.open', ...undone }),
  /** Undo: take the dashboard down. */
  seedDashboard: activity<{ merchantId: string; account: string }, { url: string }>({ name: 'dashboard.seed', ...undone }),
  /** An email cannot be unsent. Undo: send another one, which says that the account is on hold. */
  sendWelcome: activity<{ merchantId: string; email: string; dashboard: string }, { messageId: string }>({
    name: 'welcome.send',
    ...undone,
  }),
};

function failureOf(error: unknown): OnboardingFailure {
  return error instanceof Error ? { name: error.name, message: error.message } : { name: 'Failed', message: String(error) };
}

const chart = setup({
  types: {
    context: {} as OnboardingContext,
    input: {} as OnboardingInput,
    output: {} as OnboardingOutput,
    tags: {} as 'failed',
  },
  actors: activities,
  guards: { isHit: (_, result: ScreeningResult) => result.hit !== undefined },
  actions: {
    noteError: assign({ error: (_, error: OnboardingFailure) => error }),
  },
});

const onError = {
  target: 'failed',
  actions: { type: 'noteError', params: ({ event }: { event: { error: unknown } }) => failureOf(event.error) },
} as const;

export const fiveStepOnboarding = chart.createMachine({
  id: 'five-step-onboarding',
  version: '1',
  context: ({ input }) => ({ merchant: input }),
  initial: 'pending',
  states: {
    pending: {
      invoke: {
        src: 'verifyKyc',
        input: ({ context }) => context.merchant,
        onDone: { target: 'kyc', actions: assign({ kycReference: ({ event }) => event.output.reference }) },
        onError,
      },
    },
    kyc: {
      invoke: {
        src: 'screenSanctions',
        input: ({ context }) => context.merchant,
        onDone: [
          {
            guard: { type: 'isHit', params: ({ event }) => event.output },
            target: 'failed',
            actions: assign({ error: ({ context, event }) => sanctionsHit(context.merchant, event.output) }),
          },
          { target: 'sanctions' },
        ],
        onError,
      },
    },
    sanctions: {
      invoke: {
        src: 'openSettlement',
        input: ({ context }) => ({ merchantId: context.merchant.merchantId, kycReference: context.kycReference ?? '' }),
        onDone: { target: 'settle', actions: assign({ account: ({ event }) => event.output.account }) },
        onError,
      },
    },
    settle: {
      invoke: {
        src: 'seedDashboard',
        input: ({ context }) => ({ merchantId: context.merchant.merchantId, account: context.account ?? '' }),
        onDone: { target: 'dash', actions: assign({ dashboard: ({ event }) => event.output.url }) },
        onError,
      },
    },
    dash: {
      invoke: {
        src: 'sendWelcome',
        input: ({ context }) => ({
          merchantId: context.merchant.merchantId,
          email: context.merchant.email,
          dashboard: context.dashboard ?? '',
        }),
        onDone: 'done',
        onError,
      },
    },
    done: { type: 'final' },
    failed: { type: 'final', tags: ['failed'] },
  },
  output: ({ context }) => ({
    merchantId: context.merchant.merchantId,
    ...(context.account === undefined ? {} : { account: context.account }),
    ...(context.dashboard === undefined ? {} : { dashboard: context.dashboard }),
    ...(context.error === undefined ? {} : { error: context.error }),
  }),
});

function sanctionsHit(merchant: OnboardingInput, result: ScreeningResult): OnboardingFailure {
  const { entry = '?', name = '?', score = 0 } = result.hit ?? {};
  return {
    name: 'SanctionsHit',
    message: `"${name}" of merchant ${merchant.merchantId} resembles list entry "${entry}" (score ${Math.round(score)}).`,
  };
}
