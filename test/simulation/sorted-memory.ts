/**
 * Ordered bytes in memory: the least that satisfies the `Database` port, since simulations spend their time here. Outlives its
 * handles, as a disk outlives the processes that open it.
 */
import type { Database, DatabaseReader, Entry, Operation, RangeQuery } from '../../src/storage/database.ts';

interface Row extends Entry {
  /** The key, one character a byte: sorts as the bytes do. */
  readonly text: string;
}

export class SortedMemory {
  /** Replaced by every write, so that whoever read it keeps its moment. */
  #rows: readonly Row[] = [];

  write(operations: readonly Operation[]): void {
    const rows = [...this.#rows];
    for (const operation of operations) {
      const text = textOf(operation.key);
      const position = positionOf(rows, text);
      const isThere = rows[position]?.text === text ? 1 : 0;
      if (operation.kind === 'delete') rows.splice(position, isThere);
      // A copy: whoever gave the bytes may use them again.
      else rows.splice(position, isThere, { text, key: operation.key, value: new Uint8Array(operation.value) });
    }
    this.#rows = rows;
  }

  /** A handle that writes at once. */
  open(): Database {
    return {
      get: async (key) => readerOf(this.#rows).get(key),
      getNow: (key) => valueIn(this.#rows, key),
      entries: async (query) => readerOf(this.#rows).entries(query),
      keys: async (query) => readerOf(this.#rows).keys(query),
      readAtOnce: async (read) => read(readerOf(this.#rows)),
      write: async (operations) => this.write(operations),
      close: () => Promise.resolve(),
    };
  }
}

function readerOf(rows: readonly Row[]): DatabaseReader {
  const entries = ({ from, to, limit = Infinity, isReverse = false }: RangeQuery): Row[] => {
    const begin = positionOf(rows, textOf(from));
    const end = positionOf(rows, textOf(to));
    if (isReverse) return rows.slice(Math.max(begin, end - limit), end).reverse();
    return rows.slice(begin, Math.min(end, begin + limit));
  };
  return {
    get: async (key) => valueIn(rows, key),
    entries: async (query) => entries(query),
    keys: async (query) => entries(query).map(({ key }) => key),
  };
}

function valueIn(rows: readonly Row[], key: Uint8Array): Uint8Array | undefined {
  const text = textOf(key);
  const row = rows[positionOf(rows, text)];
  return row?.text === text ? row.value : undefined;
}

/** Of the first row that is not before `text`. */
function positionOf(rows: readonly Row[], text: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle]?.text ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
