import { afterEach, describe, expect, test, vi } from 'vitest';
import { Actor, StateMachine } from 'xstate';
import { selfTestXState } from '../../src/kernel/xstate-self-test.ts';
import { Stepper } from '../../src/kernel/xstate-steps.ts';
import type { PerdureError } from '../../src/kernel/errors.ts';
import { thrownBy } from './thrown.ts';

/** The methods of XState that a step calls, loosely typed so that they can be doctored. */
interface Methods {
  transition(snapshot: Snapshot, event: { readonly type: string }, scope: Scope): Snapshot;
  getInitialSnapshot(scope: Scope, input: unknown): Snapshot;
  resolveState(config: Record<string, unknown>): Snapshot;
}
interface Snapshot {
  readonly status: string;
  readonly value: unknown;
  readonly context: Record<string, unknown>;
}
interface Scope {
  actionExecutor(action: { readonly type: string; readonly params: unknown }): void;
  readonly system: { _bookId: () => string; _sendInspectionEvent(event: object): void };
}

const genuine = { ...methodsOf(StateMachine.prototype) };

function methodsOf(prototype: object): Methods {
  const { transition, getInitialSnapshot, resolveState } = prototype as Methods;
  return { transition, getInitialSnapshot, resolveState };
}

/** An XState whose method does something else; it is handed the real one, bound to its machine. */
function doctor<Name extends keyof Methods>(name: Name, change: (real: Methods[Name]) => Methods[Name]): void {
  vi.spyOn(StateMachine.prototype as unknown as Methods, name).mockImplementation(function doctored(this: unknown, ...args: unknown[]) {
    const real = (genuine[name] as (...given: unknown[]) => Snapshot).bind(this) as unknown as Methods[Name];
    return (change(real) as (...given: unknown[]) => Snapshot)(...args);
  } as never);
}

const withoutActions = (scope: Scope, type: string): Scope => ({
  ...scope,
  actionExecutor: (action) => {
    if (action.type !== type) scope.actionExecutor(action);
  },
});

afterEach(() => {
  vi.restoreAllMocks();
  Reflect.deleteProperty(Actor.prototype, '_parent');
});

test('the XState installed passes, any number of times', () => {
  expect(() => selfTestXState()).not.toThrow();
  expect(() => selfTestXState()).not.toThrow();
});

