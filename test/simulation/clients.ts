/** Whoever calls the runtime: starts, signals, repeats, looks. Each answer is held against what is applied when it comes. */
import type { AnyMachineSnapshot, AnyStateMachine } from '../../src/kernel/xstate-seam.ts';
import { formatAddress } from '../../src/kernel/address.ts';
import { PerdureError } from '../../src/kernel/errors.ts';
import type { StoreBatch } from '../../src/kernel/ports.ts';
import { encodeValue } from '../../src/kernel/value-encoding.ts';
import { isClosed } from '../../src/kernel/record.ts';
import type { SendResult } from '../../src/kernel/signal.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import type { WorkflowHandle } from '../../src/runtime/workflow-handle.ts';
import type { SimulationInput, SimulationSignal } from './machine-parts.ts';
import { signalTypes } from './machine-parts.ts';
import { anAct, anEnd } from './acts.ts';
import type { Ledger } from './ledger.ts';
import type { Model, ModelActor } from './model.ts';
import { messageKey } from './model.ts';
import type { SeededRandom } from './seeded-random.ts';
import { check, Violation } from './violation.ts';

interface Planned {
  readonly id: string;
  readonly machine: AnyStateMachine;
  input: SimulationInput;
}

interface Message {
  readonly id: string;
  readonly type: SimulationSignal['type'];
  readonly messageId: string;
}

interface Watch {
  readonly handle: WorkflowHandle;
  readonly id: string;
  /** What was last found to be the same. Both are immutable, so the same two need no second look. */
  shown?: unknown;
  applied?: unknown;
}

interface Observation {
  readonly place: string;
  sequence: number;
  /** Commits of a batch of unknown outcome are applied: all of them are shown at once, when that comes to light. */
  jumps: boolean;
  /** Told that no commit follows; late results may still be journaled. */
  isOver: boolean;
}

/** The life whose runtime is called; answers that come after its end are heard by nobody. */
export interface CallableLife {
  readonly number: number;
  readonly runtime: Runtime;
  /** The machine that is not registered. */
  readonly missing: string | undefined;
  readonly isGone: () => boolean;
}

export interface ClientParts {
  readonly random: SeededRandom;
  readonly kinds: readonly AnyStateMachine[];
  readonly poison: number;
  readonly hasDeadlines: boolean;
  readonly hasUndos: boolean;
  readonly workflows: number;
  readonly model: Model;
  readonly ledger: Ledger;
  readonly log: (line: string) => void;
  readonly note: (found: unknown) => void;
}

const answered = 'every caller gets an answer it can believe';
const caused = 'I2 nothing acts or answers ahead of its cause';
const starts = [
  'same-input',
  'same-input',
  'same-input',
  'use-existing',
  'fail',
  'terminate-existing',
  'allow',
  'allow-after-failure',
] as const;
/** Handles that are looked at whenever nothing moves. */
const watchesMax = 5;

