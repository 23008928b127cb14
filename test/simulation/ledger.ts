/** The world outside: what activities did to it. It survives every crash, and holds each call until the scheduler settles it. */
import type { ActivityScope, UndoScope } from '../../src/authoring.ts';
import type { ActivityName } from './machine-parts.ts';
import { finalErrorName, laterNames, placesOf } from './machine-parts.ts';
import type { Model } from './model.ts';
import { actionsIn } from './action-rules.ts';
import { check } from './violation.ts';

export interface OutsideCall {
  readonly number: number;
  readonly life: number;
  readonly key: string;
  readonly attempt: number;
  readonly name: ActivityName | 'actions';
  readonly signal: AbortSignal | undefined;
  /** Hands it over to the outside; absent if it never is. */
  readonly handOver?: (() => void) | undefined;
  /** Will never settle by itself. */
  isStuck: boolean;
  readonly resolve: (output: { readonly key: string }) => void;
  readonly reject: (error: Error) => void;
}

/** An attempt whose outcome comes from outside: what is known of it is its token. */
export interface Token {
  readonly workflowId: string;
  readonly key: string;
  readonly text: string;
}

interface Ear {
  readonly life: number;
  readonly owner: string;
  readonly sendBack: (event: { readonly type: 'BEAT' }) => void;
}

interface NewCall extends Pick<OutsideCall, 'life' | 'key' | 'attempt' | 'signal'> {
  readonly name: ActivityName;
  readonly places: number;
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
  #ears: Ear[] = [];
  readonly tokens: Token[] = [];
  calls = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  /** A call comes in; throws if it should not have. */
  begin(life: number, places: number, name: ActivityName, scope: ActivityScope<unknown>): Promise<{ readonly key: string }> {
    const { idempotencyKey: key, attempt, signal, input } = scope;
    const call = { life, places, name, key, attempt, signal };
    this.#judge(call, JSON.stringify(input), { row: key, isSettled: this.#model.isSettled(key) });
    return this.#settles(call, laterNames.includes(name) ? scope : undefined);
  }

  /** The call of an undo comes in; its attempts are those of an activity of an unwinding. */
  undo(life: number, places: number, name: ActivityName, scope: UndoScope<unknown, unknown>): Promise<{ readonly key: string }> {
    const { idempotencyKey: key, attempt, signal, input, output, outcome } = scope;
    const { undos } = this.#model;
    const call = { life, places, name, key, attempt, signal };
    this.#judge(call, JSON.stringify({ input, output, outcome }), { row: undos.rowOf(key) ?? '', isSettled: undos.isRecorded(key) });
    return this.#settles(call, undefined);
  }

