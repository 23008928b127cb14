/** What readers of the second host see: the last committed state of each workflow. */
import type { AnyStateMachine, EventObject } from 'xstate';
import type { SendOptions } from 'perdure';
import type { Actor } from '../../src/kernel/actor.ts';
import { resultOf } from '../../src/kernel/outcome.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import { isClosed } from '../../src/kernel/record.ts';
import { parkedError } from '../../src/kernel/refusals.ts';
import type { ContractHandle, ContractRuntime } from './contract-host.ts';

export class Readers {
  readonly #shown = new Map<string, Actor>();
  readonly #watchers = new Set<(actor: Actor) => void>();

  /** Shows what is on disk now, to who asks. */
  keep(root: Actor): void {
    this.#shown.set(root.record.address.workflowId, root);
  }

  /** Shows what is on disk now, to everybody: the root took a step. */
  show(actor: Actor): void {
    this.keep(actor);
    for (const watch of [...this.#watchers]) watch(actor);
  }

  /** @param found what was read from disk, if nothing was shown before; throws if it cannot be shown */
  handle<Machine extends AnyStateMachine>(
    id: string,
    host: Pick<ContractRuntime, 'send'>,
    stored: ActorRecord | undefined,
    found: () => Actor,
  ): ContractHandle<Machine> {
    const current = (): Actor => this.#shown.get(id) ?? found();
    const watch = (see: (actor: Actor) => void): (() => void) => {
      const watcher = (actor: Actor): void => (actor.record.address.workflowId === id ? see(actor) : undefined);
      this.#watchers.add(watcher);
      return () => this.#watchers.delete(watcher);
    };
    const closed = (): Promise<ActorRecord> =>
      new Promise((resolve, reject) => {
        const see = ({ record }: Pick<Actor, 'record'>): void => {
          if (isClosed(record.status)) resolve(record);
          if (record.status === 'parked') reject(parkedError(record));
        };
        watch(see);
        see(this.#shown.get(id) ?? (stored !== undefined && isClosed(stored.status) ? { record: stored } : found()));
      });
    const handle = {
      id,
      send: (event: EventObject, options?: SendOptions) => host.send(id, event, options),
      getSnapshot: () => current().chart.snapshot,
      subscribe: (observer: (snapshot: unknown) => void) => ({ unsubscribe: watch((actor) => observer(actor.chart.snapshot)) }),
      result: async () => resultOf(await closed()),
    };
    return handle as unknown as ContractHandle<Machine>; // the machine's types are the caller's word for what is on disk
  }
}
