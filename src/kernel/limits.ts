/**
 * Every bound Perdure keeps, in one place. Sizes are bytes of UTF-8 in the encoded form, durations are milliseconds.
 * A bound that is a promise to users is quoted in the message of the error that enforces it.
 */
export const limits = {
  /** A workflow id, in UTF-8. Also bounds message ids, so that a key never outgrows a LevelDB block. */
  idBytesMax: 255,
  /** One event, input, output, error or context. Larger data belongs in object storage, with its address in the context. */
  payloadBytesMax: 1_048_576,
  /** Payloads from this size on are told of: they are read and written whole at every step. */
  payloadBytesWarned: 262_144,
  /** Steps of one actor after which it is told of, and again after as many. */
  stepsWarned: 10_000,
  /** What a person says of who does something to a workflow, or why, in characters: it is journaled. */
  actTextMax: 1_000,
  /** Nesting of one payload: deep enough for any sane document, far from the call stack's end. */
  payloadDepthMax: 200,
  /** The failure record shown to people and kept with the workflow. */
  failureBytesMax: 8_192,
  /** Causes listed in a failure record. */
  failureCausesMax: 5,
  /** Microsteps of one step; an endless `always` or `raise` loop is stopped here. */
  microstepsMax: 10_000,
  /** Units that follow from each other with nothing from outside; actors that go on telling each other something are stopped here. */
  unitsInRowMax: 100,
  /** Messages that a unit may leave to the next if they become more each time: actors that tell each other ever more are stopped here. */
  leftOfUnitMax: 20_000,
  /** How deep children may have children: a machine that begins itself without end is stopped here. */
  childDepthMax: 100,
  /** How often a step that threw is tried again in the process before its workflow is parked. */
  stepRetriesMax: 2,
  /** The longest delay of a timer: 100 years of 365.25 days. */
  delayMsMax: 3_155_760_000_000,
  /** Timers one actor may have armed at once. */
  timersMax: 10_000,
  /** Activities one actor may have pending at once. */
  activitiesMax: 1_000,
  /** Those of them that may stand in the record of their actor, which every step writes, and the size of the input of each. */
  activitiesInRecordMax: 4,
  activityInRecordSizeMax: 512,
  /** Children one actor may have at once, and how many children and activities are worth a word to the logger. */
  childrenMax: 10_000,
  childrenWarned: 500,
  /** Items of a fan-out that are under way at once. */
  fanOutConcurrencyMax: 1_000,
  /** Items of a fan-out whose outputs are given to its parent as one. */
  inlineResultsMax: 1_000,
  /** Items that are machines begin so many at a time, so that others get their turns however soon they end. */
  itemsInRowMax: 64,
  /** Ends of items of a fan-out that are one step, and undos of items that are deferred in one. */
  itemsPerStepMax: 256,
  /** Entries in the ledger of one actor: it is in memory with its actor, and unwinding lists all of them. */
  ledgerMax: 2_000,
  /** How many of them that are over leave at once when there is no more room. */
  ledgerRoom: 100,
  /** Entries in the ledger of a fan-out. */
  undoableItemsMax: 100_000,
  /** Entries of a fan-out's ledger that are looked at: with more of them the oldest rest, until these are half as many. */
  undosAwakeMax: 512,
  /** Entries of ledgers as listed by `describe`. */
  ledgerShownMax: 2_000,
  /** How long an unwinding waits for what is in flight before that counts as unknown. */
  settleMs: 10_000,
  /** The time an unwinding has as a whole; what is left then is deferred. */
  compensationBudgetMs: 3_600_000,
  /** A full snapshot is written into the journal every so many records, so that time travel folds a bounded number. */
  journalSnapshotInterval: 256,
  /** Records in one actor's journal, looked at as often: the oldest leave, but for the first. */
  journalRecordsMax: 10_000,
  /** Records that leave a journal with one step at most; more than {@link limits.journalSnapshotInterval}, so that it is caught up with. */
  journalForgottenMax: 512,
  /** Children that are over, as listed by `describe`. */
  closedChildrenShownMax: 1_000,
  /** Items of the queue as listed by `describe`. */
  queueItemsShownMax: 1_000,
  /** Records returned by one call of `history`. */
  historyPageMax: 1_000,
  /** Workflows in one page of a list. */
  listPageMax: 1_000,
  listPageDefault: 100,
  /** Workflows looked at for one page of a list; a page that found too few of them by then is handed out as it is. */
  listScanMax: 10_000,
  /** Workflows, or rows of counts, looked at for one count; it says if it stopped here. */
  countScanMax: 100_000,
  /** State values whose parts are remembered: charts have few, and a step that changes the state needs two of them. */
  statesRememberedMax: 10_000,
  /** Counts kept in memory beyond those of every machine: others are read again when they change. */
  countsInMemoryMax: 1_000,
  /** Messages waiting in front of one actor, in memory and in its stored mailbox each; one more is refused with `MAILBOX_FULL`. */
  mailboxMax: 10_000,
  /** Actors kept in memory; beyond it the longest idle ones are passivated. */
  residentsMax: 10_000,
  /** Attempts running at once; further activities wait for a place. */
  concurrentAttemptsMax: 10_000,
  /** Activities waiting for a place that are listed in memory; further ones are found again in the store. */
  waitingActivitiesMax: 100_000,
  /** Details of heartbeats are written at most once in half the heartbeat time-out, within these bounds. */
  heartbeatRecordMsMin: 1_000,
  heartbeatRecordMsMax: 10_000,
  /** A note or a name given with what is done by hand, in characters. */
  noteCharactersMax: 2_000,
  /** Rows of a stored mailbox that are applied before others get a turn. */
  mailPerTurn: 64,
  /** Rows of a deleted workflow, or forgotten message ids, that go in one batch. */
  erasedPerBatchMax: 1_000,
  /** How far apart the passes are that delete workflows after their retention. */
  retentionIntervalMinMs: 1_000,
  retentionIntervalMaxMs: 300_000,
  /** How often they look again at those that could not be deleted. */
  retentionRestartMs: 3_600_000,
  /** Compacted is when so many were deleted, for each that is left. */
  retentionCompactedShare: 0.25,
  /** How far apart at least the store is looked through for message ids to forget. */
  forgettingIntervalMs: 60_000,
  /** Steps taken in one unit; what is still to be said between the actors of a workflow then waits in its mailbox. */
  stepsPerUnitMax: 128,
  /** Letters one actor handles before the others get a turn. */
  lettersPerTurn: 16,
  /** Units of one workflow that may be decided and not yet on disk before it waits, up to a turn more: a part of a batch. */
  uncommittedMax: 32,
  /** Payloads of the commits in one batch, roughly; one commit alone may be larger. */
  batchBytesMax: 1_048_576,
  /** Commits that are not held back to see whether more come: while they are being synced, the next are decided. */
  flushCommitsMin: 48,
  /** Commits in one batch. */
  batchCommitsMax: 256,
  /** Messages that one consumer of the outbox is given at once, each of another workflow. */
  outboxConcurrentMax: 32,
  /** Messages that wait in memory for one consumer, by number and by the size of their events; further ones wait on disk. */
  outboxInMemoryMax: 1_000,
  outboxBytesInMemoryMax: 8_388_608,
  /** Entries of the outbox read at once. */
  outboxPageMax: 100,
  /** Messages of one workflow that stands aside read at once. */
  outboxLanePageMax: 16,
  /** Workflows whose message failed and is to be tried again, for one consumer; while there are as many nothing else is begun. */
  outboxRetryingMax: 256,
  /** Workflows and messages that stand aside for one consumer, poison most of all; while there are as many nothing else is begun. */
  outboxAsideMax: 10_000,
  /** What is delivered is written down after so many messages, or this long after the first of them: a crash delivers them again. */
  outboxUnwrittenMax: 256,
  outboxWriteDelayMs: 100,
  /** Undelivered messages that are counted one by one for `lag`. */
  outboxCountMax: 10_000,
  /** How long an outbox that could not be read is left alone. */
  outboxPauseMs: 1_000,
  /** How much of the end of a file of messages is read to find out what it has. */
  outboxFileTailBytes: 1_048_576,
  /** Message ids that a file of messages remembers. */
  outboxFileIdsMax: 10_000,
  /** Rows fetched by one page of a scan at open or by the timer queue. */
  scanPageMax: 1_000,
  /** Timers due within this window are kept in memory; later ones stay on disk until it reaches them. */
  timerWindowMs: 60_000,
  /** Timers in memory at most; when more are due within the window, the later ones wait on disk for their turn. */
  timersInMemoryMax: 100_000,
  /** How far apart the wall clock is looked at while timers wait, so that a clock stepped forward is noticed. */
  clockCheckMs: 1_000,
  /** How often new files of the database are looked for, which others must not read. */
  fileModesCheckMs: 1_000,
  /** How often the event loop is looked at. */
  loopCheckMs: 100,
  /** An event loop that is this late was blocked: somebody is told. */
  loopLagMs: 200,
  /** The longest synchronous slice of work before the event loop gets a turn. */
  sliceMs: 5,
  /** How long `close` waits for running attempts after aborting them. */
  closeGraceMs: 5_000,
  /** How long a store that failed is left alone before it is opened again; doubled each time in a row. */
  reopenDelayMs: 100,
  /** The longest of these delays. */
  reopenDelayMaxMs: 2_000,
  /** A store that held for this long begins with the shortest delay again. */
  reopenCalmMs: 10_000,
  /** Deaths of the process in a row at which a workflow was in flight, after which it is not run any more. */
  crashLoopDeathsMax: 3,
  /** A process that lived for this long is no part of a crash loop. */
  crashLoopCalmMs: 600_000,
  /** How far apart those attempts begin that were in flight at all but one of these deaths. */
  lastChanceMs: 200,
  /** How long it takes at most until all of them have begun. */
  lastChancesMs: 20_000,
  /** How long after everything pending was taken up a boot counts as over: what is due at once has begun by then. */
  bootCalmMs: 50,
  /** Workflows that a boot after one that died goes through one at a time; more are gone through in as many groups. */
  bootNamesMax: 64,
  /** Free space on the store's disk below which nothing is started; what is under way goes on. */
  freeSpaceFloorBytes: 67_108_864,
  /** For how long a measurement of the free space holds. */
  spaceCheckMs: 1_000,
  /** A file that holds room on the disk, to be deleted when it is full. */
  reserveBytes: 16_777_216,
  /** Room that opening a store needs besides what its log becomes. */
  reopenSpaceBytes: 1_048_576,
  /** A batch that takes longer to sync than this makes the runtime refuse starts until the disk has caught up. */
  slowSyncMs: 1_000,
  /** How often a process that waits for a locked store looks again. */
  lockPollMs: 200,
  /** The age from which on what says that a process is opening a store was left behind by one that died doing so. */
  forgottenClaimMs: 86_400_000,
} as const;
