/**
 * How a payment provider takes a merchant on: eleven steps, nine that each ask something of another system and two that tell others, and
 * three waits for people.
 *
 * 1. The identity document is fetched. If there is none, the merchant is given time to upload it (`DOCUMENT_UPLOADED`).
 * 2. It is verified; a merchant whom the verification refuses is rejected.
 * 3. The merchant is screened against sanctions lists. Names are alike by chance, too, so that a possible match waits for a person to
 *    `APPROVE` or `REJECT`. Whoever has not decided in time is not decided for: the matter is escalated, and still waits.
 * 4. to 8. Profile, announcement of the new merchant (`merchant.created`), settlement account, gateway credentials, risk limits.
 * 9. The dashboard is created, and its widgets are seeded, several at once. One that cannot be seeded is not worth a merchant: the dashboard
 *    goes live without it, and the output names it (`missingWidgets`). When a second one cannot be, the step fails.
 * 10. The welcome email, 11. the announcement that the merchant is live (`merchant.live`).
 *
 * The merchant is live from then on (tag `live`); what is left is a follow-up email for one who does not log in within a day
 * (`LOGGED_IN`). An onboarding ends `live`; `rejected`, if the answer is no; `failed`, if a step could not be done or its deadline passed; or
 * `cancelled`. The latter three say why in their output. Retries are no states: they belong to the activities' policies.
 *
 * Until its end the sanctions provider may report that the merchant is on a list now (`SANCTIONS_HIT`), which rejects it however far it
 * has come. Whatever ends it badly, or cancels it, what was announced is retracted (`merchant.retracted`), and what was done is undone,
 * newest first, before it closes: undos are declared beside the activities, and the chart has no state for them. Widgets have none: they go
 * with their dashboard when it is taken down. Only `terminate`, which runs no chart, leaves it all as it is.
 *
 * Announcements are events that the chart emits: they are kept with the transition, and whoever is to hear of them is a consumer of the
 * outbox. An announcement has no undo of its own, since it may still be on its way; whoever heard it hears the retraction after it. A chart
 * that is over emits nothing: who has this machine as a child, and undoes it after it went live, tells others of that.
 *
 * The activities are declared without code, which an app brings: `merchantOnboarding.provide({ actors: { createProfile:
 * implement(activities.createProfile, { run, compensate: { run } }) } })`; that of the widgets as `seedWidgets:
 * fanOut(implement(activities.seedWidget, { run }), widgetSeeding)`. It may bring other delays as well, `merchantOnboarding.provide({ delays
 * })`, and seed more or fewer widgets at once.
 */
import { fanOut } from 'perdure/authoring';
import { assign, emit, setup } from 'xstate';
import { activities } from './merchant-onboarding/activities.ts';
import { delays } from './merchant-onboarding/delays.ts';
import {
  deadlineExceeded,
  documentMissing,
  failureOf,
  lateSanctionsHit,
  letterTo,
  profileOf,
  sanctionsHit,
} from './merchant-onboarding/merchant.ts';
import type { EngineEvent, MerchantAnnouncement, MerchantContext, MerchantEvent } from './merchant-onboarding/merchant.ts';
import type { MerchantInput, MerchantOutput, OnboardingFailure, SanctionsMatch, Screening } from './merchant-onboarding/merchant.ts';
import { missingOf, widgetSeeding, widgetsFor } from './merchant-onboarding/widgets.ts';

export { activities, delays, widgetSeeding };
export { widgets } from './merchant-onboarding/widgets.ts';
export type { WidgetInput } from './merchant-onboarding/widgets.ts';
export type { FetchedDocument, MerchantAnnouncement, MerchantEvent, MerchantInput } from './merchant-onboarding/merchant.ts';
export type { MerchantOutput, OnboardingFailure, SanctionsMatch, Screening } from './merchant-onboarding/merchant.ts';

/** Widgets are seeded by the fan-out alone. */
const { seedWidget, ...invoked } = activities;
const actors = { ...invoked, seedWidgets: fanOut(seedWidget, widgetSeeding) };

