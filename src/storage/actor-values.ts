/** Actors as they are written: lists without anything in them are left out, as most of them are. */
import type { Address } from '../kernel/address.ts';
import type { ActorRecord } from '../kernel/record.ts';
import type { Codec } from './codec.ts';

type Counted = 'timers' | 'activities' | 'children';

/** What stands behind the key of an actor. */
export type WrittenActor = Omit<ActorRecord, 'address' | Counted> & { readonly [Name in Counted]?: ActorRecord[Name] };

/** What it says, with what was left out. */
export type ActorValue = Omit<ActorRecord, 'address'>;

/** @throws PerdureError `RECORD_DAMAGED` */
export function decodeActor(codec: Codec, key: Uint8Array, bytes: Uint8Array): ActorValue {
  // What was decoded belongs to nobody yet: completing it is cheaper than copying it.
  const found = codec.decode(key, bytes) as { -readonly [Name in keyof WrittenActor]: WrittenActor[Name] };
  found.timers ??= [];
  found.activities ??= [];
  found.children ??= 0;
  return found as ActorValue;
}

/** @param address known from the key */
export function actorRecordOf(codec: Codec, address: Address, key: Uint8Array, bytes: Uint8Array): ActorRecord {
  return Object.assign(decodeActor(codec, key, bytes), { address });
}
