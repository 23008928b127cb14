import type { ParentClosePolicy } from './birth.ts';
import { checkOptions } from './options.ts';
import { formatValue } from './value-encoding.ts';

const policyKey: unique symbol = Symbol.for('perdure.parentClosePolicy') as never;
const policies: readonly unknown[] = ['request-cancel', 'terminate', 'abandon'] satisfies readonly ParentClosePolicy[];

/** What a machine needs to be copied: structural, so that this file knows no more of XState. */
interface Copyable {
  provide(implementations: Record<never, never>): unknown;
}

/**
 * A machine to be invoked or spawned as a child, with what becomes of it when its parent closes or leaves the state that invoked
 * it. Without this a child is asked to cancel.
 *
 *     setup({ actors: { shipping: child(shipping, { parentClosePolicy: 'abandon' }) } })
 *
 * @throws TypeError if the first argument is no machine, or the policy is none
 */
export function child<Machine extends Copyable>(machine: Machine, options: { readonly parentClosePolicy: ParentClosePolicy }): Machine {
  if (typeof (Object(machine) as Partial<Copyable>).provide !== 'function') {
    throw new TypeError(`child() takes a machine as its first argument; found ${formatValue(machine)}.`);
  }
  checkOptions<typeof options>(options, 'child', { parentClosePolicy: true }, "{ parentClosePolicy: 'abandon' }");
  const policy: unknown = options.parentClosePolicy;
  if (!policies.includes(policy)) {
    throw new TypeError(`child(): parentClosePolicy must be 'request-cancel', 'terminate' or 'abandon'; found ${formatValue(policy)}.`);
  }
  // A copy: the same machine may be a child elsewhere, on other terms.
  return Object.assign(machine.provide({}) as Machine, { [policyKey]: policy });
}

export function parentClosePolicyOf(logic: unknown): ParentClosePolicy {
  return (logic as { readonly [policyKey]?: ParentClosePolicy })[policyKey] ?? 'request-cancel';
}
