/** A parcel on its way: three activities, the first of which may fail once, signals, a timer. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActivityScope } from 'perdure/authoring';
import { activity } from 'perdure/authoring';
import { assign, setup } from 'xstate';
import type { OutsideLedger } from './outside-ledger.ts';

export interface ParcelInput {
  readonly id: string;
  /** Signals it waits for. */
  readonly scans: number;
  readonly restMs: number;
  /** Whether the first attempt at the label fails. */
  readonly isSmudged: boolean;
}

export interface ParcelContext extends ParcelInput {
  /** Numbers of the scans, in the order in which they were applied. */
  readonly scanned: readonly number[];
}

export type ParcelStep = 'label' | 'pack' | 'ship';

export interface ParcelWorld {
  readonly ledger: OutsideLedger;
  /** How long a call takes. */
  readonly callMs?: number;
  /** What else happens in a call, after its effect and before its outcome. */
  readonly during?: (step: ParcelStep, scope: ActivityScope<ParcelInput>) => void | Promise<void>;
}

export type ParcelMachine = ReturnType<typeof parcelIn>;

/** The parcel on which processes die one by one: it waits for three scans, and is not smudged. */
export const dyingParcel = 2;

/** The `number`th parcel of a workload: some wait for one scan, some for three; every other one is smudged. */
export function parcelInput(number: number): ParcelInput {
  return { id: `p-${number}`, scans: 1 + (number % 3), restMs: 1 + (number % 4), isSmudged: number % 2 === 1 };
}

export function parcelIn(world: ParcelWorld) {
  const step = (name: ParcelStep) =>
    activity<ParcelInput, string>({
      name,
      // A process is killed many times in these tests: lost attempts must not use up the policy.
      retry: { initialInterval: '2ms', maximumInterval: '10ms', maximumAttempts: 10_000 },
      run: async (scope) => {
        const { input, idempotencyKey: key, attempt } = scope;
        world.ledger.append({ kind: 'called', id: input.id, step: name, key, attempt });
        await world.during?.(name, scope);
        await delay(world.callMs ?? 0, undefined, { signal: scope.signal });
        if (name === 'label' && input.isSmudged && attempt === 1) throw new Error('the label is smudged');
        return key;
      },
    });
  return setup({
    types: {
      input: {} as ParcelInput,
      context: {} as ParcelContext,
      events: {} as { readonly type: 'SCAN'; readonly number: number },
      output: {} as { readonly scanned: readonly number[] },
    },
    actors: { label: step('label'), pack: step('pack'), ship: step('ship') },
    guards: { isScanned: ({ context }) => context.scanned.length >= context.scans },
    delays: { rest: ({ context }) => context.restMs },
  }).createMachine({
    id: 'parcel',
    version: '1',
    context: ({ input }) => ({ ...input, scanned: [] }),
    on: { SCAN: { actions: assign({ scanned: ({ context, event }) => [...context.scanned, event.number] }) } },
    initial: 'labelling',
    states: {
      labelling: { invoke: { src: 'label', input: ({ context }) => context, onDone: 'scanning' } },
      scanning: { always: { guard: 'isScanned', target: 'packing' } },
      packing: { invoke: { src: 'pack', input: ({ context }) => context, onDone: 'resting' } },
      resting: { after: { rest: 'shipping' } },
      shipping: { invoke: { src: 'ship', input: ({ context }) => context, onDone: 'shipped' } },
      shipped: { type: 'final' },
    },
    output: ({ context }) => ({ scanned: context.scanned }),
  });
}
