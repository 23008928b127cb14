import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import { encodePayload } from './value-encoding.ts';

const reservedPrefixes = ['xstate.', 'workflow.'];

/** Whether nobody but the engine says this to a chart. */
export function isReserved(type: string): boolean {
  return reservedPrefixes.some((prefix) => type.startsWith(prefix));
}

/**
 * Encodes an event from outside. Types that are empty, `*`, or start with `xstate.` or `workflow.` are the engine's: a chart would
 * believe a `xstate.done.actor.…` from anybody.
 *
 * @throws PerdureError `EVENT_TYPE_RESERVED`, `PAYLOAD_…`, or a `TypeError` if it is no event
 */
export function encodeEvent(event: unknown): Json {
  const type = (Object(event) as { readonly type?: unknown }).type;
  if (typeof event !== 'object' || event === null || typeof type !== 'string') {
    throw new TypeError(`An event is an object with a string "type", for example { type: 'GO' }; found ${describe(event)}.`);
  }
  if (type === '' || type === '*' || isReserved(type)) {
    throw new PerdureError('EVENT_TYPE_RESERVED', `Event type ${JSON.stringify(type)} is reserved for the engine; choose another.`, {
      type,
    });
  }
  return encodePayload(event, 'event');
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? 'an object whose type is no string' : `a ${typeof value}`;
}
