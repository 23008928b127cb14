/** Which cases of the contract are tested here, in their own words, and which backend cannot hold one, and why. */
import type { BackendName, Harm } from '../support/contract-host.ts';

export const cases = {
  1: 'A signal accepted before the final transition commits is processed; one that arrives after is refused with `WORKFLOW_CLOSED`.',
  2: 'A signal to an unknown id is refused with `WORKFLOW_NOT_FOUND`; nothing is stored.',
  3: 'A signal the state does not accept: `send` records it as unhandled and says so; `update` refuses it and lists the events accepted now.',
  4: 'The same message id twice: the second call returns the first outcome; one transition.',
  5: 'A signal sent while `start` is still committing is applied after the initial transition.',
  6: '`signalWithStart` is one batch: starts if absent, then signals.',
  7: 'Duplicate start of an open id: same machine and input (canonical encoding) returns the existing workflow; another input is refused with `WORKFLOW_EXISTS`; policies `fail`, `use-existing`, `terminate-existing` override. Never a silent reset.',
  8: 'Duplicate start of a closed id: same machine and input returns the closed workflow, another input is refused; `allow-after-failure` and `allow` start a new run, whose keys and addresses were never issued before.',
  9: "A second process, or a second open in the same process or another thread of it, fails with `STORE_LOCKED` naming the holder, and the first is unharmed; a dead owner is no obstacle; `onLocked: 'wait'` takes over when the owner dies.",
  10: "A crash after an activity's effect and before its record: it runs again with the same key; the lost attempt counts.",
  11: 'A crash after the record and before the reaction: the completion is delivered; no second run.',
  12: 'A crash between snapshot and timer cannot exist.',
  13: 'A result that arrives after its attempt timed out is journaled as late and not delivered.',
  14: "A result that arrives after the state was left is journaled as late and not delivered; the attempt's signal was aborted.",
  15: 'A late result of an activity with an undo, after the workflow unwound without it, is flagged as an orphan effect in the queue.',
  16: "Cancel and completion at the same instant: the journal's order decides; exactly one outcome.",
  17: '`close()` or SIGTERM: no new work; running attempts get `signal` with reason `shutdown` and are not charged; exit within the grace period.',
  18: 'Disk full or a failed sync: no effect whose intent is not on disk is started; writers get `STORE_UNAVAILABLE` (outcome unknown: repeat with the same id); reads go on; the runtime reopens by itself and loses nothing acknowledged.',
  19: 'A torn tail after power loss: reopening keeps every acknowledged commit and drops the rest.',
  20: 'A sequence gap or an undecodable record parks that workflow, never the runtime.',
  21: "Timer and signal in the same tick: the journal's order decides; a timer whose state was left is not delivered. Both orders tested.",
  22: 'The clock jumping backward fires nothing early and never makes journal times decrease; retries are not frozen by it.',
  23: 'After a long sleep overdue timers fire once each, in due order, carrying scheduled and actual time.',
  24: "A backoff longer than the process's life resumes at its stored time.",
  25: "Delays above 2^31 ms and up to 100 years are exact; 0 and negative mean now; NaN, Infinity and more fail the step with the state's path.",
  26: 'Very many timers due in the same millisecond do not block the event loop for more than a bounded slice.',
  27: 'A retry in flight across a deploy uses the implementation registered now and the input recorded then.',
  28: 'An activity no longer registered parks the workflow as `activity-missing`; it goes on when registered.',
  29: 'A machine version no longer registered parks its workflows as `version-missing`, counted at open; nothing else is blocked.',
  31: "A changed structure under an unchanged version, on which open workflows rest, is refused at open with the difference (`onDefinitionChange: 'warn'` allows).",
  32: 'A guard, assign or action that throws rolls the transition back; the event is retried twice in the process, then the workflow is parked with event and error.',
  34: 'A workflow in flight at three process deaths is parked as `crash-loop` at the next boot; the boot is not blocked.',
  33: 'An endless `always` or `raise` loop is stopped at 10,000 microsteps and parks the workflow; the process does not hang.',
  35: 'A payload over its limit is refused at the boundary with its size and path; nothing is half-written.',
  36: 'Functions, symbols, cycles and class instances are refused with their path. `Date`, `Map`, `Set`, `BigInt`, `Error`, `undefined`, `NaN`, `-0` and bytes survive.',
  37: 'Ids: any non-empty string up to 255 bytes of UTF-8 without lone surrogates; order and prefix scans are correct for every one of them.',
  38: "Parent-close policy: `request-cancel` (default, so that the child's compensation runs), `terminate`, `abandon`.",
  39: 'A parent that closed before its child completed: the result stays on the child; no error.',
  40: 'Fan-out resumes at its cursor after a crash: no item started again after its outcome was recorded, none forgotten.',
  41: 'Failures within the tolerated count or share do not fail the fan-out; beyond it starting stops, the rest is cancelled by policy, one summary event is delivered.',
  42: 'The join fires exactly once even if the last two items finish together.',
  43: "Results of a large fan-out are paged; the parent's snapshot does not grow with the number of items.",
  44: 'A second cancel is a no-op; `terminate` during compensation works and marks the remaining undos abandoned.',
  45: 'A failing undo is deferred and the next older one runs.',
  46: "An undo of unknown outcome runs with `outcome: 'unknown'`.",
  47: 'A crash in the middle resumes at the first undo not recorded.',
  48: 'A parallel sibling in flight is settled before the order of undos is fixed.',
  49: 'A deadline during compensation does not cut it.',
  50: 'A query sees the state before or after a commit, never between; lists and counts agree with the workflows they index.',
  52: 'Deleting an open workflow is refused; deleting a closed one removes journal, timers, index, results and queue items together.',
} as const;