  #judge({ life, places, name, key, attempt }: NewCall, input: string, { row, isSettled }: { row: string; isSettled: boolean }): void {
    const what = (): string => `attempt ${attempt} of ${key} was called`;
    check(this.#model.begun.get(row)?.has(attempt) === true, 'I2 nothing acts or answers ahead of its cause', () => {
      return `${what()}, but no applied commit lets it begin`;
    });
    check(!isSettled, 'I3 an outcome is recorded once and ends its step', () => `${what()} after its outcome was recorded`);
    const step = this.#steps.get(key) ?? { input, calls: 0, lastAttempt: 0 };
    step.calls += 1;
    const invariant = 'I4 key, attempts and calls of a step';
    check(step.input === input, invariant, () => `${what()} with another input`);
    check(attempt > step.lastAttempt, invariant, () => `${what()} after attempt ${step.lastAttempt}`);
    check(step.calls <= this.#model.callsMax(row, name), invariant, () => `${what()}, call ${step.calls} of it`);
    // What was handed over holds no place, though its code may not have heard yet.
    const running = this.running(life).filter((call) => call.name !== 'actions' && !this.#model.isHandedOver(call.key, call.attempt));
    check(!running.some((call) => call.key === key), invariant, () => `${what()} while an earlier one runs`);
    check(running.length < places, 'I13 limits are kept', () => `${what()} while ${running.length} of ${places} run`);
    const own = running.filter((call) => call.name === name).length;
    check(own < (placesOf[name] ?? Infinity), 'I13 limits are kept', () => `${what()} while ${own} of its name run`);
    step.lastAttempt = attempt;
    this.#steps.set(key, step);
  }

  /** @param later given if it may be handed over */
  #settles({ places: _places, ...known }: NewCall, later: ActivityScope<unknown> | undefined): Promise<{ readonly key: string }> {
    this.calls += 1;
    return new Promise((resolve, reject) => {
      const call: OutsideCall = {
        ...{ ...known, number: this.calls, isStuck: false, resolve, reject },
        handOver: later && (() => this.#handOver(call, later)),
      };
      this.#open.push(call);
    });
  }

  /** A custom action comes in: the next of those that its actor runs. */
  act(life: number, owner: string, tag: string): Promise<void> {
    const invariant = 'custom actions are run at least once, in their order';
    const rows = [...(this.#model.actors.get(owner)?.activities.values() ?? [])];
    const row = rows.find(({ kind, state }) => kind === 'actions' && state === 'running');
    check(
      row !== undefined,
      'I2 nothing acts or answers ahead of its cause',
      () => `action "${tag}" of ${owner} is run, but no step wants it`,
    );
    const name = `${row.idempotencyKey} ${row.attempt}`;
    const acted = this.#model.acted.get(name) ?? 0;
    const expected = actionsIn(row)[acted] as { readonly params?: { readonly tag?: string } } | undefined;
    const isNext = expected !== undefined && (expected.params?.tag ?? 'in place') === (tag.startsWith('in ') ? 'in place' : tag);
    check(isNext, invariant, () => `action "${tag}" of ${name} is run as number ${acted + 1}`);
    this.#model.acted.set(name, acted + 1);
    return new Promise((resolve, reject) => {
      const call = { number: this.calls, life, key: row.idempotencyKey, attempt: row.attempt, name: 'actions' as const, signal: undefined };
      this.#open.push({ ...call, isStuck: false, resolve: () => resolve(), reject });
    });
  }

  /** A callback began; answers what ends it. */
  listen(life: number, owner: string, sendBack: Ear['sendBack']): () => void {
    const ear = { life, owner, sendBack };
    check(
      (this.#model.actors.get(owner)?.volatile.size ?? 0) > 0,
      'I2 nothing acts or answers ahead of its cause',
      () => `a callback of ${owner} begins, but nobody wants it`,
    );
    this.#ears.push(ear);
    return () => void (this.#ears = this.#ears.filter((other) => other !== ear));
  }

  ears(life: number): readonly Ear[] {
    return this.#ears.filter((ear) => ear.life === life);
  }

  /** Between two picks exactly those callbacks run that are wanted. */
  checkEars(life: number): void {
    const owners = this.ears(life).map(({ owner }) => owner);
    const isRight = owners.every((owner, index) => this.#isLive(owner) && owners.indexOf(owner) === index);
    const invariant = "I11 a child's outcome reaches its parent once, none runs against its policy";
    check(isRight, invariant, () => `callbacks run of ${owners.join(', ')}`);
  }

  #isLive(owner: string): boolean {
    return [...(this.#model.actors.get(owner)?.activities.values() ?? [])].some(({ state }) => state === 'live');
  }

  /** Gives its token away; it holds no place from now on. */
  #handOver(call: OutsideCall, scope: ActivityScope<unknown>): void {
    const { key } = call;
    const later = scope.completeLater((text) => {
      this.#remove(call);
      this.tokens.push({ workflowId: key.split(':')[0] ?? '', key, text });
    });
    call.isStuck = true;
    later.then(
      (nothing) => call.resolve(nothing),
      (error: unknown) => {
        this.#remove(call);
        call.reject(error as Error);
      },
    );
  }

  /** Calls of a life that have not settled and were not told to stop. */
  running(life: number): readonly OutsideCall[] {
    return this.#open.filter((call) => call.life === life && call.signal?.aborted !== true);
  }

  /** Calls that were told to stop and have not settled. */
  stopping(life: number): readonly OutsideCall[] {
    return this.#open.filter((call) => call.life === life && call.signal?.aborted === true);
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
    this.#ears = this.#ears.filter((ear) => ear.life !== life);
  }

  #settle(call: OutsideCall): void {
    this.#remove(call);
  }

  #remove(call: OutsideCall): void {
    const position = this.#open.indexOf(call);
    if (position !== -1) this.#open.splice(position, 1);
  }
}
