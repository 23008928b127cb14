/** What can be played to a machine, on any host and on a plain actor: events, the passing of time, and what activities come to. */
import type { AnyStateMachine, EventObject } from 'xstate';
import { gauntlet } from './gauntlet.ts';
import { brittle, counter, errand, relay, sleeper, vault } from './machines.ts';
import { onboarding } from './onboarding.ts';
import type { World } from './world.ts';
import { errorOf } from './world.ts';

export type Step =
  | { readonly kind: 'send'; readonly event: EventObject }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'answer'; readonly activity: string; readonly output: unknown }
  | { readonly kind: 'fail'; readonly activity: string; readonly error: Error };

export interface Play {
  readonly title: string;
  /** The name of the machine, or of the function that makes it. */
  readonly of: string;
  readonly machineOf: (world: World) => AnyStateMachine;
  readonly input: unknown;
  readonly steps: readonly Step[];
  /** Set where a lost attempt would change the play. */
  readonly isSpoiltByCrashes?: boolean;
}

export function send(type: string, data: object = {}): Step {
  return { kind: 'send', event: { type, ...data } };
}

export function advance(ms: number): Step {
  return { kind: 'advance', ms };
}

function answer(activity: string, output: unknown): Step {
  return { kind: 'answer', activity, output };
}

function fail(activity: string, name: string): Step {
  return { kind: 'fail', activity, error: errorOf(name, `${activity} failed`) };
}

const patient = { initialInterval: '10s', jitter: 'none', maximumAttempts: 50, nonRetryableErrorTypes: ['Refused'] } as const;
const lamp = { item: 'lamp' };
const merchant = { merchantId: 'm-1', name: 'Ada & Sons', country: 'CH', owner: 'Ada', email: 'ada@example.org' };

const errands: readonly Play[] = [
  { title: 'an errand that succeeds', steps: [send('NUDGE'), answer('fetch', { found: new Date(0), none: undefined })] },
  { title: 'an errand that fails for good', steps: [fail('fetch', 'Refused')] },
  {
    title: 'an errand that is retried',
    steps: [fail('fetch', 'NotNow'), advance(9_999), advance(1), fail('fetch', 'NotNow'), advance(20_000), answer('fetch', 'at last')],
  },
  {
    title: 'an errand that is given up and begun again',
    steps: [send('GIVE_UP'), advance(100_000), send('GIVE_UP'), send('NUDGE'), send('GIVE_UP'), send('NUDGE'), answer('fetch', 1n)],
  },
].map((play) => ({ ...play, of: 'errand', machineOf: (world) => errand(world, 'errand', patient), input: lamp }));

const onboardings: readonly Play[] = [
  {
    title: 'an onboarding that succeeds, with a retry on the way',
    steps: [
      answer('kyc.verify', { reference: 'k-1' }),
      answer('sanctions.screen', {}),
      fail('settlement.open', 'GatewayDown'),
      advance(200),
      answer('settlement.open', { account: 'a-1' }),
      answer('dashboard.seed', { url: 'https://example.org/d' }),
      answer('welcome.send', { messageId: 'w-1' }),
    ],
  },
  {
    title: 'an onboarding that hits a sanctions list',
    steps: [answer('kyc.verify', { reference: 'k-1' }), answer('sanctions.screen', { hit: { entry: 'e-9', name: 'Ada', score: 97.4 } })],
  },
  { title: 'an onboarding that is refused', steps: [fail('kyc.verify', 'KycRefused')] },
].map((play) => ({ ...play, of: 'onboarding', machineOf: onboarding, input: merchant }));

export const plays: readonly Play[] = [
  {
    title: 'a counter',
    of: 'counter',
    machineOf: () => counter(),
    input: { from: 10 },
    steps: [send('ADD', { amount: 5 }), send('OTHER'), send('ADD', { amount: -0.5 }), send('FINISH')],
  },
  {
    title: 'a sleeper that sleeps to the end',
    of: 'sleeper',
    machineOf: () => sleeper,
    input: { delayMs: 5_000 },
    steps: [advance(4_999), advance(1), advance(999), send('SLEEP', { delayMs: 1 }), advance(1)],
  },
  {
    title: 'a sleeper that is woken again and again',
    of: 'sleeper',
    machineOf: () => sleeper,
    input: { delayMs: 5_000, isAwake: true },
    steps: [
      advance(60_000),
      send('SLEEP', { delayMs: 3_000 }),
      advance(2_000),
      send('LEAVE'),
      advance(60_000),
      send('SLEEP', { delayMs: 7_000 }),
      advance(6_999),
      advance(1),
      send('REST'),
      advance(60_000),
    ],
  },
  ...errands,
  {
    title: 'an errand that takes too long',
    of: 'errand',
    machineOf: (world) => errand(world, 'errand', { maximumAttempts: 1 }),
    input: lamp,
    steps: [advance(59_999), advance(1)],
    isSpoiltByCrashes: true,
  },
  {
    title: 'a relay',
    of: 'relay',
    machineOf: relay,
    input: { baton: 'a' },
    steps: [answer('relay.first', 'b'), answer('relay.second', 'c')],
  },
  {
    title: 'something brittle, handled with care',
    of: 'brittle',
    machineOf: brittle,
    input: { isBroken: false },
    steps: [send('TOUCH'), send('TOUCH'), advance(5_000), send('TOUCH')],
  },
  {
    title: 'a vault',
    of: 'vault',
    machineOf: () => vault,
    input: new Map([['list', [new Set([1n, -0]), { none: undefined }]]]),
    steps: [send('KEEP', { value: Number.NaN }), send('KEEP', { value: { bytes: new Uint8Array([1, 2]) } }), send('BLOAT', { length: 9 })],
  },
  {
    title: 'the gauntlet to its end',
    of: 'gauntlet',
    machineOf: () => gauntlet,
    input: { laps: 2 },
    steps: [
      send('HURRY'),
      advance(1_500),
      send('WARN'),
      send('PAUSE'),
      send('RESUME'),
      advance(2_000),
      send('PAUSE'),
      send('RETURN'),
      send('HUSH'),
      advance(10_000),
      send('AGAIN'),
      advance(3_000),
      send('WARN'),
      send('LAP'),
      advance(4_000),
      send('echo'),
      send('LAP'),
      send('QUIT'),
    ],
  },
  ...onboardings,
];
