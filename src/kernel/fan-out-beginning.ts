/** The items of a fan-out begin: each becomes an activity or a child. */
import { childAddress } from './address.ts';
import type { Draft } from './draft.ts';
import { scheduleAttempts } from './draft.ts';
import { itemSource } from './fan-out-limits.ts';
import type { FanOutRows, PageRecord } from './item-record.ts';
import type { Json } from './json.ts';
import { registerActivity } from './ledger-entries.ts';

/** Begins so many items from this one on, and forgets the pages of which all have begun. */
export function beginItems(draft: Draft, first: number, beginning: number): void {
  const rows = draft.fanOut as FanOutRows; // every fan-out has them from its first step on
  const { pages } = rows;
  for (let item = first; item < first + beginning; item += 1) {
    const page = pages.find((each) => item < each.first + each.inputs.length) as PageRecord; // what did not begin stands in one
    begin(draft, item, page.inputs[item - page.first] as Json);
  }
  const begun = first + beginning - 1;
  const isLeft = (page: PageRecord): boolean => page.first + page.inputs.length - 1 > begun;
  const gone = pages.filter((page) => !isLeft(page));
  if (gone.length === 0) return;
  draft.pagesRemoved.push(...gone.map(({ n }) => n));
  draft.fanOut = { ...rows, pages: pages.filter(isLeft) };
}

function begin(draft: Draft, item: number, input: Json): void {
  draft.counters.child += 1;
  const n = draft.counters.child;
  const childId = String(item);
  const registered = draft.machine.activities.get(itemSource);
  if (registered !== undefined) {
    const activity = scheduleAttempts(draft, { n, childId, src: itemSource, input }, registered);
    if (registered.descriptor.undo !== undefined) registerActivity(draft, activity);
    return;
  }
  draft.children.set(n, { n, childId, src: itemSource, isActor: true });
  draft.born.push(n);
  const birth = { childId, lineage: [...draft.lineage, itemSource] };
  draft.messages.push({ to: childAddress(draft.address, n).path, envelope: { kind: 'start', input, birth } });
}
