import { activity } from 'perdure/authoring';
import type { FetchedDocument, MerchantInput, Screening } from './merchant.ts';
import type { WidgetInput } from './widgets.ts';

const policy = {
  startToCloseTimeout: '3s',
  retry: { initialInterval: '200ms', maximumInterval: '5s', maximumAttempts: 8 },
} as const;

/** What is done is undone with the same patience; after that the undo waits for a person. */
const undone = { ...policy, compensate: policy } as const;

/** It was decided that there is no undo. */
const irreversible = { ...policy, irreversible: true } as const;

/**
 * Names, time-outs and retry policies, and what has an undo, without code. Repeating is left to the policies; the chart hears only of
 * what is final.
 */
export const activities = {
  /** Reads what is there. */
  fetchDocument: activity<MerchantInput, FetchedDocument>({ name: 'document.fetch', ...irreversible }),
  /**
   * An error named `KycRefused` is the provider's answer, not a fault: it is not asked again, and the merchant is rejected. That an identity
   * was verified stays true, and has to be kept on record whatever comes of it.
   */
  verifyKyc: activity<MerchantInput & { document: string }, { reference: string }>({
    name: 'kyc.verify',
    ...irreversible,
    retry: { ...policy.retry, nonRetryableErrorTypes: ['KycRefused'] },
  }),
  /** The provider goes on watching the merchant's name, under the merchant's id. Undo: end that watch. */
  screenSanctions: activity<MerchantInput, Screening>({ name: 'sanctions.screen', ...undone }),
  /** Undo: delete the profile. */
  createProfile: activity<MerchantInput & { kycReference: string }, { profile: string }>({ name: 'profile.create', ...undone }),
  /** Undo: close the account. */
  openSettlement: activity<{ merchantId: string; profile: string }, { account: string }>({ name: 'settlement.open', ...undone }),
  /** Gives the id of the credentials. The secret itself has no business in a workflow, which is kept on disk. Undo: revoke them. */
  issueCredentials: activity<{ merchantId: string; account: string }, { keyId: string }>({ name: 'credentials.issue', ...undone }),
  /**
   * Limits what the merchant may take, and has the sanctions provider screen what is paid to the account. Undo: end that screening. The limits
   * stay until the account is closed: while it is open it must not be without any.
   */
  setRiskLimits: activity<{ merchantId: string; country: string; account: string }, { dailyLimit: number }>({
    name: 'risk-limits.set',
    ...undone,
  }),
  /** Undo: take the dashboard down, with all that is on it. */
  seedDashboard: activity<{ merchantId: string; account: string }, { url: string }>({ name: 'dashboard.seed', ...undone }),
  /**
   * Fills one widget of a dashboard that exists, and says which. It is run for each of them, as `seedWidgets`. It has no undo of its own: a
   * widget goes when its dashboard is taken down.
   */
  seedWidget: activity<WidgetInput, { widget: string }>({ name: 'widget.seed', ...irreversible }),
  /** An email cannot be unsent. Undo: send another one, which says that the account is on hold. */
  sendWelcome: activity<{ merchantId: string; email: string; dashboard: string }, void>({ name: 'welcome.send', ...undone }),
  /** What there is to say then says the undo of the welcome email. */
  sendFollowUp: activity<{ merchantId: string; email: string; dashboard: string }, void>({ name: 'follow-up.send', ...irreversible }),
};
