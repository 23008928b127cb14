import type { FailureRecord } from './failure-record.ts';

/** What each error code carries in `details`. The codes are stable: programs may rely on them, on messages they may not. */
export interface PerdureErrorDetails {
  readonly WORKFLOW_NOT_FOUND: { readonly id: string };
  readonly WORKFLOW_CLOSED: { readonly id: string; readonly status: string };
  readonly WORKFLOW_EXISTS: { readonly id: string; readonly status: string; readonly reason: 'machine' | 'input' | 'policy' };
  readonly WORKFLOW_PARKED: { readonly id: string; readonly reason: string };
  readonly WORKFLOW_NOT_PARKED: { readonly id: string; readonly status: string };
  readonly WORKFLOW_OPEN: { readonly id: string; readonly status: string };
  readonly WORKFLOW_FAILED: { readonly id: string; readonly status: string; readonly failure: FailureRecord };
  readonly ID_INVALID: { readonly reason: string };
  readonly EVENT_NOT_ACCEPTED: { readonly id: string; readonly type: string; readonly accepts: readonly string[] };
  readonly EVENT_TYPE_RESERVED: { readonly type: string };
  readonly MAILBOX_FULL: { readonly id: string; readonly max: number };
  readonly PAYLOAD_TOO_LARGE: { readonly path: string; readonly bytes: number; readonly max: number };
  readonly PAYLOAD_NOT_SERIALIZABLE: { readonly path: string; readonly found: string };
  readonly PAYLOAD_TOO_DEEP: { readonly path: string; readonly max: number };
  readonly MACHINE_NOT_REGISTERED: { readonly machine: string; readonly version: string };
  readonly MACHINE_DUPLICATE: { readonly machine: string; readonly version: string };
  readonly MACHINE_INVALID: { readonly machine: string; readonly problems: readonly string[] };
  readonly QUEUE_ITEM_NOT_FOUND: { readonly item: string };
  /** `acts`: those that the item knows now; `accepts`: for a decision, the event types by one of which it is made. */
  readonly QUEUE_ACT_NOT_ALLOWED: {
    readonly item: string;
    readonly act: string;
    readonly acts: readonly string[];
    readonly accepts?: readonly string[];
  };
  readonly ACTIVITY_NOT_FOUND: { readonly id: string; readonly n: number };
  readonly ATTEMPT_NOT_AWAITED: { readonly id: string; readonly n: number; readonly attempt: number };
  /** `unreadable`: it is no cursor, or not as it was given; `other-list`: it was given for another filter, sort or order. */
  readonly CURSOR_INVALID: { readonly reason: 'unreadable' | 'other-list' };
  readonly INDEX_DAMAGED: { readonly reason: string };
  readonly CONSUMER_NOT_FOUND: { readonly name: string; readonly known: readonly string[] };
  readonly CONSUMER_REGISTERED: { readonly name: string };
  readonly TOKEN_INVALID: Record<never, never>;
  readonly DURABLE_HOST_NEEDED: { readonly activity: string };
  readonly IMPLEMENTATION_MISSING: { readonly missing: readonly string[] };
  readonly DEFINITION_CHANGED: { readonly machine: string; readonly version: string; readonly differences: readonly string[] };
  readonly STEP_FAILED: { readonly id: string; readonly failure: FailureRecord };
  readonly DELAY_INVALID: { readonly state: string; readonly delay: string };
  readonly LIMIT_EXCEEDED: { readonly limit: string; readonly max: number };
  readonly STORE_NOT_FOUND: { readonly path: string };
  readonly STORE_LOCKED: { readonly path: string; readonly holder: string };
  readonly STORE_UNAVAILABLE: { readonly path: string };
  readonly STORE_SLOW: { readonly path: string; readonly sinceMs: number };
  readonly STORE_SPACE_LOW: { readonly path: string; readonly freeBytes: number; readonly floorBytes: number };
  readonly STORE_DAMAGED: { readonly path: string };
  readonly STORE_FORMAT_UNSUPPORTED: { readonly path: string; readonly format: number; readonly supported: number };
  readonly RECORD_DAMAGED: { readonly key: string; readonly reason: string };
  readonly RUNTIME_CLOSED: Record<never, never>;
  readonly WAIT_TIMEOUT: { readonly id: string; readonly timeoutMs: number };
  readonly WAIT_ENDED: { readonly id: string; readonly status: string };
  readonly XSTATE_UNSUPPORTED: { readonly finding: string };
}

/** Stable words for what went wrong. */
export type PerdureErrorCode = keyof PerdureErrorDetails;

/** Every error Perdure raises about workflows, machines and stores. Wrong use of the API itself is a `TypeError`. */
export class PerdureError<Code extends PerdureErrorCode = PerdureErrorCode> extends Error {
  override readonly name: string = 'PerdureError';
  /** The stable word for it. */
  readonly code: Code;
  /** Data to it, by code. */
  readonly details: PerdureErrorDetails[Code];

  constructor(code: Code, message: string, details: PerdureErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** What `result()` rejects with when a workflow ended `failed`, `cancelled` or `terminated`. */
export class WorkflowFailedError extends PerdureError<'WORKFLOW_FAILED'> {
  override readonly name = 'WorkflowFailedError';
  /** The failure as it is kept with the workflow: class, message, activity, state, attempt. */
  readonly failure: FailureRecord;

  constructor(id: string, status: string, failure: FailureRecord) {
    super('WORKFLOW_FAILED', `Workflow "${id}" ended ${status}: ${failure.class}: ${failure.message}`, { id, status, failure });
    this.failure = failure;
  }
}

/** True for an error of Perdure with the given code; narrows `details`. */
export function hasErrorCode<Code extends PerdureErrorCode>(error: unknown, code: Code): error is PerdureError<Code> {
  return error instanceof PerdureError && error.code === code;
}