describe('an XState is refused that', () => {
  test.each<[string, () => void, string]>([
    ['takes no events', () => doctor('transition', () => (snapshot) => snapshot), 'entering a state asked for ""'],
    [
      'answers an unknown event with another snapshot',
      () => doctor('transition', (real) => (snapshot, event, scope) => ({ ...real(snapshot, event, scope) })),
      'an unknown event changed something',
    ],
    [
      'arms no timers',
      () => doctor('transition', (real) => (snapshot, event, scope) => real(snapshot, event, withoutActions(scope, 'xstate.raise'))),
      'entering a state asked for "spawn 1 work work"',
    ],
    [
      'spawns children unsaid',
      () => doctor('transition', (real) => (snapshot, event, scope) => real(snapshot, event, withoutNews(scope, '@xstate.actor'))),
      'entering a state asked for "schedule xstate.after.1000.probe.busy 1000"',
    ],
    [
      'leaves timers behind',
      () => doctor('transition', (real) => (snapshot, event, scope) => real(snapshot, event, withoutActions(scope, 'xstate.cancel'))),
      'leaving a state (live) asked for "stop 1"',
    ],
    [
      'leaves children behind',
      () => doctor('transition', (real) => (snapshot, event, scope) => real(snapshot, event, withoutActions(scope, 'xstate.stopChild'))),
      'leaving a state (live) asked for "cancel xstate.after.1000.probe.busy"',
    ],
    [
      'asks for an action nobody knows',
      () =>
        doctor('transition', (real) => (snapshot, event, scope) => {
          scope.actionExecutor({ type: 'xstate.teleport', params: {} });
          return real(snapshot, event, scope);
        }),
      'the action "xstate.teleport"',
    ],
    [
      'tells of no microsteps',
      () => doctor('transition', (real) => (snapshot, event, scope) => real(snapshot, event, withoutNews(scope, '@xstate.microstep'))),
      'a raised event was not taken in its step',
    ],
    [
      'numbers children by itself',
      () =>
        doctor('transition', (real) => (snapshot, event, scope) => {
          let own = 40;
          scope.system._bookId = () => `x:${(own += 1)}`;
          return real(snapshot, event, scope);
        }),
      'XState made "work" a child of somebody else.',
    ],
    [
      'counts children it does not make',
      () =>
        doctor('transition', (real) => (snapshot, event, scope) => {
          if (event.type === 'AGAIN') scope.system._bookId();
          return real(snapshot, event, scope);
        }),
      'a child (live) was not numbered from the counter',
    ],
    [
      'says what nobody asked for',
      () =>
        doctor('transition', (real) => (snapshot, event, scope) => {
          scope.actionExecutor({ type: 'xstate.emit', params: { event: { type: 'X' } } });
          return real(snapshot, event, scope);
        }),
      'entering a state asked for "emit',
    ],
    [
      'applies assigns twice',
      () => doctor('transition', (real) => (snapshot, event, scope) => twice(real(snapshot, event, scope), event)),
      'an assign was not applied once',
    ],
    [
      'forgets what a history state recalls',
      () => doctor('resolveState', (real) => (config) => real({ ...config, historyValue: {} })),
      'a history state (live) was not recalled',
    ],
    [
      'takes other steps than those that are planned',
      () => doctor('transition', (real) => (snapshot, event, scope) => (event.type === 'WITHIN' ? snapshot : real(snapshot, event, scope))),
      'by plan a step came to',
    ],
    [
      'has steps that cannot be planned',
      () => vi.spyOn(Stepper, 'of').mockReturnValue(undefined),
      'a plain machine has steps that cannot be planned',
    ],
    [
      'swallows an error nobody handles',
      () =>
        doctor(
          'transition',
          (real) => (snapshot, event, scope) => (event.type.startsWith('xstate.error.') ? snapshot : real(snapshot, event, scope)),
        ),
      'an unhandled error did not end the chart',
    ],
    [
      'throws',
      () =>
        doctor('getInitialSnapshot', () => () => {
          throw new Error('unknown scope');
        }),
      'unknown scope',
    ],
    [
      'does not say who invoked an actor',
      () => {
        const kept = new WeakMap<object, object>();
        // Where the seam looks at it, it is as ever.
        const isUnnamed = ({ id }: { readonly id?: string }): boolean => String(id).startsWith('0.(machine)');
        Object.defineProperty(Actor.prototype, '_parent', {
          configurable: true,
          get(this: object) {
            return isUnnamed(this) ? undefined : kept.get(this);
          },
          set(this: object, parent: object) {
            kept.set(this, parent);
          },
        });
      },
      'a plain promise does not know the actor that invoked it',
    ],
    ['throws what is no error', () => doctor('getInitialSnapshot', () => () => throwing('a word')), 'a word'],
  ])('%s', (_, doctorIt, finding) => {
    doctorIt();
    const error = thrownBy(selfTestXState) as PerdureError<'XSTATE_UNSUPPORTED'>;
    expect(error).toMatchObject({ code: 'XSTATE_UNSUPPORTED' });
    expect(error.details.finding).toContain(finding);
    expect(error.message).toContain(error.details.finding);
    expect(error.message).toContain('Install xstate ~5.33.3.');
  });
});

function withoutNews(scope: Scope, type: string): Scope {
  const { system } = scope;
  const send = system._sendInspectionEvent.bind(system);
  system._sendInspectionEvent = (said: { readonly type?: string }) => {
    if (said.type !== type) send(said);
  };
  return scope;
}

function twice(snapshot: Snapshot, event: { readonly type: string }): Snapshot {
  if (event.type !== 'GO') return snapshot;
  const copy = Object.create(Object.getPrototypeOf(snapshot) as object) as object;
  return Object.assign(copy, snapshot, { context: { ...snapshot.context, entered: 2 } });
}

function throwing(what: unknown): never {
  // Whatever user code can throw, an XState of another time could.
  throw what as Error;
}
