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
  #rows: Row[] = [];
  /** Whether somebody reads these rows over a while: the next write leaves them as they are. */
  #isKept = false;

  write(operations: readonly Operation[]): void {
    if (this.#isKept) this.#rows = [...this.#rows];
    this.#isKept = false;
    const rows = this.#rows;
    for (const operation of operations) {
      const text = textOf(operation.key);
      const position = positionOf(rows, text);
      const isThere = rows[position]?.text === text;
      if (operation.kind === 'delete') {
        if (isThere) rows.splice(position, 1);
        continue;
      }
      // A copy: whoever gave the bytes may use them again.
      const row = { text, key: operation.key, value: Buffer.from(operation.value) };
      if (isThere) rows[position] = row;
      else rows.splice(position, 0, row);
    }
  }

  /** A handle that writes at once. */
  open(): Database {
    return {
      get: async (key) => valueIn(this.#rows, key),
      getNow: (key) => valueIn(this.#rows, key),
      entries: async (query) => entriesIn(this.#rows, query),
      keys: async (query) => keysIn(this.#rows, query),
      readAtOnce: async (read) => {
        this.#isKept = true;
        return read(readerOf(this.#rows));
      },
      write: async (operations) => this.write(operations),
      close: () => Promise.resolve(),
    };
  }
}

function readerOf(rows: readonly Row[]): DatabaseReader {
  return {
    get: async (key) => valueIn(rows, key),
    entries: async (query) => entriesIn(rows, query),
    keys: async (query) => keysIn(rows, query),
  };
}

function entriesIn(rows: readonly Row[], { from, to, limit = Infinity, isReverse = false }: RangeQuery): Row[] {
  const begin = positionOf(rows, textOf(from));
  const end = positionOf(rows, textOf(to));
  if (isReverse) return rows.slice(Math.max(begin, end - limit), end).reverse();
  return rows.slice(begin, Math.min(end, begin + limit));
}

function keysIn(rows: readonly Row[], query: RangeQuery): Uint8Array[] {
  return entriesIn(rows, query).map(({ key }) => key);
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
  const bytes = key instanceof Buffer ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return bytes.toString('latin1');
}
