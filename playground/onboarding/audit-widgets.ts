/** The part of the audit that is about the widgets of a dashboard: what the world was asked for, against what the store has of each. */
import type { ItemResults, WorkflowDescription } from 'perdure';
import type { LedgerEntry, ProviderCall } from './ledger.ts';

/** What was found about the widgets of one merchant. */
export interface WidgetFindings {
  /** Widgets that were seeded as several, or once what they came to was recorded. */
  readonly reruns: readonly string[];
  /** Widgets that are recorded as seeded although nobody was asked for them. */
  readonly lost: readonly string[];
}

/**
 * That no attempt was begun twice is looked at with all other calls.
 *
 * @param seen in the order in which the world saw it
 * @param recorded what the items of the merchant's fan-out came to
 */
export function auditWidgets(
  { id }: Pick<WorkflowDescription, 'id'>,
  seen: readonly LedgerEntry[],
  recorded: ItemResults['items'],
): WidgetFindings {
  const calls = seen.filter((entry): entry is ProviderCall => entry.kind === 'call');
  // The welcome email comes when all widgets are recorded.
  const welcome = calls.findIndex(({ activity }) => activity === 'welcome.send');
  const keys = new Map<string, string>();
  const reruns: string[] = [];
  for (const [place, { key, attempt, widget }] of calls.entries()) {
    if (widget === undefined) continue;
    const known = keys.get(widget) ?? key;
    keys.set(widget, known);
    if (known !== key) reruns.push(`${id} widget ${widget} as ${known} and as ${key}`);
    if (welcome !== -1 && place > welcome) reruns.push(`${key} attempt ${attempt}`);
  }
  const seeded = recorded.flatMap(({ status, output }) => (status === 'completed' ? [(output as { readonly widget: string }).widget] : []));
  return {
    reruns,
    lost: seeded.filter((widget) => !keys.has(widget)).map((widget) => `${id} widget ${widget} is recorded and nobody did it`),
  };
}
