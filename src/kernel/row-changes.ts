/** Rows of one actor during a step, by their numbers: copied when the first of them changes, which most steps do not do to most kinds. */
export class RowChanges<Row> {
  readonly #before: ReadonlyMap<number, Row>;
  #now: Map<number, Row> | undefined;

  constructor(before: ReadonlyMap<number, Row>) {
    this.#before = before;
  }

  /** As they are after what was changed so far. */
  get now(): ReadonlyMap<number, Row> {
    return this.#now ?? this.#before;
  }

  /** Whether any was put or deleted. */
  get hasChanged(): boolean {
    return this.#now !== undefined;
  }

  /** Rows that are new or another since, and still there. */
  get put(): readonly Row[] {
    const put: Row[] = [];
    this.#now?.forEach((row, n) => {
      if (this.#before.get(n) !== row) put.push(row);
    });
    return put;
  }

  set(n: number, row: Row): void {
    this.#now ??= this.#copy(undefined);
    this.#now.set(n, row);
  }

  /** Answers whether it was put by this step. */
  delete(n: number): boolean {
    const row = this.now.get(n);
    const wasPut = row !== undefined && row !== this.#before.get(n);
    if (this.#now === undefined) this.#now = this.#copy(n);
    else this.#now.delete(n);
    return wasPut;
  }

  /** All but one: what a step deletes is most often all there is, and a row that was never there need not be taken away. */
  #copy(except: number | undefined): Map<number, Row> {
    const copy = new Map<number, Row>();
    this.#before.forEach((row, n) => {
      if (n !== except) copy.set(n, row);
    });
    return copy;
  }
}
