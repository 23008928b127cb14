/** The world outside: what activities did to it. It survives every crash, and holds each call until the scheduler settles it. */
import type { ActivityScope } from '../../src/authoring.ts';
import type { ActivityName } from './machines.ts';
import { finalErrorName } from './machines.ts';
import type { Model } from './model.ts';
import { check } from './violation.ts';

export interface OutsideCall {
  readonly number: number;
  readonly life: number;
  readonly key: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Will never settle by itself. */
  isStuck: boolean;
  readonly resolve: (output: { readonly key: string }) => void;
  readonly reject: (error: Error) => void;
}

interface KnownStep {
  readonly input: string;
  calls: number;
  lastAttempt: number;
}

export class Ledger {
  readonly #model: Model;
  readonly #steps = new Map<string, KnownStep>();
  #open: OutsideCall[] = [];
  calls = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  /** A call comes in; throws if it should not have. */
  begin(life: number, places: number, name: ActivityName, scope: ActivityScope<unknown>): Promise<{ readonly key: string }> {
    const { idempotencyKey: key, attempt, signal } = scope;
    const input = JSON.stringify(scope.input);
    const what = (): string => `attempt ${attempt} of ${key} was called`;
    check(this.#model.begun.get(key)?.has(attempt) === true, 'I2 nothing acts or answers ahead of its cause', () => {
      return `${what()}, but no applied commit lets it begin`;
    });
    check(
      !this.#model.isSettled(key),
      'I3 an outcome is recorded once and ends its step',
      () => `${what()} after its outcome was recorded`,
    );
    const step = this.#steps.get(key) ?? { input, calls: 0, lastAttempt: 0 };
    step.calls += 1;
    const invariant = 'I4 key, attempts and calls of a step';
    check(step.input === input, invariant, () => `${what()} with another input`);
    check(attempt > step.lastAttempt, invariant, () => `${what()} after attempt ${step.lastAttempt}`);
    check(step.calls <= this.#model.callsMax(key, name), invariant, () => `${what()}, call ${step.calls} of it`);
    const running = this.running(life);
    check(!running.some((call) => call.key === key), invariant, () => `${what()} while an earlier one runs`);
    check(running.length < places, 'I13 limits are kept', () => `${what()} while ${running.length} of ${places} run`);
    step.lastAttempt = attempt;
    this.#steps.set(key, step);
    this.calls += 1;
    return new Promise((resolve, reject) => {
      this.#open.push({ number: this.calls, life, key, attempt, signal, isStuck: false, resolve, reject });
    });
  }

  /** Calls of a life that have not settled and were not told to stop. */
  running(life: number): readonly OutsideCall[] {
    return this.#open.filter((call) => call.life === life && !call.signal.aborted);
  }

  /** Calls that were told to stop and have not settled. */
  stopping(life: number): readonly OutsideCall[] {
    return this.#open.filter((call) => call.life === life && call.signal.aborted);
  }

  succeed(call: OutsideCall): void {
    this.#settle(call);
    call.resolve({ key: call.key });
  }

  fail(call: OutsideCall, isFinal: boolean): void {
    this.#settle(call);
    call.reject(Object.assign(new Error('It went wrong.'), { name: isFinal ? finalErrorName : 'Transient' }));
  }

  forget(life: number): void {
    this.#open = this.#open.filter((call) => call.life !== life);
  }

  #settle(call: OutsideCall): void {
    this.#open.splice(this.#open.indexOf(call), 1);
  }
}
