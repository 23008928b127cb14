/** A merchant withdraws while the sanctions provider is down: what that cannot undo waits for a person, and keeps nothing else from being undone. */
import type { Runtime } from 'perdure';
import type { LedgerEntry } from '../onboarding/ledger.ts';
import { factsOf, failureOf, finalTable, merchant, openOnboarding, undoneIn, until } from './onboarding-stage.ts';
import type { Facts, Scenario, Stage } from './scenario.ts';

const id = 'm-deferred';

export const deferredUndo: Scenario = {
  name: 'deferred-undo',
  summary: 'an undo whose provider is down is deferred, the account is closed all the same, and a person has it retried',
  play,
};

async function play(stage: Stage): Promise<Facts> {
  let isDown = true;
  const { runtime, machine, seen, told } = await openOnboarding(stage, {
    script: (_, activity) => isDown && activity.startsWith('sanctions.un'),
    takesMs: (_, activity) => (activity === 'dashboard.seed' ? 60_000 : undefined),
    undoRetry: { maximumAttempts: 3, initialInterval: '20ms', jitter: 'none' },
  });
  stage.say('(An undo is tried 3 times here, 20 and 40 ms apart; as shipped 8 times, up to 5 s apart.)');
  stage.say(`${merchant.name} is onboarded, step by step:`);
  const handle = await runtime.start(machine, { id, input: { ...merchant, merchantId: id } });
  const result = failureOf(handle.result());
  await handle.waitFor((snapshot) => snapshot.value === 'seedingDashboard');
  stage.say('  The workflow is in seedingDashboard, which takes its time. The settlement account is open and half-funded.');
  stage.say('The sanctions provider goes down, and the merchant withdraws: the workflow is cancelled.');
  await runtime.cancel(id, { reason: 'the merchant withdrew', by: 'Omar' });
  await result;
  const closed = await runtime.describe(id);
  stage.say(`  The workflow is ${closed.status}, its compensation is ${closed.compensation}:`);
  stage.say(finalTable(seen, closed));
  const first = seen.findIndex((entry) => entry.kind === 'undo' && entry.activity === 'sanctions.unscreen-payments');
  const closing = seen.findIndex((entry) => entry.kind === 'undone' && entry.activity === 'settlement.close');
  stage.claim('the account was closed although an undo that comes before it failed for good', first >= 0 && closing > first);
  stage.claim(
    'the workflow closed as cancelled, and says that it owes',
    closed.status === 'cancelled' && closed.compensation === 'deferred',
  );
  stage.claim(
    'what is owed are the two undos that only the sanctions provider can do',
    owed(closed.ledger).join() === 'sanctions.screen,risk-limits.set',
  );
  const announced = await told(id);
  stage.claim(
    'others were told of the merchant, and that there is no such merchant after all',
    announced.join() === 'merchant.created,merchant.retracted',
  );
  const before = { ...factsOf(seen, closed), told: announced };
  isDown = false;
  const retried = await retryAll(stage, runtime, seen);
  return { ...factsOf(seen, await runtime.describe(id)), whenItClosed: before, retriedBy: retried };
}

async function retryAll(stage: Stage, runtime: Runtime, seen: readonly LedgerEntry[]): Promise<string[]> {
  const { items } = await runtime.queue.list({ kind: 'deferred' });
  stage.say(`The queue holds ${items.length} items for a person:`);
  for (const item of items) {
    const { what, acts = [] } = await runtime.queue.get(item.id);
    stage.say(`    ${what} She may ${acts.join(', ')}.`);
  }
  stage.say('The sanctions provider is up again. Olga has both retried:');
  for (const { id: item } of items) await runtime.queue.retry(item, { by: 'Olga', note: 'the provider is up again' });
  await until(async () => (await runtime.describe(id)).compensation === 'done');
  const after = await runtime.describe(id);
  stage.say(finalTable(seen, after));
  const retried = (await runtime.history(id)).flatMap(({ kind, by }) => (kind === 'undo-retried' && by !== undefined ? [by] : []));
  const undone = undoneIn(seen, id);
  stage.claim(
    'the sanctions provider has undone both, once each',
    ['sanctions.unwatch', 'sanctions.unscreen-payments'].every((name) => undone.filter((each) => each === name).length === 1),
  );
  stage.claim('the history says who had them retried', retried.join() === 'Olga,Olga');
  stage.claim('nothing is owed any more, and the queue is empty', after.compensation === 'done' && after.queue.length === 0);
  return retried;
}

function owed(ledger: readonly { readonly name: string; readonly undo: string }[]): string[] {
  return ledger.filter(({ undo }) => undo === 'deferred').map(({ name }) => name);
}
