/**
 * Values on their way to disk; `value-decoding.ts` has the way back. Everything a user hands over is turned into plain JSON data at the door, or refused
 * with the path of what cannot be kept. `Date`, `Map`, `Set`, `BigInt`, `Error`, bytes, `undefined`, `NaN`, infinities and -0
 * survive; they travel as `{ "$type": name, ... }`, and a user's object that has a `$type` key of its own is wrapped likewise.
 */
import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import { roughSize } from './json.ts';
import { limits } from './limits.ts';

type Path = readonly (string | number)[];

/** Marks a value that JSON has no form for. */
export const typeKey = '$type';

/** Ordinary payloads over the limit are encoded whole and measured exactly; beyond this, the walk ends where it is. */
const walkBytesMax = 4 * limits.payloadBytesMax;

/** How much has been encoded so far, at least. Values that share one are bounded together. */
export interface Tally {
  bytes: number;
}

/** A path as people write it: `$.a.b[3]`. */
export function formatPath(root: string, path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return /^[A-Za-z_$][\w$]*$/.test(part) ? `${text}.${part}` : `${text}[${JSON.stringify(part)}]`;
  }, root);
}

/** A value as messages about wrong use name it: text cut to a readable length, and of what is no text or number only its kind. */
export function formatValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/**
 * Encodes a value as plain JSON data that shares nothing with it.
 *
 * Few values may stand for very many: what shares parts with itself is written out once for each place it is at. So the size is
 * counted on the way, and the walk ends as soon as it cannot fit by far.
 *
 * @param root names the value in errors: `$` reads as `$.a.b`
 * @param tally counts this value with others that become one payload with it
 * @throws PerdureError `PAYLOAD_NOT_SERIALIZABLE` for functions, symbols, cycles and class instances, `PAYLOAD_TOO_DEEP`,
 *   `PAYLOAD_TOO_LARGE` for more than four times the limit, with the path where that was reached and the bytes counted by then
 */
export function encodeValue(value: unknown, root = '$', tally: Tally = { bytes: 0 }): Json {
  return encode(value, { root, path: [], open: [], tally });
}

/**
 * Refuses a payload over the limit; `json` must come from {@link encodeValue}.
 *
 * @throws PerdureError `PAYLOAD_TOO_LARGE` with size and path
 */
export function checkSize(json: Json, root: string): void {
  // Each of its characters is at most six bytes, as is what it says of numbers: most payloads are small enough by far.
  if (roughSize(json) * 6 <= limits.payloadBytesMax) return;
  const text = JSON.stringify(json);
  // A UTF-16 unit is at most three bytes of UTF-8: counting exactly is only needed near the limit.
  if (text.length * 3 <= limits.payloadBytesMax) return;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= limits.payloadBytesMax) return;
  const heaviest = heaviestKey(json);
  const path = heaviest === undefined ? root : formatPath(root, [heaviest]);
  throw tooLarge(path, bytes, `${bytes} bytes`);
}

function tooLarge(path: string, bytes: number, size: string): PerdureError {
  const max = limits.payloadBytesMax;
  const message = `${path} makes this payload ${size}, the limit is ${max}. Keep large data elsewhere and pass its address.`;
  return new PerdureError('PAYLOAD_TOO_LARGE', message, { path, bytes, max });
}

/** Encodes and measures in one go: the door every payload comes through. */
export function encodePayload(value: unknown, root: string): Json {
  const json = encodeValue(value, root);
  checkSize(json, root);
  return json;
}

interface Walk {
  readonly root: string;
  readonly path: (string | number)[];
  /** The objects it is in the middle of, one for each level. */
  readonly open: object[];
  readonly tally: Tally;
}

/** Counts what is certain to be written; whatever is walked over takes at least one byte, so that every walk ends. */
function count(walk: Walk, bytes: number): void {
  const { tally } = walk;
  tally.bytes += bytes;
  if (tally.bytes > walkBytesMax) throw tooLarge(formatPath(walk.root, walk.path), tally.bytes, `at least ${tally.bytes} bytes`);
}

function encode(value: unknown, walk: Walk): Json {
  // A UTF-16 unit is at least one byte of UTF-8.
  count(walk, typeof value === 'string' ? value.length + 2 : 1);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return encodeNumber(value);
    case 'undefined':
      return { [typeKey]: 'undefined' };
    case 'bigint':
      return encodeBigint(value, walk);
    case 'object':
      return value === null ? null : encodeObject(value, walk);
    default:
      return refuse(walk, `a ${typeof value}`);
  }
}

function encodeBigint(value: bigint, walk: Walk): Json {
  const digits = value.toString();
  count(walk, digits.length);
  return { [typeKey]: 'bigint', value: digits };
}

function encodeNumber(value: number): Json {
  if (Number.isFinite(value) && !Object.is(value, -0)) return value;
  return { [typeKey]: 'number', value: Object.is(value, -0) ? '-0' : String(value) };
}

