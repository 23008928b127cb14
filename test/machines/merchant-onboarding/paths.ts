/** Every path through the merchant onboarding that `xstate/graph` finds, and how its events come about on a real actor. */
import { merchantOnboarding, widgets } from 'perdure/machines/merchant-onboarding';
import type { delays, MerchantEvent, MerchantInput } from 'perdure/machines/merchant-onboarding';
import type { EventObject, SnapshotFrom } from 'xstate';
import { getShortestPaths, getSimplePaths } from 'xstate/graph';
import { errorNamed } from '../../kernel/workflows.ts';

export const merchant: MerchantInput = {
  merchantId: 'm-1',
  name: 'Blue Fig Coffee',
  country: 'PT',
  owner: 'Ana Reis',
  email: 'ana@example.com',
};

export const match = { match: { entry: 'SDN-7', name: 'Blue Fig', score: 93.4 } };

/** What the fan-out of the widgets comes to when all are there. */
const seeded = { total: widgets.length, succeeded: widgets.length, failed: 0, results: widgets.map((widget) => ({ widget })) };

/** What is invoked, in order: in which state, and a good output. The last one is not called for merchants who log in. */
export const steps = [
  { state: 'fetchingDocument', src: 'fetchDocument', output: { document: 'scan-1' } },
  { state: 'verifyingKyc', src: 'verifyKyc', output: { reference: 'kyc-1' } },
  { state: 'screeningSanctions', src: 'screenSanctions', output: {} },
  { state: 'creatingProfile', src: 'createProfile', output: { profile: 'profile-1' } },
  { state: 'openingSettlement', src: 'openSettlement', output: { account: 'account-1' } },
  { state: 'issuingCredentials', src: 'issueCredentials', output: { keyId: 'key-1' } },
  { state: 'settingRiskLimits', src: 'setRiskLimits', output: { dailyLimit: 5_000 } },
  { state: 'seedingDashboard', src: 'seedDashboard', output: { url: 'https://dash' } },
  { state: 'seedingWidgets', src: 'seedWidgets', output: seeded },
  { state: 'sendingWelcome', src: 'sendWelcome', output: undefined },
  { state: 'sendingFollowUp', src: 'sendFollowUp', output: undefined },
] as const;

type Step = (typeof steps)[number];

/** Something that can happen to an onboarding. */
export type Happening =
  | { readonly kind: 'done'; readonly src: Step['src']; readonly output: unknown }
  | { readonly kind: 'error'; readonly src: Step['src']; readonly error: Error }
  | { readonly kind: 'signal'; readonly event: MerchantEvent }
  | { readonly kind: 'timer'; readonly delay: keyof typeof delays; readonly state: string };

export type State = SnapshotFrom<typeof merchantOnboarding>;

const uploaded: MerchantEvent = { type: 'DOCUMENT_UPLOADED', document: 'scan-2' };
const decisions: MerchantEvent[] = [
  { type: 'APPROVE', by: 'Olga' },
  { type: 'REJECT', by: 'Olga' },
];
const loggedIn: MerchantEvent = { type: 'LOGGED_IN' };

/** At any moment before the end. */
const listed: MerchantEvent = { type: 'SANCTIONS_HIT', match: { entry: 'SDN-8', name: 'Ana Reis', score: 99.6 } };

const finals: ReadonlySet<string> = new Set(['live', 'rejected', 'failed']);

const signals: Readonly<Record<string, readonly MerchantEvent[]>> = {
  fetchingDocument: [uploaded],
  awaitingDocument: [uploaded],
  'awaitingDecision.inTime': decisions,
  'awaitingDecision.escalated': decisions,
  seedingWidgets: [loggedIn],
  sendingWelcome: [loggedIn],
  awaitingFirstLogin: [loggedIn],
  sendingFollowUp: [loggedIn],
};

const timers: Readonly<Record<string, keyof typeof delays>> = {
  awaitingDocument: 'documentTimeLimit',
  'awaitingDecision.inTime': 'decisionTimeLimit',
  awaitingFirstLogin: 'followUpDelay',
};

/** Answers of an activity that are neither its good output nor a broken provider. */
const others: Readonly<Record<string, readonly unknown[]>> = { fetchDocument: [{}], screenSanctions: [match] };

/** A state's name with that of the state in it. */
export function nameOf(value: unknown): string {
  return typeof value === 'string'
    ? value
    : Object.entries(value as object)
        .flat()
        .join('.');
}

/** All that can happen in a state. */
function happeningsIn(state: string): Happening[] {
  const step = steps.find((each) => each.state === state);
  const answers = step === undefined ? [] : [step.output, ...(others[step.src] ?? [])];
  const errors = step === undefined ? [] : [errorNamed(`Broken:${state}`)];
  if (step?.src === 'verifyKyc') errors.push(errorNamed('KycRefused', 'expired passport'));
  const delay = timers[state];
  return [
    ...answers.map((output): Happening => ({ kind: 'done', src: step!.src, output })),
    ...errors.map((error): Happening => ({ kind: 'error', src: step!.src, error })),
    ...[...(signals[state] ?? []), ...(finals.has(state) ? [] : [listed])].map((event): Happening => ({ kind: 'signal', event })),
    ...(delay === undefined ? [] : [{ kind: 'timer', delay, state } as const]),
  ];
}

const happeningOf = new WeakMap<EventObject, Happening>();

/** What the chart hears of it. */
function eventOf(happening: Happening): EventObject {
  const actorId = 'src' in happening ? `0.merchant-onboarding.${steps.find(({ src }) => src === happening.src)?.state}` : '';
  const event = ((): EventObject & Record<string, unknown> => {
    switch (happening.kind) {
      case 'done':
        return { type: `xstate.done.actor.${actorId}`, output: happening.output, actorId };
      case 'error':
        return { type: `xstate.error.actor.${actorId}`, error: happening.error, actorId };
      case 'timer':
        return { type: `xstate.after.${happening.delay}.merchant-onboarding.${happening.state}` };
      case 'signal':
        return { ...happening.event };
    }
  })();
  happeningOf.set(event, happening);
  return event;
}

const exploring = {
  input: merchant,
  events: ({ value }: { value: unknown }) => happeningsIn(nameOf(value)).map(eventOf),
  limit: 10_000,
  serializeState: ({ value, context }: { value: unknown; context?: unknown }) => JSON.stringify([value, context]),
  serializeEvent: (event: EventObject) => JSON.stringify(event, (key, item: unknown) => (key === 'error' ? (item as Error).name : item)),
};

export interface Path {
  /** How it ends. */
  readonly state: State;
  /** What happens, and the state it leads to. */
  readonly steps: readonly { readonly happening: Happening; readonly state: State }[];
}

function pathsOf(found: readonly { readonly state: unknown; readonly steps: readonly { state: unknown; event: EventObject }[] }[]): Path[] {
  return found.map(({ state, steps: taken }) => ({
    state: state as State,
    steps: taken.flatMap((step) => {
      const happening = happeningOf.get(step.event);
      return happening === undefined ? [] : [{ happening, state: step.state as State }];
    }),
  }));
}

export function simplePaths(): Path[] {
  return pathsOf(getSimplePaths(merchantOnboarding, exploring as never));
}

export function shortestPaths(): Path[] {
  return pathsOf(getShortestPaths(merchantOnboarding, exploring as never));
}

/** For the name of a test. */
export function wordOf(happening: Happening): string {
  switch (happening.kind) {
    case 'done':
      return happening.src;
    case 'error':
      return `${happening.src} fails`;
    case 'signal':
      return happening.event.type;
    case 'timer':
      return happening.delay;
  }
}
