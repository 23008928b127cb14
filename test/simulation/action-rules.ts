/** What holds of custom actions: what a chart asked for is kept until it is done. */
import type { Commit } from '../../src/kernel/commit.ts';
import type { ActivityRecord, ActorRecord } from '../../src/kernel/record.ts';
import { decodeValue } from '../../src/kernel/value-decoding.ts';
import type { ModelActor } from './model.ts';
import { check } from './violation.ts';

export const actionsInvariant = 'custom actions are run at least once, in their order';

export function actionsIn({ input }: ActivityRecord): readonly { readonly params: unknown }[] {
  return (decodeValue(input) as { readonly actions: readonly { readonly params: unknown }[] }).actions;
}

/** What the chart asked for is kept until it is done; of one actor one step after the other. */
export function judgeActions(
  place: string,
  before: ModelActor | undefined,
  { record, journal, activitiesPut, activitiesRemoved }: Commit,
): void {
  const marksOf = (chart: ActorRecord['chart'] | undefined): number => (chart?.context['marks'] as number | undefined) ?? 0;
  const wanted = marksOf(record.chart) - marksOf(before?.record.chart);
  const fresh = activitiesPut.filter((row) => row.kind === 'actions' && before?.activities.has(row.n) !== true);
  const scheduled = fresh.reduce((sum, row) => sum + actionsIn(row).length, 0);
  check(
    scheduled === wanted,
    actionsInvariant,
    () => `${place} wants ${wanted} custom actions at ${journal.sequence}, kept are ${scheduled}`,
  );
  for (const n of activitiesRemoved) {
    const isByName = 'n' in journal.envelope && journal.envelope.n === n;
    const isEnded = before?.activities.get(n)?.kind !== 'actions' || isByName || journal.envelope.kind === 'terminate';
    check(isEnded, actionsInvariant, () => `${place}:${n}, custom actions, is dropped by ${journal.envelope.kind} at ${journal.sequence}`);
  }
  // Without other rows nothing begins.
  if (activitiesPut.length === 0) return;
  const rows = new Map(before?.activities);
  for (const n of activitiesRemoved) rows.delete(n);
  for (const row of activitiesPut) rows.set(row.n, row);
  const [first, ...later] = [...rows.values()].filter(({ kind }) => kind === 'actions').sort((a, b) => a.n - b.n);
  const overtaking = later.find(({ state }) => state === 'running');
  check(overtaking === undefined, actionsInvariant, () => `${place}:${overtaking?.n} begins before ${first?.n} has ended`);
}
