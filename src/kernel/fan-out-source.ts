/** The pages of items that a fan-out reads from a source, where it is not given all of them at once. The source is an activity of its own. */
import type { Actor } from './actor.ts';
import type { Draft } from './draft.ts';
import { scheduleAttempts } from './draft.ts';
import { sourceInvalid, sourceStuck, sourceTooLarge } from './engine-errors.ts';
import type { FanOutRows, PageRecord } from './item-record.ts';
import type { Json } from './json.ts';
import type { Reaction } from './reaction.ts';
import type { RegisteredActivity } from './registered-machine.ts';
import { decodeValue } from './value-decoding.ts';
import { encodePayload } from './value-encoding.ts';
import type { FanOutProgress, SourceState } from './xstate-fan-out.ts';
import { isEnd, isStuck } from './source-cursor.ts';

/** The name of the source among the actors of a fan-out, and its id. */
export const pagesSource = 'source';

/** What an attempt to read a page came to, for good. */
export type PageRead =
  | { readonly kind: 'page'; readonly n: number; readonly inputs: readonly Json[]; readonly next: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };

/** The page that is being read, if one is. */
export function readerOf({ activities }: Pick<Actor, 'activities'>): number | undefined {
  for (const { n, src } of activities.values()) if (src === pagesSource) return n;
  return undefined;
}

/**
 * @param output of the source, if it is no failure that is heard of
 * @param asked the cursor that it was asked with
 */
export function pageOf(n: number, { event }: Extract<Reaction, { kind: 'deliver' }>, output: Json | undefined, asked: unknown): PageRead {
  if (output === undefined) return { kind: 'failed', error: (event as { readonly error?: unknown }).error };
  const { items, next } = Object(output) as { readonly items?: Json; readonly next?: Json };
  if (!Array.isArray(items)) return { kind: 'failed', error: sourceInvalid(decodeValue(output)) };
  const following = next === undefined ? undefined : decodeValue(next);
  if (isStuck(asked, following)) return { kind: 'failed', error: sourceStuck(following) };
  return { kind: 'page', n, inputs: items as readonly Json[], next: following };
}

/** Where the source is after a page. */
export function sourceAfter(before: SourceState | null, page: PageRead | undefined): SourceState | null {
  if (before === null || page?.kind !== 'page') return before;
  return isEnd(page.next) ? null : { ...before, next: page.next };
}

/** Keeps a page until its items have begun. */
export function keepPage(draft: Draft, { n, inputs }: Extract<PageRead, { kind: 'page' }>, first: number): void {
  if (inputs.length === 0) return;
  const page: PageRecord = { n, first, inputs };
  const rows = draft.fanOut as FanOutRows; // every fan-out has them from its first step on
  draft.pagesPut.push(page);
  draft.fanOut = { ...rows, pages: [...rows.pages, page] };
}

/** Whether the next page is asked for: as soon as what waits is less than may run at once. */
export function isToRead(concurrency: number, { source, total, begun }: FanOutProgress, isReading: boolean): boolean {
  return source !== null && !isReading && total - begun < concurrency;
}

/** Why what is asked next cannot be kept; a source tells where it is in a few words. */
export function problemOfReading({ input, next }: SourceState, progress: FanOutProgress): Error | undefined {
  try {
    encodePayload({ input, cursor: next }, 'input of the source');
    encodePayload({ ...progress, output: null }, 'context of the fan-out');
    return undefined;
  } catch (error) {
    return sourceTooLarge(error);
  }
}

export function readPage(draft: Draft, { input, next }: SourceState): void {
  draft.counters.child += 1;
  const asked = encodePayload({ input, cursor: next }, 'input of the source');
  const registered = draft.machine.activities.get(pagesSource) as RegisteredActivity; // it has one: it was asked before
  scheduleAttempts(draft, { n: draft.counters.child, childId: pagesSource, src: pagesSource, input: asked }, registered);
}
