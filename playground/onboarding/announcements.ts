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

/** Said once, of what takes long. */
const patienceMs = 2_000;

/**
 * Waits until the consumers of this runtime have had everything, or everything but what waits for a person and what stands behind that.
 *
 * @param say is told if that takes long
 * @returns false if it was stopped before
 */
export async function delivered({ outbox }: Pick<Runtime, 'outbox'>, signal: AbortSignal, say: (line: string) => void): Promise<boolean> {
  let [left, sinceMs, isSaid] = [Infinity, performance.now(), false];
  while (!signal.aborted) {
    const own = (await outbox.lag()).filter(({ isRegistered }) => isRegistered);
    const undelivered = own.reduce((sum, each) => sum + each.undelivered, 0);
    if (undelivered === 0) return true;
    if (undelivered !== left) [left, sinceMs] = [undelivered, performance.now()];
    const waitedMs = performance.now() - sinceMs;
    // What else there is to deliver has been delivered by now.
    if (waitedMs > patienceMs && own.some(({ poison }) => poison > 0)) return true;
    if (waitedMs > patienceMs && !isSaid) {
      say(`Waiting until others were told of ${undelivered} things; Ctrl-C leaves that to the next run.`);
      isSaid = true;
    }
    await delay(askingIntervalMs, undefined, { signal }).catch(() => undefined);
  }
  return false;
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
