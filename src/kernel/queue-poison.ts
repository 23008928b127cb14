/** The event that made a chart throw, as an item of the queue. */
import type { Address } from './address.ts';
import type { Envelope } from './envelope.ts';
import type { FailureRecord } from './failure-record.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';
import type { ActorRecord, MachineReference, ParkedOnPoison } from './record.ts';

/** @param root address of the root, which is parked on it */
export function poisonItem(
  root: Address,
  poison: ParkedOnPoison,
  envelope: Envelope,
  { machine: { id, version }, failure }: { readonly machine: MachineReference; readonly failure: FailureRecord },
): QueueRecord {
  return { ...placeOf(root, poison), machine: { id, version }, failure, details: { envelope: envelope.kind, ...typeIn(envelope) } };
}

/** Where the item stands of what this workflow is parked on; undefined if it is parked for another reason, or not at all. */
export function poisonPlace({ address, parked }: Pick<ActorRecord, 'address' | 'parked'>): QueuePlace | undefined {
  return parked?.poison === undefined ? undefined : placeOf(address, parked.poison);
}

function placeOf(root: Address, { mail, path, atMs }: ParkedOnPoison): QueuePlace {
  return { kind: 'dead-letter', cause: 'event', address: { ...root, path }, n: mail, atMs };
}

function typeIn(envelope: Envelope): { readonly type?: string } {
  if (!('event' in envelope)) return {};
  return { type: (envelope.event as { readonly type: string }).type };
}
