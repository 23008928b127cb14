/**
 * What code that runs after a commit is given of the actors around it: references that really send. Custom actions, callbacks
 * and observables get them; what they send is an event of its own, written when it is heard.
 */
import type { AnyActorLogic, AnyActorRef, EventObject } from 'xstate';
import { createActor, fromTransition } from 'xstate';
import type { Json } from './json.ts';
import type { References } from './value-decoding.ts';
import { decodeValue } from './value-decoding.ts';
import type { Identity } from './xstate-reference.ts';
import { Reference } from './xstate-reference.ts';
import type { Surroundings } from './xstate-scope.ts';

export interface Outside {
  readonly surroundings: Surroundings;
  /** Hands an event to an actor of the workflow. */
  readonly send: (sessionId: string, event: EventObject) => void;
}

/** References that send, and a system that finds them. */
export function outsideReferences({ surroundings, send }: Outside): { readonly references: References; readonly system: object } {
  const find = (systemId: string): Reference | undefined => {
    const found = surroundings.find(systemId);
    return found === undefined ? undefined : make(found);
  };
  const system = {
    get: find,
    getAll: () => Object.fromEntries([...surroundings.named()].map(([systemId, identity]) => [systemId, make(identity)])),
  };
  const desk = { system, send, snapshotOf: (sessionId: string) => surroundings.shownOf(sessionId) };
  const make = (identity: Identity): Reference => new Reference(identity, desk);
  return { references: (sessionId, id) => make({ sessionId, id }), system };
}

/** What a callback or observable tells its parent. */
export type VolatileNews =
  | { readonly kind: 'event'; readonly event: EventObject }
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'snapshot'; readonly snapshot: unknown };

export interface VolatileChild {
  readonly send: (event: EventObject) => void;
  readonly stop: () => void;
}

export interface VolatileBirth {
  readonly childId: string;
  readonly input: Json;
  readonly isWatched: boolean;
}

/**
 * Runs a callback or observable as XState does: as an actor of its, below one that passes on what it is told.
 *
 * @param tell is called with what the parent is to hear, also while this starts
 */
export function startVolatile(
  logic: AnyActorLogic,
  birth: VolatileBirth,
  outside: Outside,
  tell: (news: VolatileNews) => void,
): VolatileChild {
  const { childId, isWatched } = birth;
  const { references, system } = outsideReferences(outside);
  const parent = createActor(fromTransition((state: null, event: EventObject) => (tell(newsOf(childId, event)), state), null));
  // It finds the actors of its workflow instead of those of this little system.
  Object.assign(parent.system, system);
  parent.start();
  const child = createActor(logic, {
    id: childId,
    input: decodeValue(birth.input, references),
    parent: parent as AnyActorRef,
    ...(isWatched ? { syncSnapshot: true } : {}),
  } as never);
  child.start();
  return {
    send: (event) => child.send(event),
    stop: () => (child as unknown as { _stop(): void })._stop(), // XState lets a parent stop its children by this alone
  };
}

function newsOf(childId: string, event: EventObject): VolatileNews {
  const { output, error, snapshot } = event as {
    readonly output?: unknown;
    readonly error?: unknown;
    readonly snapshot?: unknown;
  } & EventObject;
  switch (event.type) {
    case `xstate.done.actor.${childId}`:
      return { kind: 'done', output };
    case `xstate.error.actor.${childId}`:
      return { kind: 'failed', error };
    case `xstate.snapshot.${childId}`:
      return { kind: 'snapshot', snapshot: plain(snapshot) };
    default:
      return { kind: 'event', event };
  }
}

/** Without what XState keeps in it for itself. */
function plain(snapshot: unknown): unknown {
  const { _subscription: _, ...rest } = Object(snapshot) as { readonly _subscription?: unknown };
  return rest;
}
