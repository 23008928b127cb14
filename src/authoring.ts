/** The authoring door: what a machine's file imports. Runs anywhere XState does, also in a browser. */
export { activity, implement } from './kernel/activity.ts';
export { compensation } from './kernel/xstate-compensation.ts';
export type { CompensationLogic } from './kernel/xstate-compensation.ts';
export { fanOut } from './kernel/xstate-fan-out.ts';
export type { FanOutLogic, FanOutMark, FanOutOutput, SourcePage, SourceQuestion } from './kernel/xstate-fan-out.ts';
export type { FanOutOptions, FanOutPlan } from './kernel/fan-out-plan.ts';
export type { CompensationOutput } from './kernel/volatile-ledger.ts';
export type { ActivityLogic, ActivityOptions } from './kernel/activity.ts';
export type { RateLimitOptions } from './kernel/activity-bounds.ts';
export type { AbortReason, ActivityDescriptor, ActivityScope, RateLimit, UndoDescriptor, UndoScope } from './kernel/activity-descriptor.ts';
export type { Duration } from './kernel/duration.ts';
export type { RetryOptions, RetryPolicy } from './kernel/retry-policy.ts';
export { checkMachine } from './kernel/check-machine.ts';
export type { MachineFinding, MachineFindingCode } from './kernel/machine-finding.ts';
export { child } from './kernel/child.ts';
export type { ParentClosePolicy } from './kernel/birth.ts';
export type { UndoOptions } from './kernel/undo-options.ts';