function encodeObject(value: object, walk: Walk): Json {
  if (walk.open.includes(value)) return refuse(walk, 'a cycle');
  if (walk.path.length >= limits.payloadDepthMax) {
    const path = formatPath(walk.root, walk.path.slice(0, 5));
    throw new PerdureError('PAYLOAD_TOO_DEEP', `${path}… is nested deeper than ${limits.payloadDepthMax} levels.`, {
      path,
      max: limits.payloadDepthMax,
    });
  }
  walk.open.push(value);
  const json = isPlainArray(value) ? encodeArray(value, walk) : encodeStructure(value, walk);
  walk.open.pop();
  return json;
}

/** A class of its own that extends Array would come back as another kind of thing, so it is refused as any class instance. */
function isPlainArray(value: object): value is readonly unknown[] {
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype;
}

function encodeArray(value: readonly unknown[], walk: Walk): Json {
  return Array.from(value, (item, index) => encodeAt(item, index, walk));
}

function encodeAt(value: unknown, key: string | number, walk: Walk): Json {
  // A comma, and for a name its quotes and colon.
  count(walk, typeof key === 'string' ? key.length + 4 : 1);
  walk.path.push(key);
  const json = encode(value, walk);
  walk.path.pop();
  return json;
}

function encodeStructure(value: object, walk: Walk): Json {
  if (isActorReference(value)) return { [typeKey]: 'ActorRef', value: value.sessionId, id: value.id };
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return encodePlain(value, walk);
  if (prototype === Date.prototype) return { [typeKey]: 'Date', value: encodeNumber((value as Date).getTime()) };
  if (value instanceof Error) return encodeError(value, walk);
  if (prototype === Map.prototype) return { [typeKey]: 'Map', value: encodeArray([...(value as Map<unknown, unknown>)], walk) };
  if (prototype === Set.prototype) return { [typeKey]: 'Set', value: encodeArray([...(value as Set<unknown>)], walk) };
  if (value instanceof Uint8Array) return encodeBytes(value, walk);
  const name = (value.constructor as { name?: unknown } | undefined)?.name;
  return refuse(walk, `an instance of class ${typeof name === 'string' && name !== '' ? name : '(unnamed)'}`);
}

/** Charts keep references to actors in their context and pass them on in events. They are kept as addresses. */
function isActorReference(value: object): value is { readonly sessionId: string; readonly id: string } {
  const { sessionId, id, send, getSnapshot } = value as { readonly [key: string]: unknown };
  return typeof sessionId === 'string' && typeof id === 'string' && typeof send === 'function' && typeof getSnapshot === 'function';
}

function encodeBytes(bytes: Uint8Array, walk: Walk): Json {
  count(walk, Math.ceil(bytes.length / 3) * 4);
  return { [typeKey]: 'bytes', value: toBase64(bytes) };
}

function encodePlain(value: object, walk: Walk): Json {
  const symbol = Object.getOwnPropertySymbols(value).find((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  if (symbol !== undefined) return refuse(walk, `the symbol key ${String(symbol)}`);
  const fields = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(value);
  if (Object.hasOwn(value, typeKey)) return { [typeKey]: 'Object', value: keys.map((key) => [key, encodeAt(fields[key], key, walk)]) };
  const json: Record<string, Json> = {};
  for (const key of keys) setOwn(json, key, encodeAt(fields[key], key, walk));
  return json;
}

/** Assigning `__proto__` would set a prototype. */
export function setOwn(target: Record<string, Json>, key: string, value: Json): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

/** Own data of an error only: an error that carries what cannot be kept loses that, not its name and message. */
function encodeError(error: Error, walk: Walk): Json {
  const name = String(error.name);
  const message = String(error.message);
  const stack: unknown = error.stack;
  const parts: Record<string, Json> = { [typeKey]: 'Error', name, message };
  count(walk, name.length + message.length);
  if (typeof stack === 'string') {
    parts['stack'] = stack;
    count(walk, stack.length);
  }
  if (Object.hasOwn(error, 'cause')) parts['cause'] = encodeAt(error.cause, 'cause', walk);
  if (error instanceof AggregateError) parts['errors'] = encodeAt(error.errors, 'errors', walk);
  const own = Object.entries(error).filter(([key]) => !['name', 'message', 'stack', 'cause', 'errors'].includes(key));
  if (own.length > 0) parts['own'] = own.map(([key, item]) => [key, encodeAt(item, key, walk)]);
  return parts;
}

function refuse(walk: Walk, found: string): never {
  const path = formatPath(walk.root, walk.path);
  throw new PerdureError(
    'PAYLOAD_NOT_SERIALIZABLE',
    `${path} is ${found}, which cannot be stored. Pass plain data: JSON values, Date, Map, Set, BigInt, Error or bytes.`,
    { path, found },
  );
}

/** `Array.isArray` does not narrow a readonly array. */
export function isJsonArray(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function heaviestKey(json: Json): string | number | undefined {
  // A tagged value has no keys of the user's.
  if (json === null || typeof json !== 'object' || Object.hasOwn(json, typeKey)) return undefined;
  let [heaviest, most] = ['', -1];
  for (const [key, item] of Object.entries(json)) {
    const size = JSON.stringify(item).length;
    if (size > most) [heaviest, most] = [key, size];
  }
  return isJsonArray(json) ? Number(heaviest) : heaviest;
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
