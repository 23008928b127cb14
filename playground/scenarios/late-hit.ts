/** The sanctions provider, which goes on watching, finds the merchant on a list after the account exists: it all has to go. */
import { undoOf } from '../onboarding/providers.ts';
import { stateText } from '../onboarding/state-text.ts';
import { calledIn, factsOf, failureOf, finalTable, merchant, openOnboarding, undoneIn } from './onboarding-stage.ts';
import type { Facts, Scenario, Stage } from './scenario.ts';

const id = 'm-late';

export const lateHit: Scenario = {
  name: 'late-hit',
  summary: 'a sanctions hit after the account exists unwinds it all',
  play,
};

async function play(stage: Stage): Promise<Facts> {
  const { runtime, machine, seen, told } = await openOnboarding(stage);
  stage.say(`${merchant.name} is onboarded, step by step:`);
  const handle = await runtime.start(machine, { id, input: { ...merchant, merchantId: id } });
  const result = failureOf(handle.result());
  await handle.waitFor((snapshot) => snapshot.value === 'awaitingFirstLogin');
  const { ledger } = await runtime.describe(id);
  stage.say(`  The workflow is in awaitingFirstLogin: the merchant is live. ${ledger.length} of its steps can be undone.`);
  stage.say('The sanctions provider reports that the owner has been put on a list (SANCTIONS_HIT):');
  const match = { entry: 'SDN-4711', name: merchant.owner, score: 100 };
  await handle.send({ type: 'SANCTIONS_HIT', match }, { messageId: 'watch-1' });
  const meanwhile = await runtime.describe(id);
  stage.say(`  The chart is in ${stateText(meanwhile.value)}, the workflow is ${meanwhile.status}. What was done last is undone first:`);
  const failure = await result;
  const after = await runtime.describe(id);
  stage.say(`  Now the workflow is ${after.status} with ${failure?.failure.class}: ${failure?.failure.message}`);
  stage.say(finalTable(seen, after));
  const undoable = calledIn(seen, id).flatMap((call) => undoOf(call) ?? []);
  const undone = undoneIn(seen, id);
  stage.claim(
    'the settlement account existed, and is closed',
    calledIn(seen, id).includes('settlement.open') && undone.includes('settlement.close'),
  );
  stage.claim('everything that has an undo was undone, each once, the newest first', undone.join() === undoable.toReversed().join());
  stage.claim(
    'the workflow is rejected as SanctionsHit',
    after.status === 'failed' && after.value === 'rejected' && failure?.failure.class === 'SanctionsHit',
  );
  stage.claim('nothing stands that can be undone, and nothing waits in the queue', isClear(after));
  const announced = await told(id);
  stage.claim(
    'others were told of the merchant, then that the merchant is live, and then that neither is so any more',
    announced.join() === 'merchant.created,merchant.live,merchant.retracted',
  );
  return { ...factsOf(seen, after), told: announced };
}

function isClear({
  compensation,
  ledger,
  queue,
}: Awaited<ReturnType<Awaited<ReturnType<typeof openOnboarding>>['runtime']['describe']>>): boolean {
  return compensation === 'done' && queue.length === 0 && ledger.every(({ undo }) => undo === 'undone');
}
