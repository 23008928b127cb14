import { activities, fiveStepOnboarding } from 'perdure/machines/five-step-onboarding';
import type { World } from './providers.ts';
import { askIn, checkDocuments, matchOf } from './providers.ts';

/** The five-step machine with its activities and their undos implemented against this world. */
export function fiveStepIn(world: World): typeof fiveStepOnboarding {
  const ask = askIn(world);
  return fiveStepOnboarding.provide({
    actors: {
      verifyKyc: ask('kyc.verify', activities.verifyKyc, (id) => {
        checkDocuments(world, id);
        return { reference: `kyc-${id}` };
      }),
      screenSanctions: ask('sanctions.screen', activities.screenSanctions, (_, merchant) => {
        const hit = matchOf(world.screen, merchant);
        return hit === undefined ? {} : { hit };
      }),
      openSettlement: ask('settlement.open', activities.openSettlement, (id) => ({ account: `acct-${id}` })),
      seedDashboard: ask('dashboard.seed', activities.seedDashboard, (id) => ({
        url: `https://dashboard.example/${encodeURIComponent(id)}`,
      })),
      sendWelcome: ask('welcome.send', activities.sendWelcome, (id) => ({ messageId: `welcome-${id}` })),
    },
  });
}
