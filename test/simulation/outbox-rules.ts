/**
 * What was emitted, by the applied batches alone, and what was delivered of it, by the consumers alone. Each delivery is judged when it
 * comes; at rest nothing may be missing.
 */
import { isDeepStrictEqual } from 'node:util';
import { formatAddress } from '../../src/kernel/address.ts';
import type { OutboxMessage } from '../../src/kernel/outbox-consumer.ts';
import type { StoreBatch } from '../../src/kernel/ports.ts';
import type { Said } from './machine-parts.ts';
import { check } from './violation.ts';

/** An event on disk. */
interface Emitted {
  readonly workflowId: string;
  readonly run: number;
  readonly commit: number;
  readonly said: number;
  readonly machine: string;
  readonly atMs: number;
  /** Its place among all that its workflow emitted. */
  readonly index: number;
}

/** What one consumer has had of one event. */
interface Had {
  attempt: number;
  /** The life that took it last. */
  takenIn: number | undefined;
  /** It failed for good at least once. */
  isPoison: boolean;
  /** A person may have given it up. */
  mayBeGivenUp: boolean;
  /** A person may have had it tried again since its last attempt. */
  mayBeRetried: boolean;
  /** The life in which it was tried last. */
  life: number;
}

export interface Delivery {
  readonly emitted: Emitted;
  readonly had: Had;
}

const delivered = 'what is emitted is delivered to every consumer';
const ordered = 'of each workflow what was emitted first is delivered first';
const same = 'a message is the same whenever it is delivered, and no other';
const held = 'a message that failed for good holds back its own workflow only';

/** The events of all workflows, as they are on disk. */
export class EmittedRecord {
  readonly byWorkflow = new Map<string, Emitted[]>();
  readonly #byPlace = new Map<string, Emitted>();
  /** How many events each actor had emitted. */
  readonly #said = new Map<string, number>();
  /** The last run of every id that was deleted. */
  readonly #erased = new Map<string, number>();
  /** Of all consumers: ids by place, and places by id. */
  readonly #ids = new Map<string, string>();
  readonly #places = new Map<string, string>();

  apply({ firstCommit, commits }: StoreBatch): void {
    for (const [index, { record, journal }] of commits.entries()) {
      const { workflowId, run } = record.address;
      const actor = formatAddress(record.address);
      const last = (record.chart.context['said'] as number | undefined) ?? 0;
      const events = (journal.emitted ?? []) as unknown as readonly Said[];
      const before = this.#said.get(actor) ?? 0;
      // The chart counts by itself what it emits.
      const expected = Array.from({ length: last - before }, (_, at) => before + at + 1);
      check(
        isDeepStrictEqual(
          events.map(({ said }) => said),
          expected,
        ),
        delivered,
        () => {
          return `${actor} emitted ${expected.join()} at ${journal.sequence}, journaled are ${events.map(({ said }) => said).join()}`;
        },
      );
      this.#said.set(actor, last);
      const all = this.byWorkflow.get(workflowId) ?? [];
      if (events.length > 0) this.byWorkflow.set(workflowId, all);
      for (const { said } of events) {
        const commit = firstCommit + index;
        const emitted = { workflowId, run, commit, said, machine: record.machine.id, atMs: journal.atMs, index: all.length };
        all.push(emitted);
        this.#byPlace.set(`${commit}/${said}`, emitted);
      }
    }
  }

  erase(workflowId: string, lastRun: number): void {
    this.#erased.set(workflowId, lastRun);
  }