const chart = setup({
  types: {
    context: {} as MerchantContext,
    events: {} as MerchantEvent | EngineEvent,
    emitted: {} as MerchantAnnouncement,
    input: {} as MerchantInput,
    output: {} as MerchantOutput,
    tags: {} as 'needs-document' | 'needs-decision' | 'escalated' | 'live' | 'failed' | 'cancelled',
  },
  actors,
  delays,
  guards: {
    isAnnounced: ({ context }) => context.profile !== undefined,
    hasLoggedIn: ({ context }) => context.hasLoggedIn,
    isMissing: (_, document: string | undefined) => document === undefined,
    isMatch: (_, screening: Screening) => screening.match !== undefined,
    isRefusal: (_, error: unknown) => error instanceof Error && error.name === 'KycRefused',
  },
  actions: {
    noteDocument: assign({ document: (_, document: string) => document }),
    noteDecision: assign({ decidedBy: (_, by: string) => by }),
    noteLogin: assign({ hasLoggedIn: true }),
    noteError: assign({ error: (_, error: OnboardingFailure) => error }),
    announceCreated: emit(({ context }) => ({ type: 'merchant.created', ...profileOf(context) })),
    announceLive: emit(({ context }) => ({ type: 'merchant.live', ...profileOf(context) })),
    retract: emit(({ context }) => ({ type: 'merchant.retracted', ...profileOf(context) })),
    noteHit: assign(({ context }, match: SanctionsMatch) => ({ match, error: lateSanctionsHit(context, match) })),
  },
});

const noteError = { type: 'noteError', params: ({ event }: { event: { error: unknown } }) => failureOf(event.error) } as const;
const isRefusal = { type: 'isRefusal', params: ({ event }: { event: { error: unknown } }) => event.error } as const;
const onError = { target: 'failed', actions: noteError } as const;
/** From the moment others were told. */
const onErrorAnnounced = { target: 'failed', actions: [noteError, 'retract'] } as const;
const noteHit = { type: 'noteHit', params: ({ event }: { event: { match: SanctionsMatch } }) => event.match } as const;
const noteCancel = {
  type: 'noteError',
  params: ({ event }: { event: { reason: string } }) => ({ name: 'Cancelled', message: event.reason }),
} as const;
const noteDeadline = { type: 'noteError', params: ({ context }: { context: MerchantContext }) => deadlineExceeded(context) } as const;
const uploaded = {
  target: 'verifyingKyc',
  actions: { type: 'noteDocument', params: ({ event }: { event: { document: string } }) => event.document },
} as const;
const noteDecision = { type: 'noteDecision', params: ({ event }: { event: { by: string } }) => event.by } as const;

