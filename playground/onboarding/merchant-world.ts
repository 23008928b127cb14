import { fanOut } from 'perdure';
import { activities, delays, merchantOnboarding, widgetSeeding } from 'perdure/machines/merchant-onboarding';
import { peopleAround } from './people.ts';
import type { World } from './providers.ts';
import { askIn, checkDocuments, matchOf } from './providers.ts';

/**
 * The merchant onboarding with its activities and their undos implemented against this world.
 *
 * @param timeScale how many times faster the chart's delays pass
 */
export function merchantOnboardingIn(world: World, timeScale: number): typeof merchantOnboarding {
  const ask = askIn(world);
  return merchantOnboarding.provide({
    delays: scaledDelays(timeScale),
    actors: {
      fetchDocument: ask('document.fetch', activities.fetchDocument, (id) =>
        peopleAround(world.seed, id).document === 'ready' ? { document: `scan-${id}` } : {},
      ),
      verifyKyc: ask('kyc.verify', activities.verifyKyc, (id) => {
        checkDocuments(world, id);
        return { reference: `kyc-${id}` };
      }),
      screenSanctions: ask('sanctions.screen', activities.screenSanctions, (_, merchant) => {
        const match = matchOf(world.screen, merchant);
        return match === undefined ? {} : { match };
      }),
      createProfile: ask('profile.create', activities.createProfile, (id) => ({ profile: `profile-${id}` })),
      openSettlement: ask('settlement.open', activities.openSettlement, (id) => ({ account: `acct-${id}` })),
      issueCredentials: ask('credentials.issue', activities.issueCredentials, (id) => ({ keyId: `key-${id}` })),
      setRiskLimits: ask('risk-limits.set', activities.setRiskLimits, () => ({ dailyLimit: 10_000 })),
      seedDashboard: ask('dashboard.seed', activities.seedDashboard, (id) => ({
        url: `https://dashboard.example/${encodeURIComponent(id)}`,
      })),
      seedWidgets: fanOut(
        ask('widget.seed', activities.seedWidget, (_, { widget }) => ({ widget })),
        widgetSeeding,
      ),
      sendWelcome: ask('welcome.send', activities.sendWelcome, () => undefined),
      sendFollowUp: ask('follow-up.send', activities.sendFollowUp, () => undefined),
    },
  });
}

/** In milliseconds. */
export function scaledDelays(timeScale: number): typeof delays {
  const { documentTimeLimit, decisionTimeLimit, followUpDelay } = delays;
  return {
    documentTimeLimit: documentTimeLimit / timeScale,
    decisionTimeLimit: decisionTimeLimit / timeScale,
    followUpDelay: followUpDelay / timeScale,
  };
}
