/** Code for the activities of the merchant onboarding, and for their undos. */
import { activities, merchantOnboarding, widgetSeeding } from 'perdure/machines/merchant-onboarding';
import type { WidgetInput } from 'perdure/machines/merchant-onboarding';
import { expect } from 'vitest';
import { fanOut, implement } from '../../../src/authoring.ts';
import { activityDescriptor } from '../../../src/kernel/activity-descriptor.ts';
import { steps } from './paths.ts';

/** The undo of an activity that has one. */
const undoneBy = (src: keyof typeof activities, run: (scope: unknown) => unknown) =>
  activityDescriptor(activities[src])?.undo === undefined ? {} : { compensate: { run } };

type Code = { readonly [Src in Exclude<keyof typeof activities, 'seedWidget'>]?: (scope: { readonly attempt: number }) => unknown } & {
  readonly seedWidget?: (scope: { readonly input: WidgetInput }) => unknown;
};

/** Activities that are invoked as they are, with their numbers in a workflow without detours; widgets are seeded by a fan-out. */
export const activitySteps = steps.flatMap((step, index) => (step.src === 'seedWidgets' ? [] : [{ ...step, n: index + 1 }]));

/** With good answers, but for what is given. */
export function withCode(code: Code = {}, undo: (scope: unknown) => unknown = () => expect.unreachable()): typeof merchantOnboarding {
  const actors = activitySteps.map(({ src, output }) => [
    src,
    implement(activities[src] as never, { run: (scope) => (code[src] ?? (() => output))(scope) as never, ...undoneBy(src, undo) }),
  ]);
  const seedWidget = implement(activities.seedWidget, {
    run: (scope) => (code.seedWidget ?? (({ input: { widget } }) => ({ widget })))(scope) as never,
  });
  return merchantOnboarding.provide({ actors: { ...Object.fromEntries(actors), seedWidgets: fanOut(seedWidget, widgetSeeding) } });
}
