/** The main door: authoring, and the runtime on a local store. */
export { activity, checkMachine, child, compensation, fanOut, implement } from './authoring.ts';
export type {
  AbortReason,
  ActivityDescriptor,
  ActivityLogic,
  ActivityOptions,
  ActivityScope,
  CompensationLogic,
  CompensationOutput,
  Duration,
  FanOutLogic,
  FanOutMark,
  FanOutOptions,
  FanOutOutput,
  SourcePage,
  SourceQuestion,
  FanOutPlan,
  MachineFinding,
  MachineFindingCode,
  ParentClosePolicy,
  RateLimit,
  RateLimitOptions,
  RetryOptions,
  RetryPolicy,
  UndoDescriptor,
  UndoOptions,
  UndoScope,
} from './authoring.ts';
export { closeOnSignals } from './hosts/local/close-on-signals.ts';
export type { CloseOnSignalsOptions } from './hosts/local/close-on-signals.ts';
export { jsonLinesFile } from './hosts/local/json-lines-file.ts';
export { openReader, openRuntime } from './hosts/local/open-runtime.ts';
export type { OnDefinitionChange } from './kernel/machine-registry.ts';
export type { ClosableReader } from './hosts/local/open-runtime.ts';
export type { OpenRuntimeOptions } from './hosts/local/open-options.ts';
export type { RetentionOptions } from './kernel/retention.ts';
export type { CountGroup, CountOptions, WorkflowCount, WorkflowGroups } from './kernel/count-query.ts';
export type { CompensationStatus, LedgerEntryDescription } from './kernel/describe-ledger.ts';
export type { FanOutDescription, ItemResult, ItemResults, ResultsOptions } from './kernel/fan-out-results.ts';
export type { FailedItem } from './kernel/item-record.ts';
export type { ActivityDescription, ChildDescription, TimerDescription, WorkflowDescription } from './kernel/describe.ts';
export { hasErrorCode, PerdureError, WorkflowFailedError } from './kernel/errors.ts';
export type { PerdureErrorCode, PerdureErrorDetails } from './kernel/errors.ts';
export type { FailureRecord } from './kernel/failure-record.ts';
export type { TimeRange, WorkflowFilter } from './kernel/list-filter.ts';
export type { ListOptions, ListSort, WorkflowList } from './kernel/list-query.ts';
export type { ListedWorkflow } from './kernel/listing.ts';
export type { Logger } from './kernel/logger.ts';
export type { HistoryEntry } from './kernel/history.ts';
export type { JournalOutcome, ParkReason, WorkflowStatus } from './kernel/record.ts';
export type { QueueActName } from './kernel/queue-acts.ts';
export type { QueueDescription, QueueItem, QueueItemDetails } from './kernel/queue-item.ts';
export type { QueueCountGroup, QueueCountOptions, QueueFilter, QueueListOptions } from './kernel/queue-query.ts';
export type { QueueCause, QueueKind } from './kernel/queue-record.ts';
export type { StartPolicy } from './kernel/start-policy.ts';
export type { SendResult } from './kernel/signal.ts';
export type { Activities, ActivityUpdate, ByHandOptions } from './runtime/activity-control.ts';
export type { Queue, QueueActOptions, RetryActOptions, SettleOptions } from './runtime/queue-control.ts';
export type { QueueList, QueueReader } from './runtime/queue-view.ts';
export type { HistoryOptions, Reader } from './runtime/reader.ts';
export type { OutboxConsumer, OutboxConsumerOptions, OutboxHandler, OutboxMessage } from './kernel/outbox-consumer.ts';
export type { Outbox, OutboxLag } from './runtime/outbox-door.ts';
export type { ActOptions, Runtime, RuntimeHealth, SignalWithStartOptions, StartOptions } from './runtime/runtime-door.ts';
export type { EndOptions } from './kernel/ending.ts';
export type { SendOptions, SubscriptionObserver, WaitOptions, WorkflowHandle } from './runtime/workflow-handle.ts';