export class Clients {
  readonly #parts: ClientParts;
  readonly #planned: readonly Planned[];
  readonly #messages: Message[] = [];
  readonly #acknowledged = new Map<string, string>();
  readonly startedPlaces = new Set<string>();
  #watches: Watch[] = [];
  #observations: Observation[] = [];
  /** Workflows that were let go on, so that it is done once. */
  readonly #isTriedAgain = new Set<string>();
  calls = 0;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    const { random, kinds, workflows } = parts;
    this.#planned = Array.from({ length: workflows }, (_, index) => ({
      id: `w${index}`,
      machine: random.pick(kinds),
      input: { variant: random.pick(['long', 'short']), delayMs: random.below(12) * 300 },
    }));
  }

  /** One call, whichever comes to mind. */
  call(life: CallableLife): void {
    const { random, model } = this.#parts;
    const planned = this.#pickPlanned();
    const { id, machine } = planned;
    if (model.current(id) === undefined && random.chance(0.8)) return this.#start(life, planned);
    const message = this.#messages.length > 0 && random.chance(0.2) ? random.pick(this.#messages) : undefined;
    if (message !== undefined) return this.#send(life, message.id, message.type, message.messageId);
    if (this.#parts.hasUndos && random.chance(0.08)) return this.#end(life, id);
    const choice = random.next();
    if (choice < 0.12) return this.#start(life, planned);
    if (choice < 0.24) return this.#get(life, id);
    if (choice < 0.3) return this.#describe(life, id);
    if (choice < 0.44) return this.#act(life, id);
    const type = this.#pickSignal(machine);
    if (choice < 0.5) return this.#signalWithStart(life, planned, type);
    if (choice < 0.58) return this.#update(life, id, type);
    if (random.chance(0.5)) return this.#send(life, id, type, undefined);
    const messageId = `m${this.#messages.length}`;
    this.#messages.push({ id, type, messageId });
    return this.#send(life, id, type, messageId);
  }

  #act(life: CallableLife, id: string): void {
    this.calls += 1;
    const { name, answer, resolved, refused } = anAct(this.#parts, life.runtime, id, this.calls);
    this.#ask(life, name, answer, { resolved, refused });
  }

  /** While it does something, or undoes it. */
  #end(life: CallableLife, id: string): void {
    this.calls += 1;
    const { model, random } = this.#parts;
    const note = `call ${this.calls}`;
    const { name, answer, resolved, refused } = anEnd(life.runtime, id, random.chance(0.75) ? 'cancel' : 'terminate', { note, model });
    this.#ask(life, name, answer, { resolved, refused });
  }

  /** All that was paused goes on, and what was parked is tried again. */
  goOn(life: CallableLife): boolean {
    const { model } = this.#parts;
    for (const { id } of this.#planned) {
      const { status, parked } = model.current(id)?.record ?? {};
      const name = `${id} ${status}`;
      const isPaused = status === 'paused';
      if ((!isPaused && parked === undefined) || this.#isTriedAgain.has(name)) continue;
      this.#isTriedAgain.add(name);
      const answer = isPaused ? life.runtime.resume(id) : life.runtime.unpark(id);
      this.#ask(life, `${isPaused ? 'resume' : 'unpark'} ${id}`, answer, { resolved: () => undefined, refused: [] });
      return true;
    }
    return false;
  }

  /** Rather one that is open. */
  #pickPlanned(): Planned {
    const { random, model } = this.#parts;
    const planned = random.pick(this.#planned);
    const record = model.current(planned.id)?.record;
    return record !== undefined && isClosed(record.status) && random.chance(0.8) ? random.pick(this.#planned) : planned;
  }

  /** Rather one the chart knows, and the one that harms it seldom. */
  #pickSignal(machine: AnyStateMachine): SimulationSignal['type'] {
    const { random, poison } = this.#parts;
    const known = signalTypes.filter((type) => machine.events.includes(type) && type !== 'POISON');
    if (random.chance(poison)) return 'POISON';
    return known.length > 0 && random.chance(0.85) ? random.pick(known) : random.pick(signalTypes);
  }

  forgetLife(): void {
    this.#watches = [];
    this.#observations = [];
  }

  /** What is in this batch is applied, but nobody is told before the store is open again. */
  expectJumps(batch: StoreBatch | undefined): void {
    const places = new Set(batch?.commits.map(({ record }) => formatAddress(record.address)));
    for (const observation of this.#observations) if (places.has(observation.place)) observation.jumps = true;
  }

  /** Whoever looks sees the last applied commit; only while no write was refused. */
  checkWatches(): void {
    const { model } = this.#parts;
    for (const watch of this.#watches) {
      const { handle, id } = watch;
      const record = model.current(id)?.record;
      const snapshot = handle.getSnapshot() as AnyMachineSnapshot;
      if (record !== undefined && watch.shown === snapshot && watch.applied === record) continue;
      // Deleted: its handles show the end it came to.
      if (record === undefined && this.#parts.model.tombstones.has(id)) continue;
      check(record !== undefined && isSame(snapshot, record.chart), caused, () => {
        return `a handle of ${id} shows ${JSON.stringify(snapshot.value)}, applied is ${JSON.stringify(record?.chart.value)}`;
      });
      watch.shown = snapshot;
      watch.applied = record;
    }
    for (const { place, sequence, isOver } of this.#observations) {
      if (isOver || !model.actors.has(place)) continue;
      const applied = model.actors.get(place)?.record.sequence;
      check(
        applied === sequence,
        'observers see every commit in order',
        () => `an observer of ${place} is at ${sequence}, applied is ${applied}`,
      );
    }
  }

  #start(life: CallableLife, planned: Planned): void {
    const { random, model } = this.#parts;
    const { id, machine } = planned;
    const onExisting = random.pick(starts);
    const isOther = random.chance(0.2);
    if (isOther) planned.input = { ...planned.input, delayMs: planned.input.delayMs + 100 };
    const { input } = planned;
    const deadline = this.#parts.hasDeadlines && random.chance(0.7) ? { deadline: random.below(30) * 500 } : {};
    this.#ask(life, `start ${id} ${onExisting}`, life.runtime.start(machine, { id, input, onExisting, ...deadline }), {
      resolved: (handle) => {
        const actor = model.current(id);
        check(actor !== undefined, caused, () => `the start of ${id} is acknowledged, but not applied`);
        const { run } = actor.record.address;
        this.startedPlaces.add(`${id}:${run}:`);
        if (onExisting === 'same-input' || onExisting === 'fail') this.#checkInput(id, input);
        this.#watch(handle, id);
      },
      refused: ['WORKFLOW_EXISTS', 'WORKFLOW_PARKED'],
    });
  }

  #checkInput(id: string, input: SimulationInput): void {
    const wanted = JSON.stringify(encodeValue(input));
    const inputs = this.#runsOf(id).map(({ journal: [first] }) =>
      first?.envelope.kind === 'start' ? JSON.stringify(first.envelope.input) : '',
    );
    check(inputs.includes(wanted), answered, () => `the start of ${id} with ${wanted} was given one with ${inputs.join(', ')}`);
  }

  #watch(handle: WorkflowHandle, id: string): void {
    this.#watches = [...this.#watches.slice(1 - watchesMax), { handle, id }];
  }

  #isMissing({ missing }: CallableLife, id: string): boolean {
    return this.#planned.some((planned) => planned.id === id && planned.machine.id === missing);
  }

  #runsOf(id: string): ModelActor[] {
    const runs: ModelActor[] = [];
    for (const actor of this.#parts.model.actors.values()) {
      const { workflowId, path } = actor.record.address;
      if (workflowId === id && path.length === 0) runs.push(actor);
    }
    return runs;
  }

  #send(life: CallableLife, id: string, type: SimulationSignal['type'], messageId: string | undefined): void {
    this.calls += 1;
    const call = this.calls;
    const sent = life.runtime.send(id, { type, call } as SimulationSignal, messageId === undefined ? {} : { messageId });
    this.#ask(life, `send ${id} ${type} #${call}${messageId === undefined ? '' : ` ${messageId}`}`, sent, {
      resolved: (result) => this.#checkSent(id, call, messageId, result),
      refused: ['WORKFLOW_NOT_FOUND', 'WORKFLOW_CLOSED', 'WORKFLOW_PARKED'],
    });
  }

  #update(life: CallableLife, id: string, type: SimulationSignal['type']): void {
    this.calls += 1;
    const call = this.calls;
    this.#ask(life, `update ${id} ${type} #${call}`, life.runtime.update(id, { type, call } as SimulationSignal), {
      resolved: (result) => this.#checkSent(id, call, undefined, result),
      refused: ['WORKFLOW_NOT_FOUND', 'WORKFLOW_CLOSED', 'WORKFLOW_PARKED', 'EVENT_NOT_ACCEPTED'],
    });
  }

  #signalWithStart(life: CallableLife, planned: Planned, type: SimulationSignal['type']): void {
    const { id, machine, input } = planned;
    this.calls += 1;
    const call = this.calls;
    const answer = life.runtime.signalWithStart(machine, { id, input, event: { type, call } });
    this.#ask(life, `signalWithStart ${id} ${type} #${call}`, answer, {
      resolved: ({ sent }) => {
        const run = this.#parts.model.current(id)?.record.address.run;
        if (run !== undefined) this.startedPlaces.add(`${id}:${run}:`);
        this.#checkSent(id, call, undefined, sent);
      },
      refused: ['WORKFLOW_EXISTS', 'WORKFLOW_PARKED', 'WORKFLOW_CLOSED', 'WORKFLOW_NOT_FOUND'],
    });
  }

  #checkSent(id: string, call: number, messageId: string | undefined, result: SendResult): void {
    const invariant = 'I8 each event is applied once, in order';
    const isCause = ({ journal }: ModelActor): boolean => {
      const { envelope, outcome } = journal[result.sequence - 1] ?? {};
      const isOutcome = outcome === result.outcome || (outcome === 'parked' && result.outcome === 'queued');
      if (envelope?.kind !== 'signal' || !isOutcome) return false;
      return messageId === undefined ? (envelope.event as unknown as { call: number }).call === call : envelope.messageId === messageId;
    };
    check(
      this.#runsOf(id).some(isCause),
      caused,
      () => `call ${call} of ${id} is acknowledged as ${result.outcome} at ${result.sequence}, where it is not`,
    );
    if (messageId === undefined) return;
    const key = messageKey(id, messageId);
    const answer = JSON.stringify(result);
    const earlier = this.#acknowledged.get(key) ?? answer;
    // Another run of the id answers for itself.
    const hasRunAgain = this.#runsOf(id).length > 1 || this.#parts.model.tombstones.has(id);
    check(earlier === answer || hasRunAgain, invariant, () => `message ${messageId} of ${id} was answered ${earlier}, now ${answer}`);
    this.#acknowledged.set(key, answer);
  }

  #get(life: CallableLife, id: string): void {
    const { model, random } = this.#parts;
    const observes = random.chance(0.6);
    const waits = random.chance(0.3);
    this.#ask(life, `get ${id}`, life.runtime.get(id), {
      resolved: (handle) => {
        const actor = model.current(id);
        check(actor !== undefined, caused, () => `${id} was got, but is not applied`);
        if (life.runtime.health().state !== 'open') return;
        if (actor.record.status !== 'parked' && !this.#isMissing(life, id)) this.#watch(handle, id);
        if (observes && !this.#isMissing(life, id) && !isClosed(actor.record.status)) this.#observe(life, handle, actor);
        if (waits) this.#awaitResult(life, handle, id);
      },
      refused: ['WORKFLOW_NOT_FOUND', 'WORKFLOW_PARKED'],
    });
  }

  #observe(life: CallableLife, handle: WorkflowHandle, actor: ModelActor): void {
    const { note } = this.#parts;
    const invariant = 'observers see every commit in order';
    const { workflowId, run } = actor.record.address;
    const observation: Observation = { place: `${workflowId}:${run}:`, sequence: actor.record.sequence, jumps: false, isOver: false };
    this.#observations.push(observation);
    const end = (): void => void (observation.isOver = true);
    handle.subscribe({
      complete: end,
      error: end,
      next: (snapshot) => {
        if (life.isGone()) return;
        observation.sequence = observation.jumps ? actor.record.sequence : observation.sequence + 1;
        observation.jumps = false;
        const entry = actor.journal[observation.sequence - 1];
        const value: unknown = (snapshot as AnyMachineSnapshot).value;
        if (JSON.stringify(entry?.value) === JSON.stringify(value)) return;
        note(new Violation(invariant, `step ${observation.sequence} of ${observation.place} was shown as ${JSON.stringify(value)}`));
      },
    });
  }

  #awaitResult(life: CallableLife, handle: WorkflowHandle, id: string): void {
    const isOver = (word: string): void => {
      check(
        this.#runsOf(id).some(({ record }) => isClosed(record.status)),
        caused,
        () => `${id} is said to have ${word}, but is open`,
      );
    };
    this.#ask(life, `result ${id}`, handle.result(), { resolved: () => isOver('ended'), refused: ['WORKFLOW_FAILED', 'WORKFLOW_PARKED'] });
  }

  #describe(life: CallableLife, id: string): void {
    const { model } = this.#parts;
    const erasedRun = model.tombstones.get(id) ?? 0;
    this.#ask(life, `describe ${id}`, life.runtime.describe(id), {
      resolved: ({ run, sequence, status, value, parked }) => {
        const place = `${id}:${run}:`;
        // It may have been erased between the question and the answer.
        const actor = model.actors.get(place) ?? (run > erasedRun ? model.erased.get(place) : undefined);
        const entry = actor?.journal[sequence - 1];
        const isStatus = entry?.status === status || (status === 'parked' && this.#isMissing(life, id));
        const isTold = isStatus && JSON.stringify(entry?.value) === JSON.stringify(value);
        check(
          isTold,
          caused,
          () => `${id} is described as ${status} at ${sequence} (${parked?.message ?? ''}), applied is ${entry?.status ?? 'nothing'}`,
        );
      },
      refused: ['WORKFLOW_NOT_FOUND'],
    });
  }

  #ask<Answer>(
    life: CallableLife,
    name: string,
    answer: Promise<Answer>,
    expects: { readonly resolved: (answer: Answer) => void; readonly refused: readonly string[] },
  ): void {
    const { log, note } = this.#parts;
    const id = idOf(name);
    const isMissing = this.#isMissing(life, id);
    log(`call ${name}`);
    const wasThere = this.#parts.model.current(id) !== undefined;
    const wasParked = isMissing || this.#hasParked(id);
    const heard = (word: string, judge: () => void): void => {
      if (life.isGone()) return;
      log(`  ${name}: ${word}`);
      try {
        judge();
      } catch (found) {
        note(found);
      }
    };
    answer.then(
      (value) => heard('yes', () => expects.resolved(value)),
      (error: unknown) => {
        const code = error instanceof PerdureError ? error.code : String(error);
        heard(code, () => this.#checkRefusal(name, code, error, { refused: expects.refused, wasThere, wasParked, isMissing }));
      },
    );
  }

  #hasParked(id: string): boolean {
    return this.#runsOf(id).some(({ record }) => record.status === 'parked');
  }

  #checkRefusal(
    name: string,
    code: string,
    error: unknown,
    expected: { readonly refused: readonly string[]; readonly wasThere: boolean; readonly wasParked: boolean; readonly isMissing: boolean },
  ): void {
    const isKnown =
      expected.refused.includes(code) ||
      (expected.isMissing && code === 'MACHINE_NOT_REGISTERED') ||
      code === 'MAILBOX_FULL' ||
      code === 'STORE_UNAVAILABLE' ||
      code === 'STORE_SLOW' ||
      code === 'RUNTIME_CLOSED';
    check(isKnown, answered, () => `${name} was refused with ${error instanceof Error ? (error.stack ?? error.message) : code}`);
    const id = idOf(name);
    const statuses = this.#runsOf(id).map(({ record }) => record.status);
    const status = statuses.join(', ');
    const hasEnded = this.#runsOf(id).some(({ record }) => isClosed(record.status) || record.ending !== undefined);
    if (code === 'WORKFLOW_CLOSED') check(hasEnded, caused, () => `${name} was refused, applied is ${status}`);
    // A run that was parked may have been terminated for the next one since, or go on.
    const isParked = expected.wasParked || this.#hasParked(id) || statuses.includes('terminated');
    if (code === 'WORKFLOW_PARKED') check(isParked, caused, () => `${name} was refused since ${id} is parked, applied is ${status}`);
    if (code === 'WORKFLOW_EXISTS') check(statuses.length > 0, caused, () => `${name} was refused, nothing is applied`);
    const mayBeGone = !expected.wasThere || this.#parts.model.tombstones.has(id);
    if (code === 'WORKFLOW_NOT_FOUND') check(mayBeGone, answered, () => `${name} was not found, though it is ${status}`);
  }
}

function isSame(snapshot: AnyMachineSnapshot, chart: ModelActor['record']['chart']): boolean {
  if (JSON.stringify(snapshot.value) !== JSON.stringify(chart.value)) return false;
  const shown = snapshot.context as Record<string, unknown>;
  return ['heard', 'outcomes', 'rounds'].every((key) => JSON.stringify(shown[key]) === JSON.stringify(chart.context[key]));
}

/** The workflow a call is about: the second word of its name. */
function idOf(name: string): string {
  const begin = name.indexOf(' ') + 1;
  const end = name.indexOf(' ', begin);
  return name.slice(begin, end === -1 ? undefined : end);
}
