/** Every fault a workflow engine meets, what shows that this one stands it, and what is not shown yet. */
import type { CaseNumber } from '../contract/matrix.ts';

/** Tests of one file, by a piece of the title of each, or of the suite around them. */
export interface ShownBy {
  /** Below `test/`, without `.test.ts`. */
  readonly file: string;
  readonly titles: readonly string[];
}

export interface FaultRow {
  readonly fault: string;
  readonly shownBy: readonly (ShownBy | { readonly contractCase: CaseNumber })[];
  /** What its tests do not show yet; the whole of it where there are none. */
  readonly lacks?: string;
  /** The larger size that `npm run soak` runs; other rows have one size. */
  readonly soak?: string;
}

const by = (file: string, ...titles: readonly string[]): ShownBy => ({ file, titles });
const contract = (contractCase: CaseNumber) => ({ contractCase });
const simulations = by('simulation/simulation', 'simulated worlds');

const noInspector = 'there is no inspector yet';

export const faults: Readonly<Record<number, FaultRow>> = {
  1: {
    fault: 'the process is killed before or after a sync',
    shownBy: [by('process/kill-at-sync-points', 'killed right before a batch is handed to LevelDB, or right after its sync')],
    soak: 'every one of 200 batches',
  },
  2: {
    fault: 'the process is killed at random',
    shownBy: [by('process/kill-at-random', 'times at random moments, a workload loses nothing acknowledged')],
    soak: '1,000 kills',
  },
  3: {
    fault: 'killed between side effect and record',
    shownBy: [
      by('process/death-in-an-activity', 'a step whose effect happened, but whose outcome was not recorded, runs again with the same key'),
      contract(10),
    ],
  },
  4: {
    fault: 'killed between record and next step',
    shownBy: [by('process/death-in-an-activity', 'a step whose outcome is recorded is not run again'), contract(11)],
  },
  5: {
    fault: 'killed while it boots, 20 times in a row',
    shownBy: [
      by('process/death-in-an-activity', 'killed at 20 boots in a row before anything is written'),
      by('runtime/boot-watch', '20 times without ever getting so far use up no attempt'),
    ],
  },
  6: {
    fault: 'power cut: the tail of the log is cut or torn',
    shownBy: [
      by('process/power-cut', 'after a power cut everything acknowledged is there'),
      by('storage/power-cut', 'a power cut loses nothing acknowledged and keeps whole batches only'),
      contract(19),
    ],
    soak: '2,000 images, 2,000 lives',
  },
  7: {
    fault: 'power cut during the first open',
    shownBy: [by('storage/open-level-store', 'a power cut during the first open heals by itself')],
  },
  8: {
    fault: 'the manifest is zeroed',
    shownBy: [by('storage/open-level-store', 'a store whose marker stands is never created anew')],
    lacks: 'a command that repairs, named by the refusal',
  },
  9: {
    fault: 'the disk is full',
    shownBy: [
      by('storage/level-store', 'after a write was rejected'),
      by('runtime/commit-pipeline', 'a rejected batch rejects everything not confirmed'),
      by('runtime/closing', 'a store that refuses a write'),
      by('process/full-disk', 'on a disk that is full a runtime refuses writes, goes on by itself'),
      by('runtime/reopening', 'a store that refuses a write'),
      contract(18),
      simulations,
    ],
  },
  10: {
    fault: 'a sync fails',
    shownBy: [by('storage/level-store', 'after a write was rejected'), by('runtime/reopening', 'opening again'), contract(18), simulations],
  },
  11: { fault: 'a sync takes 5 s', shownBy: [by('runtime/disk-strain', 'while one batch takes longer than a second to sync')] },
  12: {
    fault: 'a directory that is read-only or forbidden',
    shownBy: [
      by('process/unusable-directory', 'a program whose store would be where a file is ends with one clear error'),
      by('storage/open-level-store', 'a path that cannot hold a store gives one clear sentence'),
    ],
  },
  13: {
    fault: 'a bit flips in any record',
    shownBy: [
      by('runtime/bit-flips', 'bits turned over in every kind of record'),
      by('storage/table-flips', 'bits turned over in tables'),
      by('storage/codec', 'damage is found'),
      by('storage/level-store', 'damage on disk'),
      by('runtime/signal-letter', 'a message whose row was %s is not applied again'),
      by('storage/listing', 'makes no list and no count say anything else, and is made anew'),
    ],
    lacks: 'at some damage LevelDB ends the process',
    soak: '1,000 in rows and tables',
  },
  14: {
    fault: 'the middle of the log is lost, the manifest cut short',
    shownBy: [by('storage/power-cut', 'a block in the middle that was zeroed', 'a manifest cut short', 'a log that is gone'), contract(20)],
  },
  15: {
    fault: 'the whole store is replaced by nothing',
    shownBy: [by('storage/open-level-store', 'a store whose marker stands is never created anew')],
  },
  16: { fault: 'an old copy is restored', shownBy: [], lacks: 'stores have no epoch that changes yet' },
  17: {
    fault: 'a second owner: process, thread, same process, symbolic link',
    shownBy: [
      by('process/two-processes', 'a second process is refused, told who has the store', 'a second open in the same process is refused'),
      by('storage/ownership', 'a second open through a symbolic link is refused', 'a second open in a worker thread is refused'),
      contract(9),
    ],
  },
  18: { fault: 'the owner is stopped and continued', shownBy: [by('process/two-processes', 'an owner that is stopped keeps the store')] },
  19: {
    fault: 'SIGTERM under load',
    shownBy: [by('process/shutdown', 'under load ends it with exit code 0', 'tells running activities that it is a shutdown')],
  },
  20: { fault: 'a second signal', shownBy: [by('process/shutdown', 'a second signal while it waits for an activity')] },
  21: {
    fault: 'the clock is set forward',
    shownBy: [by('runtime/timer-queue', 'stepped forward is noticed'), simulations],
  },
  22: {
    fault: 'the clock is set back',
    shownBy: [by('runtime/timer-queue', 'stepped back fires nothing early'), simulations],
  },
  23: { fault: 'the time zone changes', shownBy: [by('runtime/extremes', 'keep their moments when the time zone changes')] },
  24: {
    fault: 'an activity never ends',
    shownBy: [by('runtime/activity-runner', 'an attempt that takes too long'), simulations],
  },
  25: {
    fault: 'an activity does not listen to its signal',
    shownBy: [
      by('runtime/activity-runner', 'does not disturb the next attempt under its key when it ends late'),
      by('runtime/zombies', 'an attempt that ignores its signal'),
    ],
  },
  26: {
    fault: 'a result comes after time-out or end',
    shownBy: [
      by('runtime/activity-runner', 'reports a completion that comes late, once'),
      by('kernel/decide', 'a result that nobody waits for any more is journaled as late'),
      simulations,
    ],
  },
  27: {
    fault: 'an activity resolves, then throws',
    shownBy: [by('runtime/activity-runner', 'that resolves and then throws reports the first of it')],
  },
  28: {
    fault: 'anything at all is thrown',
    shownBy: [by('kernel/failure', 'whatever is thrown becomes a failure with class and message', 'a failure stays within its limit')],
  },
  29: { fault: 'thrown at once, or by a thenable', shownBy: [by('runtime/activity-runner', 'an attempt')] },
  30: {
    fault: 'an activity blocks the event loop',
    shownBy: [
      by('runtime/loop-watchdog', 'a loop that is blocked for 200 ms is told of'),
      by('hosts/logging', 'an activity that blocks the event loop is told of by name'),
    ],
  },
  31: { fault: 'an unhandled rejection', shownBy: [by('process/death-in-an-activity', 'after an unhandled rejection in the call')] },
  32: { fault: 'process.exit in an activity', shownBy: [by('process/death-in-an-activity', 'after process.exit in the call')] },
  33: { fault: 'out of memory', shownBy: [by('process/crash-loop', 'so is one whose activity takes more memory than there is')] },
  34: {
    fault: 'very many fail at once',
    shownBy: [
      by('runtime/waiting-list', 'and never more at once'),
      by('kernel/retry-policy', 'with full jitter is that random part of the bound'),
      by('runtime/activity-limits', 'a thousand that fail at once come back spread over the backoff'),
    ],
  },
  35: { fault: 'a guard or assign throws', shownBy: [contract(32)] },
  36: {
    fault: 'poison at each boot',
    shownBy: [
      by('process/crash-loop', 'so is one that kills the process whenever it is taken up'),
      by('runtime/boot-watch', 'while one workflow is taken up get it parked'),
      contract(34),
    ],
  },
  37: {
    fault: 'a workflow that kills the process',
    shownBy: [
      by('process/crash-loop', 'a workflow whose activity kills the process three times is parked'),
      by('process/crash-loop', 'so is one whose callback does'),
      by(
        'runtime/boot-watch',
        'a workflow whose attempt runs at three deaths of the process',
        'that kills three processes gets its workflow parked',
      ),
      contract(34),
    ],
    lacks: 'a callback that kills the process later than 200 ms after it began is not found out',
  },
  38: { fault: 'a chart that never comes to rest', shownBy: [by('kernel/decide', 'is stopped at the limit of microsteps')] },
  39: {
    fault: 'a machine is missing',
    shownBy: [contract(29), contract(50), by('hosts/open-runtime', 'whose version is missing are counted')],
  },
  40: {
    fault: 'a state was renamed, the version or format is another',
    shownBy: [
      by('runtime/definitions', 'a structure that changed under its version'),
      by('storage/open-level-store', 'of a newer format is refused and left alone'),
    ],
    lacks: 'migrations',
  },
  41: { fault: 'a migration throws', shownBy: [], lacks: 'there are no migrations yet' },
  42: {
    fault: 'values that JSON does not have',
    shownBy: [contract(36), by('kernel/value-encoding', 'values survive the way to disk and back')],
  },
  43: {
    fault: 'payloads of 50 MB, and a thousand of 1 MB',
    shownBy: [
      contract(35),
      by('kernel/payload-size', 'a payload over its limit is refused with size and path'),
      by('runtime/extremes', 'of 50 MB are refused by their size', 'as large as allowed'),
      by('runtime/commit-log', 'a payload of a quarter of a megabyte'),
    ],
    soak: '1,000 of 1 MB',
  },
  44: {
    fault: 'a context that grows without end',
    shownBy: [
      by('runtime/commit-log', 'an actor of ten thousand steps is told of'),
      by('kernel/kept-journal', 'is all of ten thousand records; of more, the first and the newest'),
      by('runtime/long-lives', 'forgets the oldest steps but the first', 'is opened, woken and sent to with as few reads as a short one'),
      by('kernel/payload-size', 'a payload over its limit is refused with size and path'),
      by('runtime/recovery', 'opening reads the actors with pending activities, and none of those that sleep'),
    ],
  },
  45: {
    fault: 'a hundred thousand levels deep',
    shownBy: [
      by('kernel/value-encoding', 'nesting of any depth is refused without a stack overflow'),
      by('runtime/extremes', 'a hundred thousand levels deep'),
    ],
  },
  46: { fault: 'ids of any characters', shownBy: [contract(37), by('storage/keys', 'every key comes back as what it was made of')] },
  47: {
    fault: 'ids that are none, and ids that collide',
    shownBy: [contract(37), by('storage/keys', 'no two things share a key')],
    soak: '1,000,000 pairs',
  },
  48: {
    fault: 'keys that name prototypes',
    shownBy: [
      by('kernel/value-encoding', 'a key "__proto__", without touching any prototype'),
      by('storage/codec', 'with a key __proto__ keeps it as its own data'),
      by('runtime/extremes', 'with keys that name prototypes are own data'),
    ],
    lacks: 'bodies of HTTP',
  },
  49: { fault: 'reserved event types', shownBy: [by('kernel/event-check', 'is the engine’s own')] },
  50: {
    fault: 'an id is started twice',
    shownBy: [contract(7), by('kernel/start-policy', 'starting an id again', 'the policy'), simulations],
  },
  51: { fault: 'a message id is sent twice', shownBy: [contract(4), simulations] },
  52: {
    fault: '100,000 events to one workflow',
    shownBy: [
      by('runtime/kept-messages', 'of very many events at once those within the bound are applied'),
      by('runtime/fairness', 'is not decided far ahead of the disk'),
    ],
    lacks: 'how long others wait meanwhile is measured (npm run bench -- --only fairness), not tested',
  },
  53: {
    fault: 'an event to what is closed, missing or parked',
    shownBy: [
      contract(1),
      contract(2),
      contract(28),
      by('runtime/workflow-handle', 'that poison a workflow are stored, as are those after them'),
    ],
  },
  54: {
    fault: '10,000 timers due in one millisecond',
    shownBy: [
      by('runtime/extremes', 'of 10,000 due in one millisecond each fires once'),
      by('runtime/timer-queue', 'is one of very many in the same millisecond'),
    ],
  },
  55: {
    fault: 'a million timers pending',
    shownBy: [
      by('runtime/timer-queue', 'of them pending over a day take memory only while they are near'),
      by('process/parked-many', 'workflows that wait'),
    ],
    soak: '1,000,000 timers, of as many workflows',
  },
  56: {
    fault: 'delays that are zero, negative, enormous or none',
    shownBy: [contract(25), by('kernel/draft', 'fail the step and name the state')],
  },
  57: {
    fault: 'a timer comes due while nothing runs for 30 days',
    shownBy: [by('runtime/extremes', 'that came due while nothing ran for 30 days fire once')],
  },
  58: { fault: 'leaving a state races its timer', shownBy: [contract(21), simulations] },
  59: {
    fault: 'a fan-out of 10,000 crashes halfway, and one item or all of them fail',
    shownBy: [
      contract(40),
      contract(41),
      by('process/kill-in-a-fan-out', 'whose process is killed'),
      by('process/counted-items', 'items from a source fits a process'),
      by('runtime/fan-out-properties', 'every item ends once and the parent hears of it once'),
      by('runtime/fan-out-undos', 'however many they are, each once, over a crash in the middle'),
    ],
    soak: '1,000,000 items from a source',
  },
  60: {
    fault: 'a parent ends before its children',
    shownBy: [contract(38), contract(39), by('runtime/earlier-runs', 'a run that takes the place of another ends all of it')],
  },
  61: {
    fault: 'an undo fails, or is interrupted',
    shownBy: [
      by('process/kill-while-undoing', 'times while it undoes, a workload undoes everything in order'),
      by('runtime/random-sagas', 'whatever fails, is left or cancelled, what was done is undone once'),
      contract(44),
      contract(45),
      contract(47),
    ],
    soak: '500 kills, 20,000 sagas',
  },
  62: { fault: 'a request for another host', shownBy: [], lacks: noInspector },
  63: { fault: 'a request from another origin', shownBy: [], lacks: noInspector },
  64: { fault: 'scripts in ids, contexts and errors', shownBy: [], lacks: noInspector },
  65: { fault: 'paths that climb', shownBy: [], lacks: noInspector },
  66: { fault: 'bodies too large or malformed', shownBy: [], lacks: noInspector },
  67: { fault: 'slow and idle connections', shownBy: [], lacks: noInspector },
  68: { fault: 'a reader of events that stalls', shownBy: [], lacks: noInspector },
  69: { fault: 'listening to the whole network', shownBy: [], lacks: noInspector },
  70: {
    fault: 'control characters on a terminal',
    shownBy: [by('storage/keys', 'a key is shown as what it stands for, control characters escaped')],
    lacks: 'there is no command line yet',
  },
  71: { fault: 'secrets in a context', shownBy: [], lacks: 'nothing is redacted yet' },
  72: { fault: 'stack traces in answers of HTTP', shownBy: [], lacks: noInspector },
};
