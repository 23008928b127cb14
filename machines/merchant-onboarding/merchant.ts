/** What is known of a merchant's onboarding, what it is told, and what it says of an answer that is no. */

export interface MerchantInput {
  readonly merchantId: string;
  readonly name: string;
  readonly country: string;
  readonly owner: string;
  readonly email: string;
}

export interface FetchedDocument {
  /** Where the document lies; absent if the merchant has not handed one in yet. */
  readonly document?: string;
}

export interface Screening {
  /** The entry of a sanctions list that the merchant resembles, if any. A person decides whether it is the same one. */
  readonly match?: SanctionsMatch;
}

export interface SanctionsMatch {
  readonly entry: string;
  /** The name of the merchant's that resembles it. */
  readonly name: string;
  /** How alike they are, 0 to 100. */
  readonly score: number;
}

export type MerchantEvent =
  /** The merchant has handed in the document that was missing. */
  | { readonly type: 'DOCUMENT_UPLOADED'; readonly document: string }
  /** A person has found that the possible match is somebody else. */
  | { readonly type: 'APPROVE'; readonly by: string }
  /** A person has found that the possible match is the merchant. */
  | { readonly type: 'REJECT'; readonly by: string }
  /** The merchant has seen the dashboard. */
  | { readonly type: 'LOGGED_IN' }
  /** The sanctions provider, which goes on watching, has found the merchant on a list. */
  | { readonly type: 'SANCTIONS_HIT'; readonly match: SanctionsMatch };

/** Nobody sends these: the engine asks. */
export type EngineEvent = { readonly type: 'workflow.cancel'; readonly reason: string } | { readonly type: 'workflow.deadline' };

/** What the chart emits for others to hear. */
export interface MerchantAnnouncement {
  /** There is a new merchant; the merchant is live; neither is so any more, since the onboarding came to nothing. */
  readonly type: 'merchant.created' | 'merchant.live' | 'merchant.retracted';
  readonly merchantId: string;
  readonly profile: string;
}

export interface OnboardingFailure {
  readonly name: string;
  readonly message: string;
}

/** What is known so far; each is absent until its step is done. */
interface Gathered {
  readonly document?: string;
  readonly kycReference?: string;
  /** The possible match that the screening found, if it found one; the one that was reported later, if one was. */
  readonly match?: SanctionsMatch;
  /** Who decided about it. */
  readonly decidedBy?: string;
  readonly profile?: string;
  readonly account?: string;
  readonly keyId?: string;
  /** What the merchant may take in a day, in the currency of the account. */
  readonly dailyLimit?: number;
  readonly dashboard?: string;
  /** Widgets that could not be seeded; most often none. */
  readonly missingWidgets?: readonly string[];
  readonly hasLoggedIn: boolean;
  /** What became of the follow-up email; absent if none was needed. A merchant is live whether or not it could be sent. */
  readonly followUp?: 'sent' | 'failed';
  /**
   * Why the merchant was not taken on: `DocumentMissing`, `KycRefused`, `SanctionsHit`, `DeadlineExceeded`, `Cancelled`, or the class of what
   * made a step fail.
   */
  readonly error?: OnboardingFailure;
}

export interface MerchantOutput extends Gathered {
  readonly merchantId: string;
}

export interface MerchantContext extends Gathered {
  readonly merchant: MerchantInput;
}

export function failureOf(error: unknown): OnboardingFailure {
  return error instanceof Error ? { name: error.name, message: error.message } : { name: 'Failed', message: String(error) };
}

export function documentMissing({ merchant }: MerchantContext): OnboardingFailure {
  return { name: 'DocumentMissing', message: `Merchant ${merchant.merchantId} has not handed in a document in time.` };
}

export function deadlineExceeded({ merchant }: MerchantContext): OnboardingFailure {
  return { name: 'DeadlineExceeded', message: `Merchant ${merchant.merchantId} was not taken on before the deadline.` };
}

export function sanctionsHit(context: MerchantContext): OnboardingFailure {
  const { match = { entry: '?', name: '?', score: 0 }, decidedBy } = context;
  return hitOf(context, match, `rejected by ${decidedBy}`);
}

export function lateSanctionsHit(context: MerchantContext, match: SanctionsMatch): OnboardingFailure {
  return hitOf(context, match, 'reported by the sanctions provider');
}

function hitOf({ merchant }: MerchantContext, { entry, name, score }: SanctionsMatch, how: string): OnboardingFailure {
  const alike = `"${name}" of merchant ${merchant.merchantId} resembles list entry "${entry}" (score ${Math.round(score)})`;
  return { name: 'SanctionsHit', message: `${alike}; ${how}.` };
}

export function letterTo({ merchant, dashboard = '' }: MerchantContext): { merchantId: string; email: string; dashboard: string } {
  return { merchantId: merchant.merchantId, email: merchant.email, dashboard };
}

export function profileOf({ merchant, profile = '' }: MerchantContext): { merchantId: string; profile: string } {
  return { merchantId: merchant.merchantId, profile };
}
