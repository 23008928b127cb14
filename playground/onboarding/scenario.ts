/** What is onboarded through: one of the shipped machines in this world, with the people it waits for. */
import type { OpenRuntimeOptions, Runtime } from 'perdure';
import type { Merchant } from '../inputs/merchant.ts';
import { accompany } from './accompany.ts';
import { fiveStepIn } from './five-step-world.ts';
import type { Sending } from './ledger.ts';
import { merchantOnboardingIn, scaledDelays } from './merchant-world.ts';
import { peopleAround } from './people.ts';
import type { World } from './providers.ts';

export const machineNames = ['merchant-onboarding', 'five-step'] as const;
export type MachineName = (typeof machineNames)[number];

/** The chart's 24 hours take two seconds. */
export const usualTimeScale = (24 * 60 * 60) / 2;

export interface Scenario {
  readonly machine: OpenRuntimeOptions['machines'][number];
  /** Starts a merchant's workflow, or finds it. */
  begin(runtime: Runtime, merchant: Merchant): Promise<Begun>;
}

export interface Begun {
  /** The chart's state value as of the last commit. */
  stateValue(): unknown;
  /** Resolves with the output; meanwhile whoever the workflow waits for does their part. */
  result(): Promise<unknown>;
}

export interface ScenarioOptions {
  readonly machine: MachineName;
  /** How many times faster the chart's delays pass. */
  readonly timeScale: number;
  /** Signals that a life before sent without hearing an answer, by merchant. */
  readonly unanswered: ReadonlyMap<string, readonly Sending[]>;
}

export function scenarioIn(world: World, options: ScenarioOptions): Scenario {
  return options.machine === 'five-step' ? fiveStep(world) : merchantOnboarding(world, options);
}

function fiveStep(world: World): Scenario {
  const machine = fiveStepIn(world);
  return {
    machine,
    begin: async (runtime, merchant) => {
      const handle = await runtime.start(machine, { id: merchant.id, input: inputOf(merchant) });
      return { stateValue: () => handle.getSnapshot().value, result: async () => handle.result() };
    },
  };
}

function merchantOnboarding(world: World, { timeScale, unanswered }: ScenarioOptions): Scenario {
  const machine = merchantOnboardingIn(world, timeScale);
  const delays = scaledDelays(timeScale);
  return {
    machine,
    begin: async (runtime, merchant) => {
      const { id } = merchant;
      const handle = await runtime.start(machine, { id, input: inputOf(merchant) });
      const people = peopleAround(world.seed, id);
      return {
        stateValue: () => handle.getSnapshot().value,
        result: async () => {
          await accompany({ runtime, handle, people, delays, ledger: world.ledger, unanswered: unanswered.get(id) ?? [] });
          return handle.result();
        },
      };
    },
  };
}

/** What both machines are started with. */
export interface OnboardingInput {
  readonly merchantId: string;
  readonly name: string;
  readonly country: string;
  readonly owner: string;
  readonly email: string;
}

export function inputOf(merchant: Merchant): OnboardingInput {
  const { id, name, country, owner, email } = merchant;
  return { merchantId: id, name, country, owner, email };
}
