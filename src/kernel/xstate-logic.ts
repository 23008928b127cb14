/**
 * Tells XState's kinds of actor logic apart. XState marks none of them, so they are known by their shape, and by what their own
 * `transition` makes of events that XState reserves for itself. Neither code of users nor anything that acts is called: a logic
 * that XState did not make is not asked, and of `fromTransition`, whose `transition` is the user's, the shape has to be enough.
 */
import { activityDescriptor } from './activity-descriptor.ts';

export type LogicKind = 'activity' | 'promise' | 'machine' | 'transition' | 'callback' | 'observable' | 'event-observable' | 'unknown';

/** What XState gives the function of `fromPromise`. */
export interface PromiseArguments {
  readonly input: unknown;
  readonly system: object;
  readonly self: object;
  readonly emit: (event: unknown) => void;
  readonly signal: AbortSignal;
}

interface MadeLogic {
  /** The user's function. */
  readonly config: (...given: readonly unknown[]) => unknown;
  readonly transition: (snapshot: object, event: object, scope: object) => unknown;
  readonly getInitialSnapshot: (scope: object, input: unknown) => unknown;
  readonly start?: unknown;
}

const methods = ['config', 'transition', 'getInitialSnapshot', 'getPersistedSnapshot', 'restoreSnapshot'];

export function kindOfLogic(logic: unknown): LogicKind {
  if (typeof logic !== 'object' || logic === null) return 'unknown';
  if (activityDescriptor(logic)?.kind === 'activity') return 'activity';
  if ('root' in logic && 'implementations' in logic && 'transition' in logic) return 'machine';
  if (!isMadeByXState(logic)) return 'unknown';
  if (logic.start === undefined) return 'transition';
  const token = {};
  if (probe(logic, { type: 'xstate.promise.resolve', data: token })?.['output'] === token) return 'promise';
  if (probe(logic, { type: 'xstate.observable.next', data: token })?.['context'] === token) return 'observable';
  if (probe(logic, { type: 'xstate.observable.complete' })?.['status'] === 'done') return 'event-observable';
  return isCallback(logic) ? 'callback' : 'unknown';
}

/** The user's function inside of `fromPromise`. Only for logic of the kind `promise`. */
export function promiseCreatorOf(logic: unknown): (given: PromiseArguments) => unknown {
  return (logic as { readonly config: (given: PromiseArguments) => unknown }).config;
}

function isMadeByXState(logic: object): logic is MadeLogic {
  const { start } = logic as Partial<MadeLogic>;
  const isFunction = (name: string): boolean => typeof (logic as Record<string, unknown>)[name] === 'function';
  return methods.every(isFunction) && (start === undefined || typeof start === 'function');
}

/** What its `transition` makes of an active snapshot; undefined if it throws. */
function probe(logic: MadeLogic, event: object): Record<string, unknown> | undefined {
  try {
    const active = { status: 'active', output: undefined, error: undefined, context: undefined, input: undefined };
    return Object(logic.transition(active, event, { self: {}, system: {} })) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** It alone keeps what belongs to an instance outside of its snapshot, and fails where it never began. */
function isCallback(logic: MadeLogic): boolean {
  if (probe(logic, { type: 'xstate.init' }) !== undefined) return false;
  const initial = Object(logic.getInitialSnapshot({}, undefined)) as object;
  return Object.keys(initial).sort().join() === 'error,input,output,status';
}
