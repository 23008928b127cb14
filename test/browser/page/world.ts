/** What answers the machine's activities on the page: good answers, but for what the page's address asks for otherwise. */
import type { ActivityLogic } from 'perdure';
import { fanOut, implement } from 'perdure';
import { activities, merchantOnboarding, widgetSeeding } from 'perdure/machines/merchant-onboarding';

/** @param tell hears of each call before it is answered */
export function machineOn(search: URLSearchParams, tell: (call: string) => void): typeof merchantOnboarding {
  const ask = <Input, Output>(
    name: string,
    declaration: ActivityLogic<Input, Output>,
    answer: (input: Input) => Output,
    undo: { readonly compensate?: { readonly run: () => void } } = { compensate: { run: () => tell(`undo ${name}`) } },
  ) =>
    implement(declaration, {
      ...undo,
      run: ({ input, attempt }) => {
        tell(`${name} ${attempt}`);
        if (search.get('broken') === name) throw named('ProviderUnavailable', `${name} answered 503`);
        return answer(input);
      },
    });
  return merchantOnboarding.provide({
    actors: {
      fetchDocument: ask('document.fetch', activities.fetchDocument, () => (search.has('missing') ? {} : { document: 'scan-1' }), {}),
      verifyKyc: ask(
        'kyc.verify',
        activities.verifyKyc,
        ({ document }) => {
          if (search.has('refused')) throw named('KycRefused', `${document} has expired`);
          return { reference: `kyc of ${document}` };
        },
        {},
      ),
      screenSanctions: ask('sanctions.screen', activities.screenSanctions, ({ name }) =>
        search.has('match') ? { match: { entry: 'SDN-7', name, score: 93 } } : {},
      ),
      createProfile: ask('profile.create', activities.createProfile, () => ({ profile: 'profile-1' })),
      openSettlement: ask('settlement.open', activities.openSettlement, () => ({ account: 'account-1' })),
      issueCredentials: ask('credentials.issue', activities.issueCredentials, () => ({ keyId: 'key-1' })),
      setRiskLimits: ask('risk-limits.set', activities.setRiskLimits, () => ({ dailyLimit: 5_000 })),
      seedDashboard: ask('dashboard.seed', activities.seedDashboard, () => ({ url: 'https://dash' })),
      seedWidgets: fanOut(
        ask('widget.seed', activities.seedWidget, ({ widget }) => ({ widget }), {}),
        widgetSeeding,
      ),
      sendWelcome: ask('welcome.send', activities.sendWelcome, () => undefined),
      sendFollowUp: ask('follow-up.send', activities.sendFollowUp, () => undefined, {}),
    },
  });
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
