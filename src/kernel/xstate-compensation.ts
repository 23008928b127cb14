/** `compensation` as actor logic: what a chart invokes to have its ledger unwound. */
import { fromPromise } from 'xstate';
import type { PromiseActorLogic } from 'xstate';

/** What an unwinding came to: activities by their names, children by the names their parent's chart has their logic under. */
export interface CompensationOutput {
  readonly undone: readonly string[];
  /** Those whose undo failed for good: people are asked. */
  readonly deferred: readonly string[];
}

const compensationKey: unique symbol = Symbol.for('perdure.compensation') as never;

/** The mark is optional in the type: a required member would make `provide()` refuse replacements. */
export interface CompensationLogic extends PromiseActorLogic<CompensationOutput, undefined> {
  readonly [compensationKey]?: true;
}

/**
 * Undoes what the activities of the machine that invokes it have done, newest completion first, and waits for what is in flight before
 * that. It never fails: an undo that fails for good is listed as deferred, and older ones still run.
 */
export const compensation: CompensationLogic = Object.assign(
  fromPromise<CompensationOutput, undefined>(async () => Promise.resolve({ undone: [], deferred: [] })),
  { [compensationKey]: true as const },
);

export function isCompensation(logic: unknown): boolean {
  return (Object(logic) as { readonly [compensationKey]?: true })[compensationKey] === true;
}
