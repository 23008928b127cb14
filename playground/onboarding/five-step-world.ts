import { implement } from 'perdure';
import { activities, fiveStepOnboarding } from 'perdure/machines/five-step-onboarding';
import type { World } from './providers.ts';
import { checkDocuments, matchOf, providersIn } from './providers.ts';

/** The five-step machine with its activities implemented against this world. */
export function fiveStepIn(world: World): typeof fiveStepOnboarding {
  const call = providersIn(world);
  return fiveStepOnboarding.provide({
    actors: {
      verifyKyc: implement(activities.verifyKyc, {
        run: async (scope) => {
          await call('kyc.verify', scope.input.merchantId, scope);
          checkDocuments(world, scope.input.merchantId);
          return { reference: `kyc-${scope.input.merchantId}` };
        },
      }),
      screenSanctions: implement(activities.screenSanctions, {
        run: async (scope) => {
          await call('sanctions.screen', scope.input.merchantId, scope);
          const hit = matchOf(world.screen, scope.input);
          return hit === undefined ? {} : { hit };
        },
      }),
      openSettlement: implement(activities.openSettlement, {
        run: async (scope) => {
          await call('settlement.open', scope.input.merchantId, scope);
          return { account: `acct-${scope.input.merchantId}` };
        },
      }),
      seedDashboard: implement(activities.seedDashboard, {
        run: async (scope) => {
          await call('dashboard.seed', scope.input.merchantId, scope);
          return { url: dashboardOf(scope.input.merchantId) };
        },
      }),
      sendWelcome: implement(activities.sendWelcome, {
        run: async (scope) => {
          await call('welcome.send', scope.input.merchantId, scope);
          return { messageId: `welcome-${scope.input.merchantId}` };
        },
      }),
    },
  });
}

function dashboardOf(merchantId: string): string {
  return `https://dashboard.example/${encodeURIComponent(merchantId)}`;
}
