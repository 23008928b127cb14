/** The event that made a chart throw, as an item of the queue. */
import type { Envelope } from './envelope.ts';
import type { Json } from './json.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';
import type { ActorRecord, MachineReference, ParkedOnPoison } from './record.ts';

/** @param root the record of the root, which is parked on it */
export function poisonItem(root: ActorRecord, envelope: Envelope, { id, version }: MachineReference): readonly QueueRecord[] {
  const place = poisonPlace(root);
  if (place === undefined || root.parked === undefined) return [];
  const { failure } = root.parked;
  return [{ ...place, machine: { id, version }, failure, details: { envelope: envelope.kind, ...typeIn(envelope) } }];
}

/** Where the item stands of what this workflow is parked on; undefined if it is parked for another reason, or not at all. */
export function poisonPlace({ address, parked }: Pick<ActorRecord, 'address' | 'parked'>): QueuePlace | undefined {
  return parked?.poison === undefined ? undefined : placeOf(address, parked.poison);
}

function placeOf(root: ActorRecord['address'], { mail, path, atMs }: ParkedOnPoison): QueuePlace {
  return { kind: 'dead-letter', cause: 'event', address: { ...root, path }, n: mail, atMs };
}

function typeIn(envelope: Envelope): { readonly type?: string } {
  if (!('event' in envelope)) return {};
  const { type } = envelope.event as { readonly type?: Json };
  return typeof type === 'string' ? { type } : {};
}
