/** The world outside: what activities call, and what a test sees of it and answers. */
import type { ActivityScope } from 'perdure/authoring';

export interface Call extends ActivityScope<unknown> {
  readonly name: string;
  readonly succeed: (output: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** Ordinary promises and custom actions are given less than activities. */
type Given = Pick<ActivityScope<unknown>, 'input' | 'signal' | 'attempt' | 'idempotencyKey'> & Partial<ActivityScope<unknown>>;

const ofActivitiesOnly = {
  heartbeat: refuse,
  heartbeatDetails: undefined,
  completeLater: refuse,
};

function refuse(): never {
  throw new TypeError('Only an activity is given this.');
}

export class World {
  readonly calls: Call[] = [];
  readonly #counts = new Map<string, number>();

  /** One attempt of an activity: it ends when the test says so, or is aborted. */
  call<Output>(name: string, scope: Given): Promise<Output> {
    return new Promise<unknown>((succeed, fail) => {
      this.calls.push({ ...ofActivitiesOnly, ...scope, name, succeed, fail });
      if (!this.isStubborn) scope.signal.addEventListener('abort', () => fail(new Error(`aborted: ${String(scope.signal.reason)}`)));
    }) as Promise<Output>;
  }

  /** Attempts of this activity so far. */
  callsOf(name: string): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  /** The latest attempt of this activity. */
  last(name: string): Call {
    const call = this.callsOf(name).at(-1);
    if (call === undefined) throw new Error(`Nobody called ${name}.`);
    return call;
  }

  /** Whether calls go on although they were aborted. */
  isStubborn = false;

  /** Whether the impure places of machines break. */
  isBroken = true;

  mend(): void {
    this.isBroken = false;
  }

  /** As it was, with nobody having called. */
  breakAgain(): void {
    this.isBroken = true;
    this.calls.length = 0;
  }

  /** Counts how often some code ran. */
  note(what: string): void {
    this.#counts.set(what, this.count(what) + 1);
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0;
  }
}

/** An error of this class and message. */
export function errorOf(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
