/** What the onboarding tells others: kept in a file by a consumer of the outbox, and read again by the audit. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenRuntimeOptions, Runtime } from 'perdure';
import { jsonLinesFile } from 'perdure';
import type { MerchantAnnouncement } from 'perdure/machines/merchant-onboarding';

/** In the order in which they were told, by merchant. */
export type Announcements = ReadonlyMap<string, readonly MerchantAnnouncement['type'][]>;

const askingIntervalMs = 20;

/** The outbox of a runtime that keeps announcements in this file. */
export function announcingTo(path: string): NonNullable<OpenRuntimeOptions['outbox']> {
  return { announcements: jsonLinesFile(path) };
}

/** Resolves when consumers have had everything that they will have without a person's help, or when it is stopped. */
export async function delivered({ outbox }: Pick<Runtime, 'outbox'>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const lag = await outbox.lag();
    if (lag.every(({ undelivered, poison }) => undelivered === 0 || poison > 0)) return;
    await delay(askingIntervalMs, undefined, { signal }).catch(() => undefined);
  }
}

/** What the file holds; nothing if there is none. */
export async function readAnnouncements(path: string): Promise<Announcements> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  const announcements = new Map<string, MerchantAnnouncement['type'][]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { workflowId, event } = JSON.parse(line) as { readonly workflowId: string; readonly event: MerchantAnnouncement };
    const told = announcements.get(workflowId);
    if (told === undefined) announcements.set(workflowId, [event.type]);
    else told.push(event.type);
  }
  return announcements;
}
