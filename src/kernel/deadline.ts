/**
 * When a workflow has to be over. It hears `workflow.deadline` then: a chart that says something to that where it is decides what comes
 * of it, any other ends `failed`, with class `DeadlineExceeded`. What that means to a step is said in `deadline-protocol.ts`.
 */
import type { Duration } from './duration.ts';
import { parseDuration } from './duration.ts';
import { formatValue } from './value-encoding.ts';
import type { AnyStateMachine } from './xstate-seam.ts';

/** From the start on, or at a moment. Epoch milliseconds. */
export type Deadline = { readonly afterMs: number } | { readonly atMs: number };

/**
 * @param what names the option in the message
 * @throws TypeError if it is neither a duration nor a date
 */
export function parseDeadline(deadline: Duration | Date, what: string): Deadline {
  if (!(deadline instanceof Date)) return { afterMs: parseDuration(deadline, what) };
  const atMs = deadline.getTime();
  if (!Number.isNaN(atMs)) return { atMs };
  throw new TypeError(`${what} must be a duration such as '72h', or a Date; found an invalid Date.`);
}

/** Never early: fractions of milliseconds are rounded up. */
export function momentOf(deadline: Deadline, startedAtMs: number): number {
  return 'atMs' in deadline ? deadline.atMs : Math.ceil(startedAtMs + deadline.afterMs);
}

/** What the machine itself says: `meta: { deadline: … }` of its root. */
export function deadlineOf(machine: AnyStateMachine): Deadline | undefined {
  return readMeta(machine).deadline;
}

export function deadlineProblems(machine: AnyStateMachine): readonly string[] {
  return readMeta(machine).problems;
}

function readMeta({ root }: AnyStateMachine): { readonly deadline?: Deadline; readonly problems: readonly string[] } {
  const { deadline: given } = Object(root.meta) as { readonly deadline?: unknown };
  if (given === undefined) return { problems: [] };
  try {
    return { deadline: parseGiven(given), problems: [] };
  } catch {
    const wanted = "a duration such as '72h', a Date, or the text of a moment such as '2026-12-31T12:00:00Z'";
    return { problems: [`its deadline is ${formatValue(given)}; give createMachine({ meta: { deadline: … } }) ${wanted}`] };
  }
}

/** A chart may come out of a file, which has no dates. Without a time zone a text would be another moment on another computer. */
function parseGiven(given: unknown): Deadline {
  const isMoment = typeof given === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(given);
  return parseDeadline(isMoment ? new Date(given) : (given as Duration), 'meta: deadline');
}
