/** What providers do, in words. */
const words: Readonly<Record<string, string>> = {
  'document.fetch': 'the identity document is read',
  'kyc.verify': 'the identity is verified',
  'sanctions.screen': 'the sanctions provider screens the name, and goes on watching it',
  'profile.create': 'the profile is created',
  'merchant-created.announce': 'the new merchant is announced',
  'settlement.open': 'the bank is asked for a settlement account',
  'credentials.issue': 'the gateway issues credentials',
  'risk-limits.set': 'limits are set, and payments screened',
  'dashboard.seed': 'a dashboard is asked for',
  'welcome.send': 'the welcome email is sent',
  'merchant-live.announce': 'it is announced that the merchant is live',
  'follow-up.send': 'a follow-up email is sent',
  'sanctions.unwatch': 'the sanctions provider watches the name no more',
  'profile.delete': 'the profile is deleted',
  'merchant-created.retract': 'the announcement of the new merchant is retracted',
  'settlement.close': 'the bank closes the settlement account',
  'credentials.revoke': 'the gateway revokes the credentials',
  'sanctions.unscreen-payments': 'payments are screened no more',
  'dashboard.take-down': 'the dashboard is taken down',
  'on-hold.send': 'the welcome email cannot be unsent: another one says "your account is on hold"',
  'merchant-live.retract': 'the announcement that the merchant is live is retracted',
};

export function inWords(activity: string): string {
  return words[activity] ?? activity;
}
