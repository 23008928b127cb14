/**
 * The people around a merchant, simulated: who has the document ready, uploads it late or never; who decides a possible match, and how
 * soon; who logs in. What they do follows from the seed and the merchant's id alone, so that it is the same whatever is killed meanwhile.
 */
import type { delays, MerchantEvent } from 'perdure/machines/merchant-onboarding';
import { LISTED_MERCHANT_ID } from '../inputs/merchant-generator.ts';
import { mulberry32, pick, seedFrom } from '../inputs/seeded-random.ts';

export interface People {
  readonly document: 'ready' | 'late' | 'never';
  readonly decision: 'APPROVE' | 'REJECT';
  /** Whether the operator decides only when the matter is escalated. */
  readonly isEscalated: boolean;
  readonly operator: string;
  /** `at-once`: as soon as there is a dashboard. */
  readonly login: 'at-once' | 'within-a-day' | 'never';
  /** Whether the sanctions provider finds the merchant on a list only after the screening, while the account is there already. */
  readonly isListedLater: boolean;
  /** Share of the time they are given that they take, below 1. */
  readonly slowness: number;
}

/** Something that somebody does. */
export interface Act {
  readonly event: MerchantEvent;
  /** Nobody does the same thing twice, so that it is known by its name. */
  readonly messageId: string;
  /** When: this share of the delay after it began. At once if absent. */
  readonly after?: { readonly delay: keyof typeof delays; readonly share: number };
}

const shares = {
  lateDocument: 0.07,
  missingDocument: 0.03,
  approval: 0.5,
  escalation: 0.3,
  loginAtOnce: 0.1,
  loginWithinADay: 0.5,
  listedLater: 0.01,
};
const operators = ['olga', 'omar', 'oona'] as const;

export function peopleAround(seed: number, merchantId: string): People {
  const luck = mulberry32(seedFrom(`${seed}|people|${merchantId}`));
  const [document, decision, escalation, login] = [luck(), luck(), luck(), luck()];
  return {
    document: document < shares.missingDocument ? 'never' : document < shares.missingDocument + shares.lateDocument ? 'late' : 'ready',
    decision: decision < shares.approval ? 'APPROVE' : 'REJECT',
    isEscalated: escalation < shares.escalation,
    operator: pick(luck, operators),
    login: login < shares.loginAtOnce ? 'at-once' : login < shares.loginAtOnce + shares.loginWithinADay ? 'within-a-day' : 'never',
    slowness: 0.1 + 0.4 * luck(),
    isListedLater: luck() < shares.listedLater,
    // The one who is on the list, as every reader of it can see.
    ...(merchantId === LISTED_MERCHANT_ID ? { document: 'ready', decision: 'REJECT' } : {}),
  };
}

/** Those whom the watch meets while limits are being set, before they are live; the others are live by then. */
const slowestMetEarly = 0.3;

function listing(merchantId: string): Act {
  const match = { entry: 'SDN-LATE', name: merchantId, score: 100 };
  return { event: { type: 'SANCTIONS_HIT', match }, messageId: 'listing' };
}

/** What they do next, with the merchant in this state; undefined if nothing. */
export function actIn(state: string, merchantId: string, people: People): Act | undefined {
  return people.isListedLater
    ? (listedIn(state, merchantId, people) ?? usualActIn(state, merchantId, { ...people, login: 'never' }))
    : usualActIn(state, merchantId, people);
}

function listedIn(state: string, merchantId: string, { slowness: share }: People): Act | undefined {
  if (state === 'settingRiskLimits' && share < slowestMetEarly) return listing(merchantId);
  return state === 'awaitingFirstLogin' ? { ...listing(merchantId), after: { delay: 'followUpDelay', share } } : undefined;
}

function usualActIn(state: string, merchantId: string, people: People): Act | undefined {
  const { document, decision, isEscalated, operator, login, slowness: share } = people;
  const deciding = { event: { type: decision, by: operator }, messageId: 'decision' } as const;
  const loggingIn = { event: { type: 'LOGGED_IN' }, messageId: 'login' } as const;
  switch (state) {
    case 'awaitingDocument':
      if (document === 'never') return undefined;
      return {
        event: { type: 'DOCUMENT_UPLOADED', document: `upload-${merchantId}` },
        messageId: 'upload',
        // Early enough that a process which is down for a moment does not make it too late.
        after: { delay: 'documentTimeLimit', share: share / 5 },
      };
    case 'awaitingDecision.inTime':
      return isEscalated ? undefined : { ...deciding, after: { delay: 'decisionTimeLimit', share } };
    case 'awaitingDecision.escalated':
      return deciding;
    case 'seedingWidgets':
    case 'sendingWelcome':
      return login === 'at-once' ? loggingIn : undefined;
    case 'awaitingFirstLogin':
      if (login === 'never') return undefined;
      return login === 'at-once' ? loggingIn : { ...loggingIn, after: { delay: 'followUpDelay', share } };
    default:
      return undefined;
  }
}