  isErased({ workflowId, run }: Emitted): boolean {
    return run <= (this.#erased.get(workflowId) ?? 0);
  }

  /** What a message is about: it is on disk, says what was emitted, and has the id it always has. */
  find({ messageId, commit, event, workflowId, run, machine, atMs }: OutboxMessage): Emitted {
    const { said } = event as unknown as Said;
    const place = `${commit}/${said}`;
    const emitted = this.#byPlace.get(place);
    check(emitted !== undefined, 'I2 nothing acts or answers ahead of its cause', () => {
      return `${messageId} is delivered, but no applied commit ${commit} emitted ${JSON.stringify(event)}`;
    });
    const { index: _, commit: _commit, said: _said, ...content } = emitted;
    const isEqual = isDeepStrictEqual({ workflowId, run, machine: machine.id, atMs }, content);
    check(isEqual && isDeepStrictEqual(event, { type: 'SAID', said }), same, () => `${messageId} is not what was emitted at ${place}`);
    check(
      (this.#ids.get(place) ?? messageId) === messageId,
      same,
      () => `${place} is delivered as ${this.#ids.get(place)} and as ${messageId}`,
    );
    check(
      (this.#places.get(messageId) ?? place) === place,
      same,
      () => `${this.#places.get(messageId)} and ${place} are both ${messageId}`,
    );
    this.#ids.set(place, messageId);
    this.#places.set(messageId, place);
    return emitted;
  }
}

/** What one consumer was given. */
export class DeliveryRecord {
  readonly #name: string;
  readonly #isSkipping: boolean;
  readonly #emitted: EmittedRecord;
  readonly #had = new Map<Emitted, Had>();
  /** Of each workflow: the place of what was delivered last in this life. */
  readonly #last = new Map<string, { readonly life: number; readonly index: number }>();

  constructor(name: string, isSkipping: boolean, emitted: EmittedRecord) {
    this.#name = name;
    this.#isSkipping = isSkipping;
    this.#emitted = emitted;
  }

  /** A message comes; throws if it should not have. */
  begin(life: number, message: OutboxMessage): Delivery {
    const emitted = this.#emitted.find(message);
    const known = this.#had.get(emitted);
    const { messageId, attempt } = message;
    const what = (): string => `${messageId} for ${this.#name}, attempt ${attempt},`;
    if (known !== undefined) this.#judgeAgain(life, known, attempt, what);
    else check(attempt === 1, same, () => `${what()} is the first that is heard of it`);
    this.#judgeOrder(life, emitted, known, what);
    const had = known ?? { attempt, takenIn: undefined, isPoison: false, mayBeGivenUp: false, mayBeRetried: false, life };
    had.attempt = attempt;
    had.life = life;
    had.mayBeRetried = false;
    this.#had.set(emitted, had);
    return { emitted, had };
  }

  /** In one life it is not delivered again once it was taken, and its attempts are counted. */
  #judgeAgain(life: number, had: Had, attempt: number, what: () => string): void {
    check(had.takenIn !== life, ordered, () => `${what()} was taken before by the same process`);
    const isNext = attempt === had.attempt + 1 || (had.mayBeRetried && attempt === 1);
    const isRepeated = had.life !== life && attempt >= 1 && attempt <= had.attempt;
    check(isNext || isRepeated, same, () => `${what()} follows attempt ${had.attempt}`);
  }

  #judgeOrder(life: number, emitted: Emitted, known: Had | undefined, what: () => string): void {
    // What a person has tried again alone comes when it comes.
    if (this.#isSkipping && known?.isPoison === true) return;
    const { workflowId, index } = emitted;
    const all = this.#emitted.byWorkflow.get(workflowId) ?? [];
    const waiting = all.slice(0, index).find((earlier) => !this.isOver(earlier));
    check(known !== undefined || waiting === undefined, ordered, () => `${what()} comes before ${waiting?.commit}/${waiting?.said}`);
    const last = this.#last.get(workflowId);
    const isForward = last === undefined || last.life !== life || last.index <= index;
    check(isForward, ordered, () => `${what()}, number ${index} of ${workflowId}, comes after number ${last?.index}`);
    this.#last.set(workflowId, { life, index });
  }

  /** Whether those behind it need not wait for it. */
  isOver(emitted: Emitted): boolean {
    const had = this.#had.get(emitted);
    if (had === undefined) return false;
    return had.takenIn !== undefined || had.mayBeGivenUp || (had.isPoison && (this.#isSkipping || this.#emitted.isErased(emitted)));
  }

  /** A person deals with what failed for good in a commit. */
  dealtWith(commit: number, act: 'retry' | 'discard'): void {
    for (const [emitted, had] of this.#had) {
      if (emitted.commit !== commit || !had.isPoison) continue;
      if (act === 'retry') had.mayBeRetried = true;
      else had.mayBeGivenUp = true;
    }
  }

  /** What waits, though nothing that failed for good is before it in its workflow. */
  overdue(life: number): string | undefined {
    for (const all of this.#emitted.byWorkflow.values()) {
      for (const emitted of all) {
        const had = this.#had.get(emitted);
        // What became of one that failed for good may have been lost with the process that knew it.
        if (had?.isPoison === true && !this.#isSkipping && had.takenIn !== life) break;
        if (had?.takenIn !== undefined || had?.isPoison === true) continue;
        return `${emitted.commit}/${emitted.said} of ${emitted.workflowId}`;
      }
    }
    return undefined;
  }

  /** Nobody waits for what a person does about another workflow. */
  checkHeld(life: number): void {
    const overdue = this.overdue(life);
    check(overdue === undefined, held, () => `${this.#name} was not given ${overdue}, and nothing moves`);
  }

  /** Everything was taken, or somebody said that it need not be. */
  checkRest(): void {
    for (const all of this.#emitted.byWorkflow.values()) {
      for (const emitted of all) {
        const had = this.#had.get(emitted);
        const isGone = had?.mayBeGivenUp === true || (had?.isPoison === true && this.#emitted.isErased(emitted));
        check(had?.takenIn !== undefined || isGone, delivered, () => {
          return `${this.#name} did not take ${emitted.commit}/${emitted.said} of ${emitted.workflowId} ${had === undefined ? '' : JSON.stringify(had)}`;
        });
      }
    }
  }
}
