/** A chain of ten thousand stores gets a dashboard. Three stores refuse theirs: that is either tolerated, or everything goes again. */
import { join } from 'node:path';
import Table from 'cli-table3';
import { openRuntime } from 'perdure';
import type { Runtime, WorkflowDescription } from 'perdure';
import { Dashboards, chainDashboard, refusing, storesMax } from './bad-item/chain-dashboard.ts';
import type { Seeded, Store } from './bad-item/chain-dashboard.ts';
import { failureOf } from './onboarding-stage.ts';
import type { Facts, Scenario, Stage } from './scenario.ts';

export const badItem: Scenario = {
  name: 'bad-item',
  summary: 'a chain of 10,000 stores, three of which refuse: within what is tolerated, and beyond it',
  play,
};

type Items = NonNullable<WorkflowDescription['children'][number]['items']>;

/** What a chain came to. */
interface Told {
  readonly after: WorkflowDescription;
  readonly items: Items;
  readonly output: Seeded | undefined;
  readonly failure: string | undefined;
  readonly steps: number;
  readonly dashboards: Dashboards;
}

async function play(stage: Stage): Promise<Facts> {
  stage.say(`A chain has ${storesMax} stores; each gets widgets on its dashboard. Stores ${refusing.join(', ')} refuse theirs, for good.`);
  stage.say('To the workflow all of them are one child, a fan-out; how far it is stands in describe:');
  stage.say('Up to three failures are tolerated:');
  const within = await chain(stage, 'within', 3);
  const refused = await refusedIn(within);
  stage.say(tableOf(refused));
  stage.say('Up to two are tolerated:');
  const beyond = await chain(stage, 'beyond', 2);
  stage.say(`  The workflow is ${beyond.after.status}: ${beyond.failure}`);
  verifyWithin(stage, within, refused);
  verifyBeyond(stage, beyond);
  return {
    within: { ...within.output, status: within.after.status, refused, steps: within.steps },
    beyond: { ...countsIn(beyond.items), status: beyond.after.status, failure: beyond.failure, takenDown: beyond.dashboards.takenDown },
  };
}

interface Played extends Told {
  readonly runtime: Runtime;
}

async function chain(stage: Stage, id: string, tolerated: number): Promise<Played> {
  const dashboards = new Dashboards();
  const machine = chainDashboard(dashboards, tolerated);
  const runtime = await openRuntime({ path: join(stage.folder, id), machines: [machine] });
  stage.atEnd(async () => runtime.close({ grace: 0 }));
  const handle = await runtime.start(machine, { id });
  const stopTelling = tellProgress(stage, runtime, id);
  const ended = handle.result();
  const failure = await failureOf(ended).finally(stopTelling);
  const after = await runtime.describe(id);
  const items = itemsOf(after);
  if (items === undefined) throw new Error(`Workflow ${id} has no fan-out to show.`);
  sayProgress(stage, items);
  return {
    runtime,
    after,
    items,
    output: failure === undefined ? await ended : undefined,
    failure: failure?.failure.message,
    steps: (await runtime.history(id)).length,
    dashboards,
  };
}

function itemsOf({ children }: WorkflowDescription): Items | undefined {
  return children.find(({ items }) => items !== undefined)?.items;
}

function countsIn({ total, succeeded, failed, cancelled, waiting }: Items) {
  return { total, succeeded, failed, cancelled, waiting };
}

function sayProgress(stage: Stage, { total, succeeded, failed, underWay, cancelled, waiting, perSecond }: Items): void {
  const over = cancelled > 0 ? `, ${cancelled} cancelled` : '';
  const counts = `${succeeded} of ${total} seeded, ${failed} failed, ${underWay} under way${over}, ${waiting} not begun`;
  stage.say(`  ${counts}; ${Math.round(perSecond)} a second`);
}

/** As whoever looks at it now and then would see it. */
function tellProgress(stage: Stage, runtime: Runtime, id: string): () => void {
  const timer = setInterval(() => {
    runtime.describe(id).then(
      (now) => {
        const items = itemsOf(now);
        if (items !== undefined && items.underWay > 0) sayProgress(stage, items);
      },
      () => undefined, // its runtime is closed
    );
  }, 250);
  return () => clearInterval(timer);
}

interface Refused {
  readonly store: number;
  readonly cause: string;
}

/** Read as any program would, a page at a time. */
async function refusedIn({ runtime, items: { address } }: Played): Promise<readonly Refused[]> {
  const refused: Refused[] = [];
  let cursor: string | undefined;
  do {
    const page = await runtime.results(address, { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    for (const { status, input, failure } of page.items) {
      const { store } = (input ?? {}) as Partial<Store>;
      if (status === 'failed' && store !== undefined) refused.push({ store, cause: `${failure?.class}: ${failure?.message}` });
    }
    cursor = page.next;
  } while (cursor !== undefined);
  return refused;
}

function tableOf(refused: readonly Refused[]): string {
  const table = new Table({ head: ['store', 'what it failed with'], style: { head: [], border: [] } });
  for (const { store, cause } of refused) table.push([store, cause]);
  return table.toString();
}

function verifyWithin(stage: Stage, { after, output, steps, dashboards }: Told, refused: readonly Refused[]): void {
  stage.claim(
    `within: the chain is live, ${storesMax - refusing.length} stores seeded and ${refusing.length} failed`,
    after.status === 'completed' && output?.succeeded === storesMax - refusing.length && output.failed === refusing.length,
  );
  stage.claim('within: the stores that failed are named with their cause', refused.map(({ store }) => store).join() === refusing.join());
  stage.claim('within: every store was asked once', dashboards.asked.size === storesMax && dashboards.askedAgain === 0);
  stage.claim(`within: the history of the chain has ${steps} steps, whatever it has of stores`, steps < 10);
  stage.claim('within: its dashboard stands', dashboards.created === 1 && dashboards.takenDown === 0);
}

function verifyBeyond(stage: Stage, { after, items, dashboards }: Told): void {
  stage.claim(
    'beyond: it fails with the third refusal, which says which store was the first, and begins no more',
    after.status === 'failed' && after.failure?.class === 'FanOutFailed' && items.failed === refusing.length && items.waiting > 0,
  );
  // Of those that were cancelled some had not been asked yet.
  const { size } = dashboards.asked;
  const isEachOnce = size >= items.succeeded + items.failed && size <= storesMax - items.waiting && dashboards.askedAgain === 0;
  stage.claim('beyond: no store was asked twice, and none of those that never began', isEachOnce);
  stage.claim('beyond: the dashboard was taken down, once, and nothing is owed', dashboards.takenDown === 1 && after.queue.length === 0);
}
