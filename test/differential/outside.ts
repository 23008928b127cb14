/** Everything outside of the machine of a case: what its custom actions do is noted here, what its children wait for is held here. */
import type { ActivityLogic } from 'perdure/authoring';
import { activity } from 'perdure/authoring';
import type { CallbackActorLogic, EventObject, NonReducibleUnknown, ObservableActorLogic, PromiseActorLogic, Subscribable } from 'xstate';
import { fromCallback, fromEventObservable, fromObservable, fromPromise } from 'xstate';
import { World } from '../support/world.ts';

/** One call of a custom action. */
export interface Act {
  readonly name: string;
  readonly event: string;
  readonly params?: unknown;
}

/** What a source that the test holds can be told to do. A callback has no end and no error of its own. */
interface Source {
  readonly next: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
  readonly complete: () => void;
}

interface ActionArgs {
  readonly event: EventObject;
}

/** What only an activity can do. */
const notOfPromises = { heartbeat: refuse, heartbeatDetails: undefined, completeLater: refuse };

export class Outside {
  /** Calls of custom actions, in order. */
  readonly acts: Act[] = [];
  /** The lives of callbacks and observables: begun with which input, what they heard, ended. */
  readonly lives: string[] = [];
  /** What `log` said. */
  readonly logged: unknown[] = [];
  readonly world = new World();
  /** Counted by actions and read by others: shows which came first. */
  counter = 0;
  readonly #sources = new Map<string, Source>();

  /** A custom action that notes that it was called, by which event, with which params. */
  act(name: string): (args: ActionArgs, params: unknown) => void {
    return ({ event }, params) => this.note(name, event, params);
  }

  note(name: string, event: EventObject, params?: unknown): void {
    this.acts.push({ name, event: event.type, ...(params === undefined ? {} : { params }) });
  }

  /** An activity that ends when the script says so: for good with a value or an error named Refused. */
  activity<Output = unknown>(name: string): ActivityLogic<NonReducibleUnknown, Output> {
    return activity<NonReducibleUnknown, Output>({
      name,
      run: (scope) => this.world.call<Output>(name, scope),
      startToCloseTimeout: '1h',
      retry: { maximumAttempts: 10, initialInterval: '10s', jitter: 'none', nonRetryableErrorTypes: ['Refused'] },
    });
  }

  /** An ordinary promise that ends when the script says so. */
  promise<Output = unknown>(name: string): PromiseActorLogic<Output> {
    return fromPromise<Output>(({ input, signal }) =>
      this.world.call<Output>(name, { input, signal, attempt: 1, idempotencyKey: name, ...notOfPromises }),
    );
  }

  /** A callback: what the script emits from it is sent back to its parent. */
  callback(name: string): CallbackActorLogic<EventObject> {
    return fromCallback<EventObject>(({ sendBack, receive, input }) => {
      this.live(name, 'begins', input);
      this.#sources.set(name, { next: (event) => sendBack(event as EventObject), fail: refuse, complete: refuse });
      receive((event) => this.live(name, `hears ${event.type}`));
      return () => this.live(name, 'ends');
    });
  }

  observable(name: string): ObservableActorLogic<unknown, NonReducibleUnknown> {
    return fromObservable<unknown, NonReducibleUnknown>(({ input }) => this.#subscribable(name, input));
  }

  eventObservable(name: string): ObservableActorLogic<EventObject, NonReducibleUnknown> {
    return fromEventObservable<EventObject, NonReducibleUnknown>(
      ({ input }) => this.#subscribable(name, input) as Subscribable<EventObject>,
    );
  }

  live(name: string, what: string, detail?: unknown): void {
    this.lives.push([name, what, ...(detail === undefined ? [] : [JSON.stringify(detail)])].join(' '));
  }

  source(name: string): Source {
    const source = this.#sources.get(name);
    if (source === undefined) throw new Error(`Nothing called ${name} was begun.`);
    return source;
  }

  #subscribable(name: string, input: unknown): Subscribable<unknown> {
    const subscribe = (observer: Partial<Source> & { readonly error?: (error: unknown) => void }): { unsubscribe: () => void } => {
      this.live(name, 'begins', input);
      this.#sources.set(name, {
        next: (value) => observer.next?.(value),
        fail: (error) => observer.error?.(error),
        complete: () => observer.complete?.(),
      });
      return { unsubscribe: () => this.live(name, 'ends') };
    };
    return { subscribe: subscribe as Subscribable<unknown>['subscribe'] };
  }
}

function refuse(): never {
  throw new Error('A callback can only send events back.');
}
