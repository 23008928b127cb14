/** Values on their way back from disk. */
import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import { isJsonArray, typeKey } from './value-encoding.ts';

/** Makes of a stored reference to an actor something a chart can send to. */
export type References = (sessionId: string, id: string) => object;

/**
 * The value that {@link encodeValue} was given, as far as it survives: class prototypes of errors do not.
 *
 * @param references for values that go into a chart; without it a reference to an actor is shown as plain data
 */
export function decodeValue(json: Json, references: References = showReference): unknown {
  if (json === null || typeof json !== 'object') return json;
  if (isJsonArray(json)) return json.map((item) => decodeValue(item, references));
  if (Object.hasOwn(json, typeKey)) return decodeTagged(json, references);
  return decodeEntries(Object.entries(json), references);
}

function showReference(sessionId: string, id: string): object {
  return { actor: id, address: sessionId };
}

function decodeTagged(json: { readonly [key: string]: Json }, references: References): unknown {
  const value = json['value'] ?? null;
  switch (json[typeKey]) {
    case 'undefined':
      return undefined;
    case 'number':
      return value === '-0' ? -0 : Number(value);
    case 'bigint':
      return BigInt(value as string);
    case 'Date':
      return new Date(decodeValue(value, references) as number);
    case 'Map':
      return new Map(decodeValue(value, references) as [unknown, unknown][]);
    case 'Set':
      return new Set(decodeValue(value, references) as unknown[]);
    case 'bytes':
      return Uint8Array.from(atob(value as string), (character) => character.charCodeAt(0));
    case 'Error':
      return decodeError(json, references);
    case 'ActorRef':
      return references(value as string, json['id'] as string);
    case 'Object':
      return decodeEntries(value as unknown as [string, Json][], references); // as `encodePlain` wrote it
    default:
      throw new PerdureError('RECORD_DAMAGED', `A stored value has the unknown type ${JSON.stringify(json[typeKey])}.`, {
        key: typeKey,
        reason: 'unknown type of value',
      });
  }
}

function decodeError(json: { readonly [key: string]: Json }, references: References): Error {
  const message = json['message'] as string;
  const errors = json['errors'];
  const error = errors === undefined ? new Error(message) : new AggregateError(decodeValue(errors, references) as unknown[], message);
  const restore = (key: string, value: unknown, enumerable: boolean): void => {
    Object.defineProperty(error, key, { value, enumerable, configurable: true, writable: true });
  };
  if (error.name !== json['name']) restore('name', json['name'], false);
  restore('stack', json['stack'], false);
  if (json['cause'] !== undefined) restore('cause', decodeValue(json['cause'], references), false);
  for (const [key, value] of (json['own'] ?? []) as unknown as [string, Json][]) restore(key, decodeValue(value, references), true); // as `encodeError` wrote it
  return error;
}

/** Assigning `__proto__` would set a prototype, so a key of that name is defined instead. */
function decodeEntries(entries: readonly (readonly [string, Json])[], references: References): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [key, item] of entries) {
    const value = decodeValue(item, references);
    if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
    else object[key] = value;
  }
  return object;
}
