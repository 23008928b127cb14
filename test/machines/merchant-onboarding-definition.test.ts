import { activities, delays, merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import { describe, expect, test } from 'vitest';
import { fanOut, implement } from '../../src/authoring.ts';
import { activityDescriptor } from '../../src/kernel/activity-descriptor.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { withCode } from './merchant-onboarding/code.ts';
import { steps } from './merchant-onboarding/paths.ts';

type Name = keyof typeof activities;

const names = Object.keys(activities) as Name[];
const isIrreversible = (src: Name): boolean => ['fetchDocument', 'verifyKyc', 'seedWidget', 'sendFollowUp'].includes(src);

describe('the definition', () => {
  test('has an undo for each activity, or the decision that there is none', () => {
    for (const src of names) {
      const { undo, isIrreversible: isWithout = false } = activityDescriptor(activities[src])!;
      expect([src, undo === undefined, isWithout]).toEqual([src, isIrreversible(src), isIrreversible(src)]);
      if (undo !== undefined) expect(undo).toMatchObject({ run: undefined, startToCloseTimeoutMs: 3_000, retry: { maximumAttempts: 8 } });
    }
  });

  test('is version 2 of merchant-onboarding, its activities declared with policies and without code', () => {
    expect(merchantOnboarding).toMatchObject({ id: 'merchant-onboarding', version: '2' });
    expect(names).toEqual(steps.map(({ src }) => (src === 'seedWidgets' ? 'seedWidget' : src)));
    for (const src of names) {
      expect(activityDescriptor(activities[src])).toMatchObject({
        run: undefined,
        startToCloseTimeoutMs: 3_000,
        retry: {
          maximumAttempts: 8,
          initialIntervalMs: 200,
          maximumIntervalMs: 5_000,
          nonRetryableErrorTypes: src === 'verifyKyc' ? ['KycRefused'] : [],
        },
      });
    }
  });

  test('lacks exactly the code of its activities, and nothing once it is provided', () => {
    const inOrder = steps.toSorted((a, b) => Number(a.src === 'seedWidgets') - Number(b.src === 'seedWidgets'));
    expect(() => registerMachine(merchantOnboarding)).toThrow(
      expect.objectContaining({
        code: 'IMPLEMENTATION_MISSING',
        details: {
          missing: inOrder.flatMap(({ src, state }) => [
            `activity "${src}" invoked in state "merchant-onboarding.${state}"`,
            ...(src === 'seedWidgets' || isIrreversible(src) ? [] : [`the undo of activity "${src}" (compensate)`]),
          ]),
        },
      }) as Error,
    );
    expect(registerMachine(withCode()).activities.size).toBe(10);
  });

  test('is the same one however many widgets are seeded at once', () => {
    const seedWidgets = fanOut(implement(activities.seedWidget, { run: () => expect.unreachable() }), { concurrency: 1 });
    const other = registerMachine(withCode().provide({ actors: { seedWidgets } }));
    expect(other.children.get('seedWidgets')).toMatchObject({ machine: { fanOut: { plan: { concurrency: 1 } } } });
    const [own, shipped] = [other, registerMachine(withCode())].map(({ reference, children }) => {
      const { machine } = children.get('seedWidgets') as { readonly machine: { readonly reference: unknown } };
      return [reference, machine.reference];
    });
    expect(own).toEqual(shipped);
  });

  test('is the same one whatever its delays are, so that they may be changed under workflows that are open', () => {
    const other = registerMachine(withCode().provide({ delays: { ...delays, followUpDelay: 5 } }));
    expect(other.reference).toEqual(registerMachine(withCode()).reference);
  });
});
