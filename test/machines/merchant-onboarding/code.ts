/** Code for the activities of the merchant onboarding, and for their undos. */
import { activities, merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import { expect } from 'vitest';
import { implement } from '../../../src/authoring.ts';
import { activityDescriptor } from '../../../src/kernel/activity-descriptor.ts';
import { steps } from './paths.ts';

/** The undo of an activity that has one. */
export const undoneBy = (src: keyof typeof activities, run: (scope: unknown) => unknown) =>
  activityDescriptor(activities[src])?.undo === undefined ? {} : { compensate: { run } };

type Code = { readonly [Src in keyof typeof activities]?: (scope: { readonly attempt: number }) => unknown };

/** With good answers, but for what is given. */
export function withCode(code: Code = {}, undo: (scope: unknown) => unknown = () => expect.unreachable()): typeof merchantOnboarding {
  const actors = steps.map(({ src, output }) => [
    src,
    implement(activities[src] as never, { run: (scope) => (code[src] ?? (() => output))(scope) as never, ...undoneBy(src, undo) }),
  ]);
  return merchantOnboarding.provide({ actors: Object.fromEntries(actors) });
}
