/** Items of fan-outs and the pages of those that have not begun, as rows. */
import type { Address } from '../kernel/address.ts';
import type { Commit } from '../kernel/commit.ts';
import type { FanOutRows, ItemRecord, PageRecord } from '../kernel/item-record.ts';
import type { ActorRecord } from '../kernel/record.ts';
import type { Codec } from './codec.ts';
import { recordDamaged } from './damage.ts';
import type { DatabaseReader, Operation } from './database.ts';
import { formatKey } from './key-text.ts';
import { actorRowsRange, decodeItemKey, decodePageKey, encodeActorKey, encodeItemKey, encodePageKey } from './keys.ts';

/** The operations of a fan-out's step. */
export function pushItems(
  operations: Operation[],
  { record: { address }, itemsPut = [], pagesPut = [], pagesRemoved = [] }: Commit,
  codec: Codec,
): void {
  const put = (key: Uint8Array, value: object): void => void operations.push({ kind: 'put', key, value: codec.encode(key, value) });
  for (const item of itemsPut) put(encodeItemKey(address, item.n), { ...item, n: undefined });
  for (const page of pagesPut) put(encodePageKey(address, page.n), { ...page, n: undefined });
  for (const n of pagesRemoved) operations.push({ kind: 'delete', key: encodePageKey(address, n) });
}

/** In their order from the item with this number on. */
export async function readItems(
  reader: DatabaseReader,
  codec: Codec,
  fanOut: Address,
  from: number,
  limit: number,
): Promise<readonly ItemRecord[]> {
  const range = actorRowsRange('item', fanOut);
  const rows = await reader.entries({ limit, from: encodeItemKey(fanOut, from), to: range.to });
  return rows.map(({ key, value }) => ({ n: decodeItemKey(key).n, ...(codec.decode(key, value) as Omit<ItemRecord, 'n'>) }));
}

/**
 * What a fan-out has besides its record.
 *
 * @throws PerdureError `RECORD_DAMAGED` where the record counts other rows than there are
 */
export async function readFanOut(
  reader: DatabaseReader,
  codec: Codec,
  address: Address,
  { pages: pagesCounted, ended: endedCounted, isInline }: NonNullable<ActorRecord['fanOut']>,
): Promise<FanOutRows> {
  const [pageRows, items] = await Promise.all([
    reader.entries(actorRowsRange('page', address)),
    isInline === true ? readItems(reader, codec, address, 1, endedCounted + 1) : [],
  ]);
  const pages = pageRows.map(({ key, value }) => ({ n: decodePageKey(key).n, ...(codec.decode(key, value) as Omit<PageRecord, 'n'>) }));
  const refuse = (what: string, counted: number, found: number): never => {
    throw recordDamaged(formatKey(encodeActorKey(address)), `it counts ${counted} ${what}, and ${found} are there`);
  };
  if (pages.length !== pagesCounted) refuse('pages of items', pagesCounted, pages.length);
  if (isInline === true && items.length !== endedCounted) refuse('items that ended', endedCounted, items.length);
  return { pages, ended: items };
}