export const merchantOnboarding = chart.createMachine({
  id: 'merchant-onboarding',
  version: '2',
  context: ({ input }) => ({ merchant: input, hasLoggedIn: false }),
  initial: 'fetchingDocument',
  // However far it is.
  on: {
    SANCTIONS_HIT: [
      { guard: 'isAnnounced', target: '.rejected', actions: [noteHit, 'retract'] },
      { target: '.rejected', actions: noteHit },
    ],
    'workflow.cancel': [
      { guard: 'isAnnounced', target: '.cancelled', actions: [noteCancel, 'retract'] },
      { target: '.cancelled', actions: noteCancel },
    ],
    'workflow.deadline': [
      { guard: 'isAnnounced', target: '.failed', actions: [noteDeadline, 'retract'] },
      { target: '.failed', actions: noteDeadline },
    ],
  },
  states: {
    fetchingDocument: {
      // Who uploads it now is not asked for it later.
      on: { DOCUMENT_UPLOADED: uploaded },
      invoke: {
        src: 'fetchDocument',
        input: ({ context }) => context.merchant,
        onDone: [
          { guard: { type: 'isMissing', params: ({ event }) => event.output.document }, target: 'awaitingDocument' },
          { target: 'verifyingKyc', actions: { type: 'noteDocument', params: ({ event }) => event.output.document ?? '' } },
        ],
        onError,
      },
    },
    awaitingDocument: {
      tags: ['needs-document'],
      on: { DOCUMENT_UPLOADED: uploaded },
      after: { documentTimeLimit: { target: 'rejected', actions: assign({ error: ({ context }) => documentMissing(context) }) } },
    },
    verifyingKyc: {
      invoke: {
        src: 'verifyKyc',
        input: ({ context }) => ({ ...context.merchant, document: context.document ?? '' }),
        onDone: { target: 'screeningSanctions', actions: assign({ kycReference: ({ event }) => event.output.reference }) },
        onError: [{ guard: isRefusal, target: 'rejected', actions: noteError }, onError],
      },
    },
    screeningSanctions: {
      invoke: {
        src: 'screenSanctions',
        input: ({ context }) => context.merchant,
        onDone: [
          {
            guard: { type: 'isMatch', params: ({ event }) => event.output },
            target: 'awaitingDecision',
            actions: assign(({ event }) => event.output),
          },
          { target: 'creatingProfile' },
        ],
        onError,
      },
    },
    awaitingDecision: {
      tags: ['needs-decision'],
      on: {
        APPROVE: { target: 'creatingProfile', actions: noteDecision },
        REJECT: { target: 'rejected', actions: [noteDecision, assign({ error: ({ context }) => sanctionsHit(context) })] },
      },
      initial: 'inTime',
      states: {
        inTime: { after: { decisionTimeLimit: 'escalated' } },
        escalated: { tags: ['escalated'] },
      },
    },
    creatingProfile: {
      invoke: {
        src: 'createProfile',
        input: ({ context }) => ({ ...context.merchant, kycReference: context.kycReference ?? '' }),
        onDone: {
          target: 'openingSettlement',
          actions: [assign({ profile: ({ event }) => event.output.profile }), 'announceCreated'],
        },
        onError,
      },
    },
    openingSettlement: {
      invoke: {
        src: 'openSettlement',
        input: ({ context }) => profileOf(context),
        onDone: { target: 'issuingCredentials', actions: assign({ account: ({ event }) => event.output.account }) },
        onError: onErrorAnnounced,
      },
    },
    issuingCredentials: {
      invoke: {
        src: 'issueCredentials',
        input: ({ context }) => ({ merchantId: context.merchant.merchantId, account: context.account ?? '' }),
        onDone: { target: 'settingRiskLimits', actions: assign({ keyId: ({ event }) => event.output.keyId }) },
        onError: onErrorAnnounced,
      },
    },
    settingRiskLimits: {
      invoke: {
        src: 'setRiskLimits',
        input: ({ context: { merchant, account = '' } }) => ({ merchantId: merchant.merchantId, country: merchant.country, account }),
        onDone: { target: 'seedingDashboard', actions: assign({ dailyLimit: ({ event }) => event.output.dailyLimit }) },
        onError: onErrorAnnounced,
      },
    },
    seedingDashboard: {
      invoke: {
        src: 'seedDashboard',
        input: ({ context }) => ({ merchantId: context.merchant.merchantId, account: context.account ?? '' }),
        onDone: { target: 'seedingWidgets', actions: assign({ dashboard: ({ event }) => event.output.url }) },
        onError: onErrorAnnounced,
      },
    },
    seedingWidgets: {
      // The dashboard is there: whoever finds it now needs no follow-up.
      on: { LOGGED_IN: { actions: 'noteLogin' } },
      invoke: {
        src: 'seedWidgets',
        input: ({ context }) => widgetsFor(context),
        onDone: { target: 'sendingWelcome', actions: assign({ missingWidgets: ({ event }) => missingOf(event.output.results) }) },
        onError: onErrorAnnounced,
      },
    },
    sendingWelcome: {
      on: { LOGGED_IN: { actions: 'noteLogin' } },
      invoke: {
        src: 'sendWelcome',
        input: ({ context }) => letterTo(context),
        onDone: [
          { guard: 'hasLoggedIn', target: 'live', actions: 'announceLive' },
          { target: 'awaitingFirstLogin', actions: 'announceLive' },
        ],
        onError: onErrorAnnounced,
      },
    },
    awaitingFirstLogin: {
      tags: ['live'],
      on: { LOGGED_IN: { target: 'live', actions: 'noteLogin' } },
      after: { followUpDelay: 'sendingFollowUp' },
    },
    sendingFollowUp: {
      tags: ['live'],
      on: { LOGGED_IN: { target: 'live', actions: 'noteLogin' } },
      invoke: {
        src: 'sendFollowUp',
        input: ({ context }) => letterTo(context),
        onDone: { target: 'live', actions: assign({ followUp: 'sent' }) },
        onError: { target: 'live', actions: assign({ followUp: 'failed' }) },
      },
    },
    live: { type: 'final', tags: ['live'] },
    rejected: { type: 'final', tags: ['failed'] },
    failed: { type: 'final', tags: ['failed'] },
    cancelled: { type: 'final', tags: ['cancelled'] },
  },
  output: ({ context: { merchant, ...gathered } }) => ({ merchantId: merchant.merchantId, ...gathered }),
});
