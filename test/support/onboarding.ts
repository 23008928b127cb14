/** The shipped five-step onboarding, its activities answered by a test. */
import { implement } from 'perdure/authoring';
import { activities, fiveStepOnboarding } from 'perdure/machines/five-step-onboarding';
import type { World } from './world.ts';

export function onboarding(world: World) {
  return fiveStepOnboarding.provide({
    actors: {
      verifyKyc: implement(activities.verifyKyc, { run: (scope) => world.call('kyc.verify', scope) }),
      screenSanctions: implement(activities.screenSanctions, {
        run: (scope) => world.call('sanctions.screen', scope),
        compensate: { run: (scope) => world.call('undo sanctions.screen', scope) },
      }),
      openSettlement: implement(activities.openSettlement, {
        run: (scope) => world.call('settlement.open', scope),
        compensate: { run: (scope) => world.call('undo settlement.open', scope) },
      }),
      seedDashboard: implement(activities.seedDashboard, {
        run: (scope) => world.call('dashboard.seed', scope),
        compensate: { run: (scope) => world.call('undo dashboard.seed', scope) },
      }),
      sendWelcome: implement(activities.sendWelcome, {
        run: (scope) => world.call('welcome.send', scope),
        compensate: { run: (scope) => world.call('undo welcome.send', scope) },
      }),
    },
  });
}
