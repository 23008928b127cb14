/** What the onboarding asks of the world outside: names, time-outs and retry policies, without code. */
import { activity } from 'perdure/authoring';

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

const policy = {
  startToCloseTimeout: '3s',
  retry: { initialInterval: '200ms', maximumInterval: '5s', maximumAttempts: 8 },
} as const;

/** Repeating is left to these policies; the chart hears only of what is final. */
export const activities = {
  fetchDocument: activity<MerchantInput, FetchedDocument>({ name: 'document.fetch', ...policy }),
  /** An error named `KycRefused` is the provider's answer, not a fault: it is not asked again, and the merchant is rejected. */
  verifyKyc: activity<MerchantInput & { document: string }, { reference: string }>({
    name: 'kyc.verify',
    ...policy,
    retry: { ...policy.retry, nonRetryableErrorTypes: ['KycRefused'] },
  }),
  screenSanctions: activity<MerchantInput, Screening>({ name: 'sanctions.screen', ...policy }),
  createProfile: activity<MerchantInput & { kycReference: string }, { profile: string }>({ name: 'profile.create', ...policy }),
  announceCreated: activity<{ merchantId: string; profile: string }, void>({ name: 'merchant-created.announce', ...policy }),
  openSettlement: activity<{ merchantId: string; profile: string }, { account: string }>({ name: 'settlement.open', ...policy }),
  /** Gives the id of the credentials. The secret itself has no business in a workflow, which is kept on disk. */
  issueCredentials: activity<{ merchantId: string; account: string }, { keyId: string }>({ name: 'credentials.issue', ...policy }),
  setRiskLimits: activity<{ merchantId: string; country: string; account: string }, { dailyLimit: number }>({
    name: 'risk-limits.set',
    ...policy,
  }),
  seedDashboard: activity<{ merchantId: string; account: string }, { url: string }>({ name: 'dashboard.seed', ...policy }),
  sendWelcome: activity<{ merchantId: string; email: string; dashboard: string }, void>({ name: 'welcome.send', ...policy }),
  announceLive: activity<{ merchantId: string; profile: string }, void>({ name: 'merchant-live.announce', ...policy }),
  sendFollowUp: activity<{ merchantId: string; email: string; dashboard: string }, void>({ name: 'follow-up.send', ...policy }),
};
