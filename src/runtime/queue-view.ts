/** Questions about what waits for a person. */
import type { Address } from '../kernel/address.ts';
import { formatPlace, rootAddress } from '../kernel/address.ts';
import type { CountAnswer } from '../kernel/count-query.ts';
import { countShown } from '../kernel/count-query.ts';
import type { WorkflowCount, WorkflowGroups } from '../kernel/count-query.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { revive } from '../kernel/machine-registry.ts';
import type { Clock, Store, StoredTree } from '../kernel/ports.ts';
import { itemNotFound, poisonPosition } from '../kernel/queue-acts.ts';
import type { ItemSurroundings, QueueItem, QueueItemDetails } from '../kernel/queue-item.ts';
import { showDetails, showItem } from '../kernel/queue-item.ts';
import type {
  QueueAnswer,
  QueueCountGroup,
  QueueCountOptions,
  QueueCountQuery,
  QueueFilter,
  QueueListOptions,
  QueueQuery,
  StoredQueueItem,
} from '../kernel/queue-query.ts';
import { checkQueueCount, checkQueueList, formatQueueCursor } from '../kernel/queue-query.ts';
import type { QueuePlace } from '../kernel/queue-record.ts';
import { parseQueueItemId } from '../kernel/queue-record.ts';
import type { MailRecord } from '../kernel/record.ts';
import { formatValue } from '../kernel/value-encoding.ts';

/** A page of the queue. */
export interface QueueList {
  /** At most `limit`; fewer, or none, where the filter leaves out most of what was looked at. */
  readonly items: readonly QueueItem[];
  /** The cursor of the next page; absent at the end. */
  readonly next?: string;
}

/** What waits for a person: deferred undos, dead letters and decisions. */
export interface QueueReader {
  /**
   * What waits, a page at a time: deferred undos, then dead letters, then decisions, each with the oldest first. An item that can not be read
   * is shown with what is known of it.
   *
   * @param filter default: all of it
   * @throws TypeError for a malformed filter or option; PerdureError `CURSOR_INVALID` for a cursor of another list
   */
  list(filter?: QueueFilter, options?: QueueListOptions): Promise<QueueList>;
  /**
   * One item with what a person needs to deal with it.
   *
   * @throws PerdureError `QUEUE_ITEM_NOT_FOUND` for one that was dealt with already, or never was
   */
  get(item: string): Promise<QueueItemDetails>;
  /** How many items wait. They are looked at one by one, up to 100,000 of them, and `exact` says whether these were all. */
  count(filter?: QueueFilter, options?: { readonly groupBy?: undefined }): Promise<WorkflowCount>;
  count(filter: QueueFilter | undefined, options: { readonly groupBy: QueueCountGroup }): Promise<WorkflowGroups>;
  count(filter?: QueueFilter, options?: QueueCountOptions): Promise<WorkflowCount | WorkflowGroups>;
}

/** Where items and their workflows are read from. */
export interface QueueSource {
  listQueue(query: QueueQuery): Promise<QueueAnswer>;
  countQueue(query: QueueCountQuery): Promise<CountAnswer>;
  readQueueItem(place: QueuePlace): Promise<StoredQueueItem | undefined>;
  /** The run that an item belongs to; undefined if it is not there or cannot be read. */
  readRun(root: Address): Promise<StoredTree | undefined>;
  readMailbox(root: Address, limit: number): Promise<readonly MailRecord[]>;
}

/** The same, of a store. */
export function queueSourceOf(store: Store): QueueSource {
  return {
    listQueue: async (query) => store.listQueue(query),
    countQueue: async (query) => store.countQueue(query),
    readQueueItem: async (place) => store.readQueueItem(place),
    readMailbox: async (root, limit) => unlessDamaged(store.readMailbox(root, limit), []),
    readRun: async (root) => unlessDamaged(store.readTree(root), undefined),
  };
}

export class QueueView implements QueueReader {
  readonly #source: QueueSource;
  readonly #registry: MachineRegistry;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(source: QueueSource, registry: MachineRegistry, clock: Pick<Clock, 'now'>) {
    this.#source = source;
    this.#registry = registry;
    this.#clock = clock;
  }

  async list(filter: QueueFilter = {}, options: QueueListOptions = {}): Promise<QueueList> {
    const query = checkQueueList(filter, options);
    const { items, next } = await this.#source.listQueue(query);
    const shown = items.map((item) => showItem(item, this.#clock.now()));
    return next === undefined ? { items: shown } : { items: shown, next: formatQueueCursor(next, query) };
  }

  async get(id: string): Promise<QueueItemDetails> {
    const item = await this.#source.readQueueItem(checkItemId(id));
    const details = item && showDetails(item, await this.#around(item), this.#clock.now());
    if (details === undefined) throw itemNotFound(id);
    return details;
  }

  async count(filter?: QueueFilter, options?: { readonly groupBy?: undefined }): Promise<WorkflowCount>;
  async count(filter: QueueFilter | undefined, options: { readonly groupBy: QueueCountGroup }): Promise<WorkflowGroups>;
  async count(filter?: QueueFilter, options?: QueueCountOptions): Promise<WorkflowCount | WorkflowGroups>;
  async count(filter: QueueFilter = {}, options: QueueCountOptions = {}): Promise<WorkflowCount | WorkflowGroups> {
    const query = checkQueueCount(filter, options);
    return countShown(await this.#source.countQueue(query), query);
  }

  async #around({ address, cause, n }: StoredQueueItem): Promise<ItemSurroundings> {
    const stored = await this.#source.readRun(rootAddress(address.workflowId, address.run));
    if (stored === undefined) return {};
    const revival = revive(this.#registry, stored);
    const path = formatPlace(address.path);
    const actor = [stored.root, ...stored.others].find(({ record }) => formatPlace(record.address.path) === path);
    const { record } = stored.root;
    const position = cause === 'event' ? poisonPosition(record) : undefined;
    const rows = position === undefined ? [] : await this.#source.readMailbox(record.address, position + 1);
    return {
      status: record.status,
      ...(actor === undefined ? {} : { actor }),
      ...(revival.kind === 'tree' ? { tree: revival.tree } : {}),
      mail: rows.find((row) => row.n === n),
    };
  }
}

/** @throws TypeError for what is no text; PerdureError `QUEUE_ITEM_NOT_FOUND` for what never was the id of an item */
export function checkItemId(id: unknown): QueuePlace {
  if (typeof id !== 'string') throw new TypeError(`queue: give the id of an item, as queue.list() says it; found ${formatValue(id)}.`);
  const place = parseQueueItemId(id);
  if (place === undefined) throw itemNotFound(id);
  return place;
}

async function unlessDamaged<Answer>(read: Promise<Answer>, otherwise: Answer): Promise<Answer> {
  try {
    return await read;
  } catch (error) {
    if (!hasErrorCode(error, 'RECORD_DAMAGED')) throw error;
    return otherwise;
  }
}
