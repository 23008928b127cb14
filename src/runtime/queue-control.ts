/** What people do about items of the queue. Every act is journaled with who did it and why. */
import type { WorkflowCount, WorkflowGroups } from '../kernel/count-query.ts';
import type { Act } from '../kernel/envelope.ts';
import type { OptionNames } from '../kernel/options.ts';
import { checkOptions, checkTexts } from '../kernel/options.ts';
import type { QueueAct } from '../kernel/queue-acts.ts';
import type { QueueItemDetails } from '../kernel/queue-item.ts';
import type { QueueCountGroup, QueueCountOptions, QueueFilter, QueueListOptions } from '../kernel/queue-query.ts';
import type { QueuePlace } from '../kernel/queue-record.ts';
import { encodePayload, formatValue } from '../kernel/value-encoding.ts';
import type { QueueList, QueueReader } from './queue-view.ts';
import { checkItemId } from './queue-view.ts';

/** Who deals with an item, and why: up to 1,000 characters each, journaled and shown by `history`. */
export interface QueueActOptions {
  readonly by?: string;
  readonly note: string;
}

/** Options of `queue.retry`. */
export interface RetryActOptions extends Partial<QueueActOptions> {
  /** Another input, for an activity; default: the one it had. */
  readonly input?: unknown;
}

/** Options of `queue.settle`. */
export interface SettleOptions extends QueueActOptions {
  /** What the activity came to. */
  readonly output?: unknown;
}

/**
 * What waits for a person, and what a person does about it. Every act resolves when it is on disk, and throws `QUEUE_ITEM_NOT_FOUND` for an
 * item that was dealt with already, `QUEUE_ACT_NOT_ALLOWED` naming those that the item knows, `WORKFLOW_PARKED` where the
 * machine of its workflow is not registered. Decisions are made by `send`.
 */
export interface Queue extends QueueReader {
  /**
   * Has it done once more. An activity begins anew: its attempts are counted from 0 while their numbers go on, with the same idempotency key;
   * with another input, with a key of its own (`…:retry:<attempts before>`), since the service would take it for a repeat. An event that the
   * chart threw on is applied again, as by `unpark`.
   */
  retry(item: string, options?: RetryActOptions): Promise<void>;
  /** Says that it was done by hand: an activity is completed with this output. */
  settle(item: string, options: SettleOptions): Promise<void>;
  /** Gives up what an undo should have taken back. */
  writeOff(item: string, options: QueueActOptions): Promise<void>;
  /**
   * Does without it. An activity fails with its last error, which reaches the chart. An event that the chart threw on is left out, and the
   * workflow goes on with what comes after it: a signal, a message of another actor, or a timer, which is disarmed; outcomes cannot be left out.
   */
  discard(item: string, options: QueueActOptions): Promise<void>;
}

/** An act on an item. */
export interface QueueQuestion {
  readonly place: QueuePlace;
  readonly act: QueueAct;
}

export class QueueControl implements Queue {
  readonly #reader: () => QueueReader;
  readonly #ask: (question: QueueQuestion) => Promise<void>;

  /** @param ask resolves when what came of it is on disk */
  constructor(reader: () => QueueReader, ask: (question: QueueQuestion) => Promise<void>) {
    this.#reader = reader;
    this.#ask = ask;
  }

  async list(filter?: QueueFilter, options?: QueueListOptions): Promise<QueueList> {
    return this.#reader().list(filter, options);
  }

  async get(item: string): Promise<QueueItemDetails> {
    return this.#reader().get(item);
  }

  async count(filter?: QueueFilter, options?: { readonly groupBy?: undefined }): Promise<WorkflowCount>;
  async count(filter: QueueFilter | undefined, options: { readonly groupBy: QueueCountGroup }): Promise<WorkflowGroups>;
  async count(filter?: QueueFilter, options?: QueueCountOptions): Promise<WorkflowCount | WorkflowGroups>;
  async count(filter?: QueueFilter, options?: QueueCountOptions): Promise<WorkflowCount | WorkflowGroups> {
    return this.#reader().count(filter, options);
  }

  async retry(item: string, options: RetryActOptions = {}): Promise<void> {
    const who = checkedAct('retry', options, { input: true, ...whoNames }, false);
    const input = options.input === undefined ? {} : { input: encodePayload(options.input, 'input') };
    return this.#ask({ place: checkItemId(item), act: { kind: 'retry', ...input, ...who } });
  }

  async settle(item: string, options: SettleOptions): Promise<void> {
    const who = checkedAct('settle', options, { output: true, ...whoNames });
    return this.#ask({ place: checkItemId(item), act: { kind: 'settle', output: encodePayload(options.output, 'output'), ...who } });
  }

  async writeOff(item: string, options: QueueActOptions): Promise<void> {
    const who = checkedAct('writeOff', options, whoNames);
    return this.#ask({ place: checkItemId(item), act: { kind: 'writeOff', ...who } });
  }

  async discard(item: string, options: QueueActOptions): Promise<void> {
    const who = checkedAct('discard', options, whoNames);
    return this.#ask({ place: checkItemId(item), act: { kind: 'discard', ...who } });
  }
}

const whoNames: OptionNames<QueueActOptions> = { by: true, note: true };

function checkedAct<Options extends Partial<QueueActOptions>>(
  method: string,
  options: Options,
  names: OptionNames<Options>,
  needsNote = true,
): Act {
  const door = `queue.${method}`;
  checkOptions<Options>(options, door, names, "{ note: 'why' }");
  const { by, note } = options;
  checkTexts(door, { by, note });
  if (needsNote && (note === undefined || note.trim() === '')) {
    throw new TypeError(`${door}: note must say why; it is journaled. Found ${formatValue(note)}.`);
  }
  return { ...(by === undefined ? {} : { by }), ...(note === undefined ? {} : { note }) };
}
