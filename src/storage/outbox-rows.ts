/**
 * The rows of the outbox: what is emitted, and how far its consumers are.
 *
 * 1. An entry is written in the batch of its step (`emissions.ts`), with a row that finds it by its workflow; both go together.
 * 2. A row that cannot be read is handed out as such: whose it is, its key says. One whose key cannot be read is counted.
 */
import type {
  OutboxAside,
  OutboxAsideKey,
  OutboxChange,
  OutboxConsumerState,
  OutboxContent,
  OutboxEntry,
  OutboxPlace,
  OutboxPosition,
} from '../kernel/outbox.ts';
import { outboxStart } from '../kernel/outbox.ts';
import type { OutboxPage, OutboxStore } from '../kernel/ports.ts';
import { pushItem, queueDeletions } from './batch.ts';
import type { Codec } from './codec.ts';
import { unlessDamaged } from './damage.ts';
import type { Database, DatabaseReader, Operation } from './database.ts';
import { spaceRange, successorOf } from './keys.ts';
import {
  asideRange,
  consumerRange,
  decodeAsideKey,
  decodeConsumerKey,
  decodeEmissionKey,
  decodeOutboxKey,
  emissionRange,
  encodeAsideKey,
  encodeConsumerKey,
  encodeEmissionKey,
  encodeOutboxKey,
  outboxRange,
} from './outbox-keys.ts';

type AsideValue = Omit<OutboxAside, keyof OutboxAsideKey>;

/** How the store around it reads and writes: only that knows whether it may. */
export interface OutboxTurns {
  read<Answer>(work: () => Promise<Answer>): Promise<Answer>;
  write<Answer>(work: () => Promise<Answer>): Promise<Answer>;
}

export class LevelOutbox implements OutboxStore {
  readonly #database: Database;
  readonly #codec: Codec;
  readonly #turns: OutboxTurns;

  constructor(database: Database, codec: Codec, turns: OutboxTurns) {
    this.#database = database;
    this.#codec = codec;
    this.#turns = turns;
  }

  scan(after: OutboxPosition, untilCommit: number, limit: number): Promise<OutboxPage> {
    return this.#turns.read(() => scanOutbox(this.#database, this.#codec, after, untilCommit, limit));
  }

  readOf(workflowId: string, from: OutboxPosition, limit: number): Promise<readonly OutboxEntry[]> {
    return this.#turns.read(() => this.#database.readAtOnce((reader) => readOutboxOf(reader, this.#codec, workflowId, from, limit)));
  }

  count(after: OutboxPosition, limit: number): Promise<number> {
    return this.#turns.read(() => countOutbox(this.#database, after, limit));
  }

  readConsumers(): Promise<readonly OutboxConsumerState[]> {
    return this.#turns.read(() => this.#database.readAtOnce((reader) => readConsumers(reader, this.#codec)));
  }

  async write(change: OutboxChange): Promise<void> {
    await this.#turns.write(async () => this.#database.write(await outboxOperations(this.#database, this.#codec, change)));
  }
}

/** Entries behind a position, in their order. */
async function scanOutbox(
  reader: DatabaseReader,
  codec: Codec,
  after: OutboxPosition,
  untilCommit: number,
  limit: number,
): Promise<OutboxPage> {
  const range = outboxRange(after, untilCommit);
  const entries: OutboxEntry[] = [];
  let [from, unreadable] = [range.from, 0];
  // Rows that cannot be named do not make a page shorter: who gets a short one takes it for the last.
  while (entries.length < limit) {
    const asked = limit - entries.length;
    const rows = await reader.entries({ from, to: range.to, limit: asked });
    for (const { key, value } of rows) {
      from = successorOf(key);
      const place = unlessDamaged(() => decodeOutboxKey(key));
      if (place === undefined) unreadable += 1;
      else entries.push(entryOf(codec, place, key, value));
    }
    if (rows.length < asked) break;
  }
  return { entries, unreadable };
}

/** Entries of one workflow from a position on, in their order. */
async function readOutboxOf(
  reader: DatabaseReader,
  codec: Codec,
  workflowId: string,
  from: OutboxPosition,
  limit: number,
): Promise<readonly OutboxEntry[]> {
  const keys = await reader.keys({ limit, ...emissionRange(workflowId, from) });
  const places = keys.flatMap((key) => unlessDamaged(() => decodeEmissionKey(key)) ?? []);
  return Promise.all(
    places.map(async (place) => {
      const key = encodeOutboxKey(place);
      const value = await reader.get(key);
      // The row that finds it says that it was written.
      return value === undefined ? place : entryOf(codec, place, key, value);
    }),
  );
}

