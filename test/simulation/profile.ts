/** How rough a seed is, and how tight its limits are. */
import { limits } from '../../src/kernel/limits.ts';
import { machines, machinesWithUndos } from './machines.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How much is in a world and how long its faults go on. */
export interface WorldSize {
  readonly workflows: number;
  /** Picks of the scheduler while there are faults. */
  readonly picks: number;
  /** How often what has come to its end is opened again. */
  readonly reopenings: number;
}

const small: WorldSize = { workflows: 4, picks: 50, reopenings: 1 };
export const large: WorldSize = { workflows: 10, picks: 160, reopenings: 2 };

export interface Profile {
  readonly size: WorldSize;
  /** Which machines of the family are run: some, or one so that its workflows are in each other's way. */
  readonly kinds: readonly string[];
  /** Attempts that may run at once. */
  readonly places: number;
  readonly holdsReads: boolean;
  readonly hasTightLimits: boolean;
  /** Shares of picks, relative to each other. */
  readonly crash: number;
  readonly close: number;
  readonly reject: number;
  readonly readFault: number;
  /** How often a machine is not registered when the store is opened. */
  readonly missing: number;
  readonly clockStep: number;
  readonly failures: number;
  /** How often a signal is one whose guard throws. */
  readonly poison: number;
  /** Whether workflows may have a deadline. */
  readonly hasDeadlines: boolean;
  /** Whether its machines have something to undo. */
  readonly hasUndos: boolean;
  /** Whether its machines emit something, and consumers are given it. */
  readonly hasConsumers: boolean;
}

/** Most worlds are small, so that there are many of them; every eighth has room for what takes longer to go wrong. */
export function rollProfile(random: SeededRandom, seed: number): Profile {
  const sometimes = (share: number, most: number): number => (random.chance(share) ? random.next() * most : 0);
  // Not rolled: what other seeds once told, they still tell.
  const hasUndos = [0, 1, 8].includes(seed % 11);
  const family = hasUndos ? machinesWithUndos : machines;
  return {
    size: seed % 8 === 0 ? large : small,
    kinds: Array.from({ length: random.chance(0.7) ? 4 : 1 }, () => random.pick(family).id),
    places: random.pick([1, 2, 3, 100, 100]),
    holdsReads: random.chance(0.35),
    hasTightLimits: random.chance(0.5),
    crash: sometimes(0.8, 1.2),
    close: sometimes(0.5, 0.8),
    reject: sometimes(0.5, 0.8),
    readFault: sometimes(0.15, 0.3),
    missing: random.chance(0.25) ? 0.4 : 0,
    clockStep: sometimes(0.5, 1.5),
    failures: random.next(),
    poison: random.pick([0.02, 0.02, 0.02, 0.2]),
    hasDeadlines: [1, 6].includes(seed % 7),
    hasUndos,
    hasConsumers: [4, 9].includes(seed % 13),
  };
}

const tight = {
  journalSnapshotInterval: 4,
  journalRecordsMax: 8,
  journalForgottenMax: 6,
  residentsMax: 3,
  lettersPerTurn: 2,
  batchCommitsMax: 2,
  flushCommitsMin: 2,
  scanPageMax: 2,
  timerWindowMs: 2_000,
  waitingActivitiesMax: 2,
  timersInMemoryMax: 2,
  mailboxMax: 3,
  stepsPerUnitMax: 3,
  unitsInRowMax: 8,
  settleMs: 1_500,
  compensationBudgetMs: 15_000,
  mailPerTurn: 2,
  erasedPerBatchMax: 5,
  outboxConcurrentMax: 2,
  outboxInMemoryMax: 3,
  outboxPageMax: 2,
  outboxLanePageMax: 2,
  outboxRetryingMax: 2,
  outboxUnwrittenMax: 2,
};

/** An endless circle comes to its end sooner, since it tells nothing new. */
const wide = { stepsPerUnitMax: 24, unitsInRowMax: 3 };

/** The same code with other bounds, on demand so small that every seed reaches them; the answer puts the real ones back. */
export function changeLimits(areTight: boolean): () => void {
  const open: Record<string, number> = limits;
  const before = { ...open };
  Object.assign(open, wide, areTight ? tight : {});
  return () => void Object.assign(open, before);
}
