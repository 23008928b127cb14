/** The parts that move, wired together over one store. */
import type { DecideContext } from '../kernel/draft.ts';
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock, Random, Store, TimerRow } from '../kernel/ports.ts';
import { ActivityRunner } from './activity-runner.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import type { ViewRegistry } from './committed-view.ts';
import { createViewRegistry } from './committed-view.ts';
import { Performer } from './performer.ts';
import { Supervisor } from './supervisor.ts';
import { TimerQueue } from './timer-queue.ts';

export interface EngineParts {
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxConcurrentAttempts: number;
}

export interface Engine {
  readonly supervisor: Supervisor;
  readonly views: ViewRegistry;
  /** Takes up what was pending when the store was last open; resolves when all of it is in memory. */
  recover(): Promise<void>;
  /** No new attempts and timers; running attempts are told and given back; everything decided is written. */
  shutDown(graceMs: number): Promise<void>;
  /** The error that stopped the engine, if one did. */
  failure(): unknown;
}

export function createEngine({ store, registry, clock, random, maxConcurrentAttempts }: EngineParts): Engine {
  const views = createViewRegistry();
  let failure: { readonly error: unknown } | undefined;

  /** Stops committing, acts on nothing unconfirmed, tells everybody who waits. */
  const fail = (error: unknown): void => {
    if (failure !== undefined) return;
    failure = { error };
    timers.stop();
    performer.stop();
    supervisor.fail(error);
    views.endAll(error);
    void runner.shutDown(0);
  };

  const pipeline = new CommitPipeline(store, fail);
  const runner = new ActivityRunner(clock, maxConcurrentAttempts, () => performer.wakeNext());
  const onDue = ({ address, generation }: TimerRow): void => supervisor.deliver(address, { kind: 'timer', generation });
  const timers = new TimerQueue(store, clock, { onDue, onError: fail });
  const performer = new Performer({
    clock,
    runner,
    timers,
    deliver: (address, envelope) => supervisor.deliver(address, envelope),
    rescan: () => void recoverFrom(store, supervisor).catch(fail),
  });
  const context = (): DecideContext => ({ nowMs: clock.now(), random, admit: () => runner.admit() });
  const supervisor = new Supervisor({ store, clock, registry, views, pipeline, performer, context, onError: fail });

  const shutDown = async (graceMs: number): Promise<void> => {
    timers.stop();
    performer.stop();
    await runner.shutDown(graceMs);
    await supervisor.settled();
    await pipeline.idle();
  };

  const recover = async (): Promise<void> => recoverFrom(store, supervisor).catch(fail);
  return { supervisor, views, recover, shutDown, failure: () => failure?.error };
}

/** Brings every workflow with pending activities into memory, a page at a time. */
async function recoverFrom(store: Store, supervisor: Supervisor): Promise<void> {
  let page = await store.scanActive(limits.scanPageMax);
  for (;;) {
    await Promise.all(page.rows.map(async (address) => supervisor.wake(address.workflowId)));
    if (page.next === undefined) return;
    page = await store.scanActive(limits.scanPageMax, page.next);
  }
}