function entryOf(codec: Codec, place: OutboxPlace, key: Uint8Array, value: Uint8Array): OutboxEntry {
  const content = unlessDamaged(() => codec.decode(key, value) as OutboxContent);
  return content === undefined ? place : { ...place, content };
}

async function countOutbox(reader: DatabaseReader, after: OutboxPosition, limit: number): Promise<number> {
  const keys = await reader.keys({ limit, from: outboxRange(after, 0).from, to: spaceRange('outbox').to });
  return keys.length;
}

export async function hasConsumers(reader: DatabaseReader): Promise<boolean> {
  return (await reader.keys({ limit: 1, ...consumerRange })).length > 0;
}

/** All consumers that there ever were and that were not removed. */
async function readConsumers(reader: DatabaseReader, codec: Codec): Promise<readonly OutboxConsumerState[]> {
  const rows = await reader.entries(consumerRange);
  return Promise.all(
    rows.flatMap(({ key, value }) => {
      const name = unlessDamaged(() => decodeConsumerKey(key));
      return name === undefined ? [] : [readConsumer(reader, codec, name, key, value)];
    }),
  );
}

async function readConsumer(
  reader: DatabaseReader,
  codec: Codec,
  name: string,
  key: Uint8Array,
  value: Uint8Array,
): Promise<OutboxConsumerState> {
  const after = unlessDamaged(() => codec.decode(key, value) as OutboxPosition);
  const found = (await reader.entries(asideRange(name))).flatMap((row) => unlessDamaged(() => asideOf(codec, row)) ?? []);
  const asides = found.flatMap(({ aside }) => aside ?? []);
  if (after !== undefined && asides.length === found.length) return { name, after, asides };
  // Where it was, in all or with some workflow, is not known: all is delivered again rather than something never.
  return { name, after: outboxStart, asides, isDamaged: true };
}

function asideOf(codec: Codec, { key, value }: { readonly key: Uint8Array; readonly value: Uint8Array }): { readonly aside?: OutboxAside } {
  const { consumer: _, ...parts } = decodeAsideKey(key);
  const rest = unlessDamaged(() => codec.decode(key, value) as AsideValue);
  return rest === undefined ? {} : { aside: { ...parts, ...rest } };
}

/** A change of consumers and what it takes away. */
async function outboxOperations(reader: DatabaseReader, codec: Codec, change: OutboxChange): Promise<readonly Operation[]> {
  const operations: Operation[] = [];
  // First: what is left of one may be put anew.
  for (const name of change.consumersRemoved) {
    for (const key of await reader.keys(asideRange(name))) operations.push({ kind: 'delete', key });
    operations.push({ kind: 'delete', key: encodeConsumerKey(name) });
  }
  for (const { name, after, asidesPut, asidesRemoved } of change.consumers) {
    if (after !== undefined) operations.push(put(codec, encodeConsumerKey(name), after));
    for (const aside of asidesPut) {
      const { workflowId: _, lone: _lone, ...value } = aside;
      operations.push(put(codec, encodeAsideKey(name, aside), value));
    }
    for (const key of asidesRemoved) operations.push({ kind: 'delete', key: encodeAsideKey(name, key) });
  }
  for (const place of change.entriesRemoved) {
    operations.push({ kind: 'delete', key: encodeOutboxKey(place) }, { kind: 'delete', key: encodeEmissionKey(place) });
  }
  for (const place of change.queueRemoved) operations.push(...queueDeletions(place));
  for (const item of change.queuePut) pushItem(operations, item, codec);
  return operations;
}

/** The entries that emission rows lead to. */
export function outboxKeysOf(emissionKeys: readonly Uint8Array[]): readonly Uint8Array[] {
  return emissionKeys.flatMap((key) => unlessDamaged(() => encodeOutboxKey(decodeEmissionKey(key))) ?? []);
}

function put(codec: Codec, key: Uint8Array, value?: object): Operation {
  return { kind: 'put', key, value: codec.encode(key, value) };
}
