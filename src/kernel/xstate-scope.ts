/**
 * What XState is given instead of an actor while it computes a step: an `ActorScope` of our own. What the step wants done is
 * written down in it, in order, and nothing is executed.
 *
 * Invariants
 * 1. A scope belongs to one actor; its per-step state is reset before each step and read right after it.
 * 2. No action is executed and no child is started here: `exec` and `start` are never called.
 * 3. The private surface of XState that creating a child touches is the underscore methods below, nowhere else.
 *    `xstate-self-test.ts` checks all of it at start-up against the version installed.
 */
import type { AnyActorRef, AnyStateMachine, EventObject } from 'xstate';
import { PerdureError } from './errors.ts';
import { limits } from './limits.ts';
import type { Identity, ReferenceDesk } from './xstate-reference.ts';
import { Reference } from './xstate-reference.ts';

/** What an actor can see of the others of its workflow. */
export interface Surroundings {
  /** The latest snapshot of an actor, undefined if there is none. */
  readonly snapshotOf: (sessionId: string) => unknown;
  /** The latest snapshot that may be shown: what came after it could still be taken back. */
  readonly shownOf: (sessionId: string) => unknown;
  /** Who has this system id now. */
  readonly find: (systemId: string) => Identity | undefined;
  /** Everybody who has a system id. */
  readonly named: () => ReadonlyMap<string, Identity>;
}

/** Where an actor stands. */
export interface Place {
  readonly sessionId: string;
  /** The id under which its parent has it; the workflow's id for the root. */
  readonly id: string;
  readonly systemId?: string | undefined;
  readonly parent?: Identity | undefined;
  readonly surroundings: Surroundings;
}

/** Something a step asked for, as XState says it. */
export interface CollectedAction {
  readonly type: string;
  readonly params: unknown;
  readonly exec?: unknown;
  readonly info?: { readonly context: unknown; readonly event: EventObject };
}

/** What a child looks like to its parent until its first step is taken. */
const unborn = { status: 'active', output: undefined, error: undefined } as const;

/** Marks a child that was made; XState tells of it by an inspection event only. */
export const childMade = 'perdure.childMade';

export class ChartScope {
  readonly sessionId: string;
  readonly self: Reference;
  /** What the calls of XState take. */
  readonly call: Parameters<AnyStateMachine['transition']>[2];
  readonly #place: Place;
  /** What session ids of children begin with. */
  readonly #childPrefix: string;
  readonly #desk: ReferenceDesk;
  readonly #system: object;
  #actions: CollectedAction[] = [];
  #isOpen = false;
  #childCounter = 0;
  #microsteps = 0;
  #handledBy: readonly string[] | undefined;
  /** System ids taken by this step. */
  readonly #taken = new Map<string, Identity>();
  /** Session ids of children stopped by this step: they and theirs give up their system ids. */
  readonly #stopped = new Set<string>();

