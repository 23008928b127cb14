/** Stands for an actor of a workflow: what charts keep, compare and send to. Nothing runs behind it. */
import type { ActorSystem, EventObject } from 'xstate';

/** Who an actor is. */
export interface Identity {
  readonly sessionId: string;
  readonly id: string;
  readonly src?: unknown;
  readonly systemId?: string | undefined;
  readonly isWatched?: boolean | undefined;
}

/** What a reference asks of the chart that holds it. */
export interface ReferenceDesk {
  readonly system: unknown;
  readonly send: (sessionId: string, event: EventObject) => void;
  readonly snapshotOf: (sessionId: string) => unknown;
}

export class Reference {
  readonly id: string;
  readonly sessionId: string;
  readonly src: unknown;
  readonly systemId: string | undefined;
  readonly system: ActorSystem<never>;
  // XState's own names, which it reads when a snapshot is stored.
  readonly _syncSnapshot: boolean;
  readonly _parent: Reference | undefined;
  /** Also when it is taken off the reference. */
  readonly send: (event: EventObject) => void;
  readonly #desk: ReferenceDesk;

  constructor(identity: Identity, desk: ReferenceDesk, parent?: Reference) {
    this.id = identity.id;
    this.sessionId = identity.sessionId;
    this.src = identity.src;
    this.systemId = identity.systemId;
    this._syncSnapshot = identity.isWatched ?? false;
    this._parent = parent;
    this.#desk = desk;
    this.system = desk.system as ActorSystem<never>;
    this.send = (event) => desk.send(this.sessionId, event);
  }

  /** The latest snapshot that is known here. */
  getSnapshot(): unknown {
    return this.#desk.snapshotOf(this.sessionId);
  }

  getPersistedSnapshot(): unknown {
    return this.#desk.snapshotOf(this.sessionId);
  }

  /** As XState's own references are written. */
  toJSON(): object {
    return { xstate$$type: 1, id: this.id };
  }
}
