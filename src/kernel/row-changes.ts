/** Rows of one actor during a step, by their numbers: copied when the first of them changes, which most steps do not do to most kinds. */
export class RowChanges<Row> {
  readonly #before: ReadonlyMap<number, Row>;
  #now: Map<number, Row> | undefined;
  #put: Map<number, Row> | undefined;

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
    return this.#put === undefined || this.#put.size === 0 ? [] : [...this.#put.values()];
  }

  set(n: number, row: Row): void {
    this.#change().set(n, row);
    (this.#put ??= new Map()).set(n, row);
  }

  /** Answers whether it was put by this step. */
  delete(n: number): boolean {
    this.#change().delete(n);
    return this.#put?.delete(n) === true;
  }

  #change(): Map<number, Row> {
    if (this.#now === undefined) {
      const now = new Map<number, Row>();
      // Most actors have few rows or none: this way nothing is made to walk through them.
      this.#before.forEach((row, n) => now.set(n, row));
      this.#now = now;
    }
    return this.#now;
  }
}
