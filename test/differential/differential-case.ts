/** One machine and what is done to it, to be compared on the runtime and on a plain `createActor`. */
import type { AnyStateMachine, EventObject } from 'xstate';
import type { Act, Outside } from './outside.ts';

export type Step =
  | { readonly kind: 'send'; readonly event: EventObject }
  | { readonly kind: 'advance'; readonly ms: number }
  /** The latest attempt of an activity, or the latest promise, ends. */
  | { readonly kind: 'succeed'; readonly name: string; readonly output: unknown }
  | { readonly kind: 'fail'; readonly name: string; readonly error: Error }
  /** A callback sends an event back, an observable has a value, fails, completes. */
  | { readonly kind: 'next'; readonly source: string; readonly value: unknown }
  | { readonly kind: 'source fails'; readonly source: string; readonly error: Error }
  | { readonly kind: 'complete'; readonly source: string }
  /** The process dies and another takes over; a plain actor knows nothing of it. */
  | { readonly kind: 'restart' };

export interface ChildPicture {
  readonly status: string;
  readonly value?: unknown;
  readonly context?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly children?: Readonly<Record<string, ChildPicture>>;
}

/** What there is to see after a step. */
export interface Picture extends ChildPicture {
  readonly value: unknown;
  readonly context: unknown;
  readonly tags: readonly string[];
  /** Only while the root is active: what becomes of the children of an ended actor is nobody's concern. */
  readonly children: Readonly<Record<string, ChildPicture>>;
  /** All events emitted by the root so far, in order. */
  readonly emitted: readonly EventObject[];
  readonly acts: readonly Act[];
  readonly lives: readonly string[];
}

export interface ChildFacts extends Partial<Omit<ChildPicture, 'children'>> {
  readonly children?: Readonly<Record<string, ChildFacts>>;
}

/** What has to be so at the end: only what is named is looked at, but an array is looked at whole. */
export interface Facts extends Partial<Omit<Picture, 'children' | 'emitted'>> {
  readonly emitted?: readonly object[];
  readonly children?: Readonly<Record<string, ChildFacts>>;
  /** Ids of all children. */
  readonly childIds?: readonly string[];
}

export interface DurableFacts extends Facts {
  /** The engine's word for the workflow. */
  readonly workflow?: string;
  /** Codes of what the runtime refused. */
  readonly refusals?: readonly string[];
}

/** Where the runtime does not do what a plain actor does, by decision. */
export const knownDifferences = [
  'all assigns of a macrostep run before any custom action',
  'a custom action that throws fails after its commit',
  'a promise that a custom action returns is awaited before the next action',
  'an action written in place inside enqueueActions is refused',
  'two timers of one id are both cancelled by it',
  'delays are exact up to 100 years, and one that is no number fails the step',
  'a promise pending at a restart runs again',
  'callbacks and observables begin anew after a restart',
  'a closed workflow refuses events',
  'reserved event types are refused',
  'an event that throws parks the workflow',
  'a start that throws is refused',
  'the end of a child whose state was left is not heard of',
] as const;

export interface Difference {
  readonly of: (typeof knownDifferences)[number];
  /** What is so at the end on the runtime instead. */
  readonly durable: DurableFacts;
}

export interface DifferentialCase {
  readonly title: string;
  readonly machine: (outside: Outside) => AnyStateMachine;
  readonly input?: unknown;
  readonly script: readonly Step[];
  /** What is so at the end on a plain actor, and was not before the script. */
  readonly expected: Facts;
  /** Set where a restart in between changes the outcome: what was volatile began anew. */
  readonly isSpoiltByCrashes?: boolean;
  /** Set where a plain actor waits on ordinary timers instead of the one clock. */
  readonly isOnOrdinaryTimers?: boolean;
  readonly difference?: Difference;
}

export function send(type: string, data: object = {}): Step {
  return { kind: 'send', event: { type, ...data } };
}

export function sendEach(...types: readonly string[]): Step[] {
  return types.map((type) => send(type));
}

export function advance(ms: number): Step {
  return { kind: 'advance', ms };
}

export function succeed(name: string, output?: unknown): Step {
  return { kind: 'succeed', name, output };
}

export function fail(name: string, error: Error): Step {
  return { kind: 'fail', name, error };
}

export function next(source: string, value: unknown): Step {
  return { kind: 'next', source, value };
}

export function failSource(source: string, error: Error): Step {
  return { kind: 'source fails', source, error };
}

export function complete(source: string): Step {
  return { kind: 'complete', source };
}

export const restart: Step = { kind: 'restart' };
