import type { MerchantAnnouncement } from 'perdure/machines/merchant-onboarding';

/** What providers do, in words. */
const words: Readonly<Record<string, string>> = {
  'document.fetch': 'the identity document is read',
  'kyc.verify': 'the identity is verified',
  'sanctions.screen': 'the sanctions provider screens the name, and goes on watching it',
  'profile.create': 'the profile is created',
  'settlement.open': 'the bank is asked for a settlement account',
  'credentials.issue': 'the gateway issues credentials',
  'risk-limits.set': 'limits are set, and payments screened',
  'dashboard.seed': 'a dashboard is asked for',
  'widget.seed': 'a widget of the dashboard is seeded',
  'welcome.send': 'the welcome email is sent',
  'follow-up.send': 'a follow-up email is sent',
  'sanctions.unwatch': 'the sanctions provider watches the name no more',
  'profile.delete': 'the profile is deleted',
  'settlement.close': 'the bank closes the settlement account',
  'credentials.revoke': 'the gateway revokes the credentials',
  'sanctions.unscreen-payments': 'payments are screened no more',
  'dashboard.take-down': 'the dashboard is taken down',
  'on-hold.send': 'the welcome email cannot be unsent: another one says "your account is on hold"',
};

/** What others are told, in words. */
const announcements: Readonly<Record<MerchantAnnouncement['type'], string>> = {
  'merchant.created': 'there is a new merchant',
  'merchant.live': 'the merchant is live',
  'merchant.retracted': 'there is no such merchant, after all',
};

export function toldInWords(type: MerchantAnnouncement['type']): string {
  return announcements[type];
}

export function inWords(activity: string): string {
  return words[activity] ?? activity;
}
