/**
 * How much of its journal an actor keeps. One that took very many steps forgets the oldest records: all but the first, which says
 * how it began, up to one that carries the whole chart, from which the others are folded.
 */
import { limits } from './limits.ts';

/** What every commit depends on. */
export interface CommitContext {
  readonly nowMs: number;
  /** Records that the journal of an actor has at most, but for those since it was last looked at. Default {@link limits}. */
  readonly journalRecordsMax?: number | undefined;
}

/** Records of a journal by their sequence, the first and the last included. */
export interface JournalSpan {
  readonly from: number;
  readonly to: number;
}

/** The oldest record but the first, while all are there. */
const secondSequence = 2;

/**
 * Where the journal goes on behind its first record once this step is taken; undefined while all of it is there. It is looked at
 * where a record carries the whole chart, and moves by a bounded number of records, so that no step costs much more than others: a
 * journal that is much too long is caught up with over several of these.
 *
 * @param keptFrom where it went on before
 * @param sequence the step's
 */
export function journalFromAfter(
  keptFrom: number | undefined,
  sequence: number,
  recordsMax: number = limits.journalRecordsMax,
): number | undefined {
  const { journalSnapshotInterval: interval, journalForgottenMax } = limits;
  if (sequence % interval !== 0) return keptFrom;
  const from = keptFrom ?? secondSequence;
  if (1 + (sequence - from + 1) <= recordsMax) return keptFrom;
  const wanted = Math.ceil((1 + sequence + 1 - recordsMax) / interval) * interval;
  const reachable = Math.floor((from + journalForgottenMax) / interval) * interval;
  return Math.min(wanted, reachable, sequence);
}

/** The records that leave where `journalFrom` of an actor's record becomes another. */
export function journalForgotten(before: number | undefined, after: number | undefined): JournalSpan | undefined {
  if (after === undefined || after === before) return undefined;
  return { from: before ?? secondSequence, to: after - 1 };
}

/** The record that comes next in a journal from `sequence` on: what was forgotten is passed over. */
export function nextKept(journalFrom: number | undefined, sequence: number): number {
  return journalFrom !== undefined && sequence > 1 && sequence < journalFrom ? journalFrom : sequence;
}
