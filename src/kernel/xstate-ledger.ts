/** Whose undos an activity under a plain `createActor` is among: those of the actor that invoked or spawned it. */
import type { AnyActorRef } from 'xstate';
import { VolatileLedger } from './volatile-ledger.ts';

/** By the actor whose ledger it is, which is gone with its system. */
const ledgers = new WeakMap<AnyActorRef, VolatileLedger>();

/** The ledger that an activity or a `compensation` belongs to; undefined for one that was created on its own. */
export function ledgerAbove(self: AnyActorRef): VolatileLedger | undefined {
  const parent = parentOf(self);
  return parent === undefined ? undefined : ledgerOf(parent);
}

/** The name under which its parent's chart has its logic, or its id if that was written in place. */
export function nameInChart({ src, id }: AnyActorRef): string {
  return typeof src === 'string' && !src.startsWith('xstate.invoke.') ? src : id;
}

function ledgerOf(actor: AnyActorRef): VolatileLedger {
  const known = ledgers.get(actor);
  if (known !== undefined) return known;
  const ledger = new VolatileLedger();
  ledgers.set(actor, ledger);
  const parent = parentOf(actor);
  if (parent !== undefined) {
    const end = ledgerOf(parent).adopt(nameInChart(actor), ledger);
    actor.subscribe({ complete: end, error: end });
  }
  return ledger;
}

/** Private to XState, like what the seam uses: nothing public says who invoked an actor. */
function parentOf(actor: AnyActorRef): AnyActorRef | undefined {
  return actor._parent;
}
