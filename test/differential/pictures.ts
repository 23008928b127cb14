/** Pictures of actors that can be compared: plain data, whoever runs the actor. */
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import type { ChildPicture, Facts, Picture } from './differential-case.ts';
import type { Outside } from './outside.ts';

interface ChildReference {
  readonly id: string;
  readonly sessionId: string;
  getSnapshot(): unknown;
}

interface AnySnapshot {
  readonly status: string;
  readonly value?: unknown;
  readonly context?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly children?: Readonly<Record<string, ChildReference | undefined>>;
}

export function pictureOf(snapshot: AnyMachineSnapshot, emitted: readonly EventObject[], outside: Outside): Picture {
  const picture = describeSnapshot(snapshot);
  return {
    ...picture,
    value: picture.value,
    context: picture.context,
    tags: [...snapshot.tags].sort(),
    children: picture.children ?? {},
    emitted: emitted.map((event) => plain(event) as EventObject),
    acts: plain(outside.acts) as Picture['acts'],
    lives: [...outside.lives],
  };
}

/** What is there at the end, in the form of facts. */
export function factsOf(picture: Picture): Facts & Picture {
  return { ...picture, childIds: Object.keys(picture.children).sort() };
}

function describeSnapshot({ status, value, context, output, error, children }: AnySnapshot): ChildPicture {
  return {
    status,
    value: plain(value),
    context: plain(context),
    output: plain(output),
    error: plain(error),
    ...(children === undefined || status !== 'active' ? {} : { children: describeChildren(children) }),
  };
}

/** Ids that XState made up are numbered by place: they count all actors of a process. */
function describeChildren(children: Readonly<Record<string, ChildReference | undefined>>): Record<string, ChildPicture> {
  const present = Object.values(children).filter((child) => child !== undefined);
  const named = present.map((child, index): [string, ChildPicture] => {
    const id = child.id === child.sessionId ? `(automatic ${index})` : child.id;
    return [id, describeSnapshot(child.getSnapshot() as AnySnapshot)];
  });
  return Object.fromEntries(named.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** References by their id, errors by what survives a restart; everything else as it is. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [plain(key), plain(item)]));
  if (value instanceof Set) return new Set([...value].map(plain));
  if (isReference(value)) return { reference: value.id === value.sessionId ? '(automatic)' : value.id };
  const own = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value instanceof Error ? { ...own, name: value.name, message: value.message } : own;
}

function isReference(value: object): value is ChildReference {
  return 'sessionId' in value && 'getSnapshot' in value;
}
