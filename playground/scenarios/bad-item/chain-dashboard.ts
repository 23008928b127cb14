/** A dashboard of a chain: it is created, seeded for every store at once, and taken down again if that fails. */
import { setTimeout as delay } from 'node:timers/promises';
import { activity, fanOut } from 'perdure';
import type { FanOutOutput } from 'perdure';
import { assign, setup } from 'xstate';

export const storesMax = 10_000;
/** Far enough in that both outcomes have something to show. */
export const refusing: readonly number[] = [1_234, 4_321, 7_007];

const atOnceMax = 64;

export interface Store {
  readonly store: number;
}

export type Seeded = Pick<FanOutOutput<void>, 'total' | 'succeeded' | 'failed'>;

/** The dashboard's provider, and what it sees. */
export class Dashboards {
  created = 0;
  takenDown = 0;
  askedAgain = 0;
  readonly asked = new Set<number>();

  readonly seed = async ({ store }: Store, signal?: AbortSignal): Promise<void> => {
    if (this.asked.has(store)) this.askedAgain += 1;
    this.asked.add(store);
    await delay(5, undefined, signal === undefined ? {} : { signal });
    if (refusing.includes(store)) throw new StoreRefused(store);
  };
}

class StoreRefused extends Error {
  override readonly name = 'StoreRefused';

  constructor(store: number) {
    super(`store ${store} has no licence for widgets`);
  }
}

export function chainDashboard(dashboards: Dashboards, tolerated: number) {
  const createDashboard = activity<void, string>({
    name: 'dashboard.create',
    run: () => {
      dashboards.created += 1;
      return 'dashboard-1';
    },
    compensate: {
      run: () => {
        dashboards.takenDown += 1;
      },
    },
  });
  const seedStore = activity<Store, void>({
    name: 'dashboard.seed-store',
    retry: { nonRetryableErrorTypes: ['StoreRefused'] },
    run: async ({ input, signal }) => dashboards.seed(input, signal),
    // What it seeded goes with the dashboard.
    irreversible: true,
  });
  return setup({
    types: { context: {} as { seeded: Seeded | null }, output: {} as Seeded },
    actors: {
      createDashboard,
      seedStores: fanOut(seedStore, { concurrency: atOnceMax, tolerate: { count: tolerated }, results: 'paged' }),
    },
  }).createMachine({
    id: 'chain-dashboard',
    version: '1',
    context: { seeded: null },
    initial: 'creating',
    states: {
      creating: { invoke: { src: 'createDashboard', onDone: 'seeding' } },
      seeding: {
        invoke: {
          src: 'seedStores',
          input: Array.from({ length: storesMax }, (_, index): Store => ({ store: index + 1 })),
          onDone: { target: 'live', actions: assign({ seeded: ({ event }) => countsOf(event.output) }) },
        },
      },
      live: { type: 'final' },
    },
    output: ({ context }) => context.seeded ?? { total: 0, succeeded: 0, failed: 0 },
  });
}

function countsOf({ total, succeeded, failed }: FanOutOutput<void>): Seeded {
  return { total, succeeded, failed };
}
