/** What users call about the outbox. */

/** How far behind a consumer is. */
export interface OutboxLag {
  /** Its name. */
  readonly consumer: string;
  /** Whether this runtime was opened with it. One that is not is given nothing; what it has not had is kept for it. */
  readonly isRegistered: boolean;
  /** Messages that it has not had, those included that failed for good and those that wait behind one. */
  readonly undelivered: number;
  /** Whether these are all: more than 10,000 are not counted. */
  readonly exact: boolean;
  /** Messages that failed for good and wait for a person. */
  readonly poison: number;
  /** About when the oldest of them was emitted; absent if there is none. Epoch milliseconds. */
  readonly oldestAtMs?: number;
}

/** What machines emitted, on its way to its consumers. */
export interface Outbox {
  /**
   * How far behind each consumer is: all that this runtime was opened with, and all that earlier ones were and nobody removed. The cost
   * does not grow with what they have had.
   */
  lag(): Promise<readonly OutboxLag[]>;
  /**
   * Forgets a consumer that is gone, so that nothing is kept for it any more. If it comes back it is a new one, and is given everything
   * that is kept then.
   *
   * @throws PerdureError `CONSUMER_REGISTERED` while this runtime has it, `CONSUMER_NOT_FOUND`, `STORE_UNAVAILABLE` (repeat it)
   */
  remove(name: string): Promise<void>;
}
