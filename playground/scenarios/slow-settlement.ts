/** The bank takes 90 s to open an account, not 4 s. Whoever only waits for its answer waits; a workflow with a deadline does not. */
import { activity } from 'perdure';
import type { WorkflowDescription } from 'perdure';
import type { activities, merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import type { LedgerEntry } from '../onboarding/ledger.ts';
import type { World } from '../onboarding/providers.ts';
import { askIn, providersIn } from '../onboarding/providers.ts';
import { factsOf, failureOf, finalTable, merchant, openOnboarding, undoneIn } from './onboarding-stage.ts';
import type { OnboardingStage } from './onboarding-stage.ts';
import type { Facts, Scenario, Stage } from './scenario.ts';

const slow = 'm-slow';
const usual = 'm-usual';
const hop = 'm-hop';

/** How many times faster the scenario is than the story. */
const speed = 20;
const usualMs = 4_000 / speed;
const slowMs = 90_000 / speed;
const deadlineMs = 60_000 / speed;

export const slowSettlement: Scenario = {
  name: 'slow-settlement',
  summary: 'the bank takes 90 s instead of 4 s: the deadline of the workflow decides, and what was done is undone',
  play,
};

async function play(stage: Stage): Promise<Facts> {
  const bank = (id: string, name: string): number | undefined =>
    name === 'settlement.open' ? (id === usual ? usualMs : slowMs) : undefined;
  const onboarding = await openOnboarding(stage, { takesMs: bank }, patient);
  const { runtime, machine, seen } = onboarding;
  stage.say(
    `(Told at ${speed} times its speed: 90 s are ${slowMs / 1_000} s, 4 s are ${usualMs / 1_000} s, the deadline of 60 s is ${deadlineMs / 1_000} s.)`,
  );
  stage.say('On a usual day the bank takes 4 s:');
  const first = await runtime.start(machine, { id: usual, input: { ...merchant, merchantId: usual }, deadline: deadlineMs });
  await first.waitFor((snapshot) => snapshot.value === 'awaitingFirstLogin');
  await first.send({ type: 'LOGGED_IN' });
  await first.result();
  stage.say('  The merchant is live, long before the deadline.');
  stage.say('Today it takes 90 s. A hop of a queue that calls the bank and waits has nothing else to go by; it begins to wait now.');
  const waiting = beginHop(stage, onboarding);
  stage.say('The workflow calls the same bank:');
  const handle = await runtime.start(machine, { id: slow, input: { ...merchant, merchantId: slow }, deadline: deadlineMs });
  const result = failureOf(handle.result());
  await handle.waitFor((snapshot) => snapshot.value === 'openingSettlement');
  const { waitsFor } = await runtime.describe(slow);
  stage.say('  Where is it? In openingSettlement. It waits for:');
  for (const what of waitsFor.filter((each) => !each.startsWith('event'))) stage.say(`    ${what}`);
  const failure = await result;
  const after = await runtime.describe(slow);
  const tookMs = (after.closedAtMs ?? Infinity) - after.startedAtMs;
  stage.say(
    `  After ${(tookMs * speed) / 1_000} s of the story the workflow is ${after.status} with ${failure?.failure.class}: ${failure?.failure.message}`,
  );
  stage.say(finalTable(seen, after));
  stage.claim('the hop still waits for the bank', waiting.isWaiting());
  await verify(stage, onboarding, after);
  return {
    ...factsOf(seen, after),
    told: await onboarding.told(slow),
    storySeconds: Math.round((tookMs * speed) / 1_000),
    hopStillWaits: waiting.isWaiting(),
    usual: (await runtime.describe(usual)).value,
  };
}

/** An app brings a policy of its own for the bank: two minutes of the story for a call, since to ask it again makes it no faster. */
function patient(machine: typeof merchantOnboarding, world: World): typeof merchantOnboarding {
  const declared: typeof activities.openSettlement = activity({
    name: 'settlement.open',
    startToCloseTimeout: 120_000 / speed,
    compensate: {},
  });
  return machine.provide({ actors: { openSettlement: askIn(world)('settlement.open', declared, (id) => ({ account: `acct-${id}` })) } });
}

function beginHop(stage: Stage, { world }: OnboardingStage): { readonly isWaiting: () => boolean } {
  const stopping = new AbortController();
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  const quiet = { ...world, ledger: { append: () => undefined, close: () => undefined } };
  const call = providersIn(quiet)('settlement.open', hop, { idempotencyKey: hop, attempt: 1, signal: stopping.signal }).then(end, end);
  stage.atEnd(async () => {
    stopping.abort();
    await call;
  });
  return { isWaiting: () => !isOver };
}

async function verify(stage: Stage, { runtime, seen }: OnboardingStage, after: WorkflowDescription): Promise<void> {
  const { status, failure, deadline, closedAtMs, startedAtMs, ledger, queue, compensation } = after;
  const account = ledger.find(({ name }) => name === 'settlement.open');
  stage.claim('the usual merchant is live', (await runtime.describe(usual)).status === 'completed');
  stage.claim(
    'the slow one failed as DeadlineExceeded before the bank would have answered',
    status === 'failed' && failure?.class === 'DeadlineExceeded' && (closedAtMs ?? Infinity) - startedAtMs < slowMs,
  );
  const heard = (await runtime.history(slow)).find(({ kind }) => kind === 'deadline');
  stage.claim('its history shows the deadline, and where it was met', deadline?.passedAtMs !== undefined && heard !== undefined);
  stage.claim(
    'the bank was told to close what it may have opened',
    account?.outcome === 'unknown' && account.undo === 'undone' && undoneIn(seen, slow)[0] === 'settlement.close',
  );
  stage.claim(
    'everything else was undone after that, and nothing is owed',
    compensation === 'done' && queue.length === 0 && isUndoneInOrder(seen),
  );
}

function isUndoneInOrder(seen: readonly LedgerEntry[]): boolean {
  return undoneIn(seen, slow).join() === 'settlement.close,profile.delete,sanctions.unwatch';
}