export type CaseNumber = keyof typeof cases;

/** The files of the suite and the cases each of them runs. */
export const groups = {
  'messages-and-starts': [1, 2, 4, 5, 7],
  'messages-kept': [3, 28],
  'starts-again': [6, 8],
  deletion: [52],
  ownership: [9],
  crashes: [10, 17, 11, 34, 12],
  activities: [13, 14],
  'store-failures': [18],
  damage: [19, 20],
  timers: [21, 22, 23, 24, 25, 26],
  versions: [27, 29, 31],
  poison: [32, 33],
  data: [35, 36, 37],
  endings: [16],
  compensation: [15, 44, 45, 46, 47, 48, 49],
  'compensation-children': [],
  deadlines: [],
  children: [38, 39],
  'fan-out': [40, 41, 42, 43],
  trees: [],
  reading: [50],
  queue: [],
} as const satisfies Record<string, readonly CaseNumber[]>;

export type GroupName = keyof typeof groups;

/** What a backend cannot hold. Everything that is not listed is run. */
export const cannotHold: readonly { readonly number: CaseNumber; readonly backend: BackendName; readonly why: string }[] = [
  { number: 9, backend: 'local on memory', why: 'there is no directory that a second one could open' },
  { number: 9, backend: 'second host', why: 'there is no directory that a second one could open' },
  {
    number: 26,
    backend: 'second host',
    why: 'its disk answers at once, so that no turn of the event loop lies between two of its messages',
  },
  {
    number: 18,
    backend: 'second host',
    why: 'it has no store of its own to open again: a document that cannot be written is its platform’s to deal with',
  },
  { number: 34, backend: 'second host', why: 'it keeps no journal of boots: what calls it after a crash is its platform' },
];

const oneText = 'a document is one text: whatever is unreadable in it makes all of it unreadable';

/** Claims within a case that a backend cannot hold. */
export const claimsNotHeld: readonly {
  readonly number: CaseNumber;
  readonly backend: BackendName;
  readonly claim: string;
  readonly why: string;
}[] = [
  { number: 20, backend: 'second host', claim: 'a gap in the middle of a journal is told to who reads it, the rest runs', why: oneText },
  {
    number: 20,
    backend: 'second host',
    claim: "a damaged row of a timer keeps neither its own timer from firing nor anybody else's",
    why: 'it has no rows of timers: a document says itself when it is due',
  },
  { number: 37, backend: 'second host', claim: 'on disk they stand in the order of their bytes', why: 'its documents have no order' },
];

/**
 * What of case 20 parks a workflow when it is harmed. A document is one text, so whatever is unreadable in it makes all of it
 * unreadable. With a row for each record, a gap in the middle of a journal is met only by who reads that far, and a timer's row
 * is derived: the record says when it is due.
 */
export const parkingHarms: Readonly<Record<BackendName, readonly Harm[]>> = {
  'local on memory': ['record', 'journal end', 'activity', 'activity gone'],
  'local on LevelDB': ['record', 'journal end', 'activity', 'activity gone'],
  'second host': ['record', 'journal end', 'journal middle'],
};