  constructor(place: Place) {
    this.#place = place;
    this.sessionId = place.sessionId;
    this.#childPrefix = place.sessionId.endsWith(':') ? place.sessionId : `${place.sessionId}.`;
    this.#system = this.#createSystem();
    this.#desk = {
      system: this.#system,
      send: (sessionId, event) => this.#send(sessionId, event),
      snapshotOf: (sessionId) => this.#look(sessionId) ?? unborn,
    };
    const parent = place.parent === undefined ? undefined : new Reference(place.parent, this.#desk);
    this.self = new Reference(place, this.#desk, parent);
    this.call = this.#createCall();
  }

  get surroundings(): Surroundings {
    return this.#place.surroundings;
  }

  /** Runs one step and answers what it asked for. A throw leaves nothing behind. */
  collect<Result>(childCounter: number, step: () => Result): { readonly result: Result } & CollectedStep {
    this.#actions = [];
    this.#childCounter = childCounter;
    this.#microsteps = 0;
    this.#handledBy = undefined;
    if (this.#taken.size > 0) this.#taken.clear();
    if (this.#stopped.size > 0) this.#stopped.clear();
    this.#isOpen = true;
    try {
      const result = step();
      return { result, actions: this.#actions, childCounter: this.#childCounter, handledBy: this.#handledBy ?? [] };
    } finally {
      this.#isOpen = false;
      this.#actions = [];
    }
  }

  /** A reference to any actor of the workflow. */
  reference(identity: Identity): Reference {
    if (identity.sessionId === this.sessionId) return this.self;
    const isChild = this.childNumber(identity.sessionId) !== undefined;
    return new Reference(identity, this.#desk, isChild ? this.self : undefined);
  }

  /** A reference to a child that this step makes. */
  makeChild({ id, src, systemId, input, isWatched }: MadeChild): Reference {
    const child = new Reference(
      { id, src, systemId, isWatched, sessionId: this.childSession((this.#childCounter += 1)) },
      this.#desk,
      this.self,
    );
    const { sessionId } = child;
    this.#push({ type: childMade, params: { id, src, systemId, sessionId, _syncSnapshot: isWatched, options: { input } } });
    if (systemId !== undefined) this.#take(systemId, child as unknown as AnyActorRef); // it has all that is read of one
    return child;
  }

  childSession(n: number): string {
    return this.#childPrefix + String(n);
  }

  /** The number of a child of this actor, undefined for anybody else. */
  childNumber(sessionId: string): number | undefined {
    if (!sessionId.startsWith(this.#childPrefix)) return undefined;
    const rest = sessionId.slice(this.#childPrefix.length);
    return rest === '' || rest.includes('.') ? undefined : Number(rest);
  }

  #createCall(): ChartScope['call'] {
    const call = {
      self: this.self,
      id: this.#place.id,
      sessionId: this.sessionId,
      system: this.#system,
      logger: ignore,
      defer: ignore,
      emit: (event: EventObject) => this.#push({ type: 'xstate.emit', params: { event } }),
      stopChild: ignore,
      actionExecutor: (action: CollectedAction) => this.execute(action),
    };
    return call as unknown as ChartScope['call']; // an ActorRef has members that a step never touches
  }

  #createSystem(): object {
    const { surroundings } = this.#place;
    return {
      _bookId: () => this.childSession((this.#childCounter += 1)),
      _register: (id: string) => id,
      _unregister: ignore,
      _set: (systemId: string, child: AnyActorRef) => this.#take(systemId, child),
      _relay: (_source: unknown, target: AnyActorRef, event: EventObject) => this.#send(target.sessionId, event),
      _clock: { setTimeout: ignore, clearTimeout: ignore },
      _logger: ignore,
      _sendInspectionEvent: (event: InspectedEvent) => this.#inspect(event),
      get: (systemId: string) => this.#find(systemId),
      getAll: () => {
        const ids = new Set([...surroundings.named().keys(), ...this.#taken.keys()]);
        return Object.fromEntries([...ids].flatMap((id) => [[id, this.#find(id)] as const]).filter(([, found]) => found !== undefined));
      },
    };
  }

  #push(action: CollectedAction): void {
    this.#actions.push(action);
  }

  /** Takes down what a step executes. */
  execute(action: CollectedAction): void {
    if (action.type === 'xstate.stopChild' && action.params !== undefined) this.#letGo((action.params as AnyActorRef).sessionId);
    this.#push(action);
  }

  #send(sessionId: string, event: EventObject): void {
    if (!this.#isOpen) throw new TypeError('Outside of a step nothing is sent by a reference in a snapshot; use send() of the workflow.');
    this.#push({ type: 'xstate.sendTo', params: { to: { sessionId }, event } });
  }

  #find(systemId: string): Reference | undefined {
    const taken = this.#taken.get(systemId);
    const found = taken ?? this.#place.surroundings.find(systemId);
    if (found === undefined || (taken === undefined && this.#isStopped(found.sessionId))) return undefined;
    return this.reference(found);
  }

  #look(sessionId: string): unknown {
    const { surroundings } = this.#place;
    return this.#isOpen ? surroundings.snapshotOf(sessionId) : surroundings.shownOf(sessionId);
  }

  /** Its system id is free again, also if it was made by this step. */
  #letGo(sessionId: string): void {
    this.#stopped.add(sessionId);
    for (const [systemId, taken] of this.#taken) if (taken.sessionId === sessionId) this.#taken.delete(systemId);
  }

  #isStopped(sessionId: string): boolean {
    return [...this.#stopped].some((stopped) => sessionId === stopped || sessionId.startsWith(`${stopped}.`));
  }

  #take(systemId: string, child: AnyActorRef): void {
    // Children that XState made for children: they will take theirs when they are really made.
    if (child._parent !== (this.self as unknown)) return;
    const holder = this.#find(systemId);
    if (holder !== undefined && holder.sessionId !== child.sessionId) {
      throw new Error(`Actor with system ID '${systemId}' already exists.`);
    }
    this.#taken.set(systemId, { sessionId: child.sessionId, id: child.id });
  }

  #inspect(event: InspectedEvent): void {
    if (event.type === '@xstate.actor' && event.actorRef._parent === (this.self as unknown)) this.#adopt(event.actorRef);
    // Children given in place are evaluated by XState within the step: what takes their events is not what takes this one.
    if (event.type === '@xstate.microstep') {
      this.countMicrostep(event.actorRef === (this.self as unknown) ? event._transitions : undefined);
    }
  }

  /** XState's own reference to a new child, made to answer as ours do. */
  #adopt(child: AnyActorRef): void {
    const { sessionId } = child;
    const desk = this.#desk;
    Object.assign(child, {
      send: (event: EventObject) => desk.send(sessionId, event),
      getSnapshot: () => desk.snapshotOf(sessionId),
      getPersistedSnapshot: () => desk.snapshotOf(sessionId),
    });
    this.#push({ type: childMade, params: child });
  }

  /** @param transitions of a microstep of this chart */
  countMicrostep(transitions: readonly { readonly eventType: string }[] | undefined): void {
    this.#microsteps += 1;
    // The first microstep of a step is the one for the event itself.
    this.#handledBy ??= transitions?.map((transition) => transition.eventType);
    if (this.#microsteps <= limits.microstepsMax) return;
    throw new PerdureError(
      'LIMIT_EXCEEDED',
      `The step was stopped after ${limits.microstepsMax} microsteps: an \`always\` or \`raise\` leads back to itself.`,
      { limit: 'microstepsMax', max: limits.microstepsMax },
    );
  }
}

export interface CollectedStep {
  readonly actions: readonly CollectedAction[];
  /** The counter after the step; children take their numbers from it. */
  readonly childCounter: number;
  /** Descriptors of the transitions that took the event. */
  readonly handledBy: readonly string[];
}

interface MadeChild {
  readonly id: string;
  readonly src: string;
  readonly systemId: string | undefined;
  readonly input: unknown;
  readonly isWatched: boolean;
}

interface InspectedEvent {
  readonly type: string;
  readonly actorRef: AnyActorRef;
  readonly _transitions?: readonly { readonly eventType: string }[];
}

function ignore(): void {
  // A step calls this where a running actor would act; acting comes after the commit.
}
