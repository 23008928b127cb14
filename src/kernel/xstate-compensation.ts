/** `compensation` as actor logic: what a chart invokes to have its ledger unwound. */
import { fromPromise } from 'xstate';
import type { PromiseActorLogic } from 'xstate';
import type { CompensationOutput } from './volatile-ledger.ts';
import { ledgerAbove } from './xstate-ledger.ts';

const compensationKey: unique symbol = Symbol.for('perdure.compensation') as never;

/** The mark is optional in the type: a required member would make `provide()` refuse replacements. */
export interface CompensationLogic extends PromiseActorLogic<CompensationOutput, undefined> {
  readonly [compensationKey]?: true;
}

/**
 * Undoes what the activities of the machine that invokes it have done, newest completion first, and waits for what is in flight before
 * that. It never fails: an undo that fails for good is listed as deferred, and older ones still run.
 *
 * In a plain `createActor` the ledger is in memory, nobody is asked about what is deferred, and only this unwinds: an end does not.
 */
export const compensation: CompensationLogic = Object.assign(
  fromPromise<CompensationOutput, undefined>(async ({ self, signal }) => {
    return ledgerAbove(self)?.unwind(signal) ?? { undone: [], deferred: [] };
  }),
  { [compensationKey]: true as const },
);

export function isCompensation(logic: unknown): boolean {
  return (Object(logic) as { readonly [compensationKey]?: true })[compensationKey] === true;
}
