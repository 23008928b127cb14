import { delays, merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import type { MerchantInput, MerchantOutput } from 'perdure/machines/merchant-onboarding';
import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { createActor, fromPromise, SimulatedClock, toPromise, waitFor } from 'xstate';
import { failedOutcome } from '../../src/kernel/failure.ts';
import type { Taken } from '../kernel/workflows.ts';
import { at, began, completed, errorNamed, failed, pending, signal, took } from '../kernel/workflows.ts';
import { openTestRuntime } from '../runtime/local-runtime.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';
import type { Happening, Path } from './merchant-onboarding/paths.ts';
import { activitySteps, withCode } from './merchant-onboarding/code.ts';
import { match, merchant, nameOf, shortestPaths, simplePaths, steps, wordOf } from './merchant-onboarding/paths.ts';

const paths = simplePaths();
const ends = paths.filter(({ state }) => state.status !== 'active');
const endsIn = (value: string): Path[] => ends.filter(({ state }) => state.value === value);
const classOf = ({ state }: Path): string | undefined => (state.output as MerchantOutput).error?.name;

/** With code for every activity, which is never called: decisions are taken without it. */
const implemented: AnyStateMachine = withCode();

/** What is known when all went well. */
const gathered = {
  document: 'scan-1',
  kycReference: 'kyc-1',
  profile: 'profile-1',
  account: 'account-1',
  keyId: 'key-1',
  dailyLimit: 5_000,
  dashboard: 'https://dash',
  missingWidgets: [],
};

describe('every path through the chart', () => {
  test('that nobody cancels and no deadline ends is live, rejected or failed in the end, and nothing else', () => {
    expect(ends).toHaveLength(283);
    for (const { state } of [...ends, ...shortestPaths().filter(({ state: { status } }) => status !== 'active')]) {
      expect(state.status).toBe('done');
      expect(['live', 'rejected', 'failed']).toContain(state.value);
      expect(state.hasTag('failed')).toBe(state.value !== 'live');
      expect(state.hasTag('live')).toBe(state.value === 'live');
    }
    expect(ends).toHaveLength(endsIn('live').length + endsIn('rejected').length + endsIn('failed').length);
  });

  test('that is rejected says in its output that the answer was no, and which no', () => {
    expect(new Set(endsIn('rejected').map(classOf))).toEqual(new Set(['DocumentMissing', 'KycRefused', 'SanctionsHit']));
  });

  test('that fails says in its output which step could not be done; the follow-up email fails nobody', () => {
    const classes = steps.filter(({ src }) => src !== 'sendFollowUp').map(({ state }) => `Broken:${state}`);
    expect(new Set(endsIn('failed').map(classOf))).toEqual(new Set(classes));
  });

  test('that ends live went through all ten states that do something, in their order', () => {
    const ten = steps.map(({ state }) => state).filter((state) => state !== 'sendingFollowUp');
    for (const path of endsIn('live')) {
      const names: string[] = path.steps.map(({ state }) => nameOf(state.value));
      const visited = ['fetchingDocument', ...names].filter((name, index, all) => ten.includes(name as never) && all[index - 1] !== name);
      expect(visited).toEqual(ten);
      expect(path.state.output).toMatchObject({ merchantId: 'm-1', ...gathered, document: expect.stringMatching(/^scan-[12]$/) });
      expect(classOf(path)).toBeUndefined();
    }
  });

  test('has no state for a retry: what a state waits for is one activity, the widgets, a person, or nothing', () => {
    const invoking = Object.entries(merchantOnboarding.states).filter(([, { invoke }]) => invoke.length > 0);
    expect(invoking.map(([state]) => state).sort()).toEqual(steps.map(({ state }) => state).sort());
    expect(Object.keys(merchantOnboarding.states).filter((state) => !invoking.some(([name]) => name === state))).toEqual([
      'awaitingDocument',
      'awaitingDecision',
      'awaitingFirstLogin',
      'live',
      'rejected',
      'failed',
      'cancelled',
    ]);
  });
});

/** A plain actor whose activities end when they are told to, and whose clock stands still. */
function plainActor() {
  const calls = new Map<string, { resolve: (output: never) => void; reject: (error: Error) => void }>();
  const logic = steps.map(({ src }) => {
    const run = async (): Promise<never> => new Promise((resolve, reject) => calls.set(src, { resolve, reject }));
    return [src, fromPromise(run)] as const;
  });
  const clock = new SimulatedClock();
  const machine: typeof merchantOnboarding = merchantOnboarding.provide({ actors: Object.fromEntries(logic) });
  const actor = createActor(machine, { input: merchant, clock });
  const emitted: unknown[] = [];
  actor.on('*', (event) => emitted.push(event));
  actor.start();
  const happen = (happening: Happening): void => {
    if (happening.kind === 'done') calls.get(happening.src)!.resolve(happening.output as never);
    if (happening.kind === 'error') calls.get(happening.src)!.reject(happening.error);
    if (happening.kind === 'timer') clock.increment(delays[happening.delay]);
    if (happening.kind === 'signal') actor.send(happening.event);
  };
  return { actor, happen, emitted };
}

/** What others are to hear of a path: of a merchant who came to have a profile, who went live, and who was not taken on after all. */
function announcementsOn({ steps: taken, state }: Path): unknown[] {
  const all = { merchantId: 'm-1', profile: 'profile-1' };
  const has = (src: string): boolean => taken.some(({ happening }) => happening.kind === 'done' && happening.src === src);
  return [
    ...(has('createProfile') ? [{ type: 'merchant.created', ...all }] : []),
    ...(has('sendWelcome') ? [{ type: 'merchant.live', ...all }] : []),
    ...(has('createProfile') && state.value !== 'live' ? [{ type: 'merchant.retracted', ...all }] : []),
  ];
}

/** The number of the only child. */
function fanOutOf({ children }: Taken['actor']): number {
  expect(children.size).toBe(1);
  return [...children.keys()][0]!;
}

/** What a durable host makes of it. */
function happenDurably({ actor }: Taken, happening: Happening): Taken {
  const now = at(actor.record.updatedAtMs + 1_000);
  switch (happening.kind) {
    case 'done':
      if (happening.src === 'seedWidgets') {
        return took(actor, { kind: 'child-done', n: fanOutOf(actor), output: encodePayload(happening.output, 'output') }, now);
      }
      return took(actor, completed(pending(actor).n, happening.output), now);
    case 'error':
      if (happening.src === 'seedWidgets') {
        return took(actor, { kind: 'child-failed', n: fanOutOf(actor), ...failedOutcome(happening.error) }, now);
      }
      return took(actor, { kind: 'activity-failed', n: pending(actor).n, by: 'Olga', note: '', ...failedOutcome(happening.error) }, now);
    case 'signal':
      return took(actor, signal(happening.event.type, { ...happening.event }), now);
    case 'timer': {
      const [timer] = actor.record.timers;
      expect(timer!.dueAtMs - timer!.armedAtMs).toBe(delays[happening.delay]);
      return took(actor, { kind: 'timer', generation: timer!.generation }, at(timer!.dueAtMs));
    }
  }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const named = ends.map((path) => [path.steps.map(({ happening }) => wordOf(happening)).join(', '), path] as const);

describe('is walked to its end on a plain actor and decided alike by a durable host, which announce it alike', () => {
  test.each(named)('%s', async (_, path) => {
    const { actor, happen, emitted } = plainActor();
    let taken = began(implemented, merchant);
    const kept: unknown[] = [];
    for (const { happening, state } of path.steps) {
      happen(happening);
      const reached = await waitFor(actor, ({ value }) => nameOf(value) === nameOf(state.value));
      expect(reached.context).toEqual(state.context);
      taken = happenDurably(taken, happening);
      kept.push(...(taken.commit.journal.emitted ?? []));
      expect(taken.commit.record.chart.value).toEqual(state.value);
    }
    expect(emitted).toEqual(announcementsOn(path));
    expect(kept).toEqual(emitted);
    expect(plain(actor.getSnapshot().output)).toEqual(plain(path.state.output));
    expect(plain(taken.commit.record.chart.output)).toEqual(plain(path.state.output));
    const mayStand = [...taken.actor.ledger.values()].length > 0;
    expect(taken.commit.record.status).toBe(path.state.value === 'live' ? 'completed' : mayStand ? 'compensating' : 'failed');
    expect(taken.commit.record.failure?.class).toBe(classOf(path));
    expect(taken.commit.record.timers).toEqual([]);
  });
});

const soon = { documentTimeLimit: 5, decisionTimeLimit: 5, followUpDelay: 5 };
const never = 2 ** 31 - 1;

describe('in a plain createActor', () => {
  test('with code for its activities it goes live, and sends the follow-up email when the delay that was provided is over', async () => {
    const actor = createActor(withCode().provide({ delays: { ...soon, documentTimeLimit: never, decisionTimeLimit: never } }), {
      input: merchant,
    });
    actor.start();
    expect(await toPromise(actor)).toEqual({ merchantId: 'm-1', ...gathered, hasLoggedIn: false, followUp: 'sent' });
  });

  test('the follow-up email waits a day otherwise, and is not sent to one who logs in meanwhile', async () => {
    const actor = createActor(withCode({ sendFollowUp: () => expect.unreachable() }), { input: merchant });
    actor.start();
    const waiting = await waitFor(actor, ({ value }) => value === 'awaitingFirstLogin');
    expect([...waiting.tags]).toEqual(['live']);
    actor.send({ type: 'LOGGED_IN' });
    expect(await toPromise(actor)).toEqual({ merchantId: 'm-1', ...gathered, hasLoggedIn: true });
  });

  test('a merchant who has logged in before the last steps is live at once', async () => {
    const actor: ReturnType<typeof createActor<typeof merchantOnboarding>> = createActor(
      withCode({ sendWelcome: () => actor.send({ type: 'LOGGED_IN' }), sendFollowUp: () => expect.unreachable() }),
      { input: merchant },
    );
    actor.start();
    expect(await toPromise(actor)).toMatchObject({ hasLoggedIn: true });
  });

  test('a follow-up email that cannot be sent leaves the merchant live', async () => {
    const sendFollowUp = fromPromise<void, { merchantId: string; email: string; dashboard: string }>(() =>
      Promise.reject(errorNamed('Unreachable')),
    );
    const actor = createActor(withCode().provide({ delays: soon, actors: { sendFollowUp } }), { input: merchant });
    actor.start();
    expect(await toPromise(actor)).toEqual({ merchantId: 'm-1', ...gathered, hasLoggedIn: false, followUp: 'failed' });
    expect(actor.getSnapshot().value).toBe('live');
  });

  test('a missing document is waited for as long as the delay that was provided says', async () => {
    const actor = createActor(withCode({ fetchDocument: () => ({}) }).provide({ delays: soon }), { input: merchant });
    actor.start();
    const waiting = await waitFor(actor, ({ value }) => value === 'awaitingDocument');
    expect([...waiting.tags]).toEqual(['needs-document']);
    expect(await toPromise(actor)).toMatchObject({
      error: { name: 'DocumentMissing', message: 'Merchant m-1 has not handed in a document in time.' },
    });
    expect(actor.getSnapshot().value).toBe('rejected');
  });

  test('the document that is uploaded is the one that is verified', async () => {
    const verifyKyc = fromPromise(async ({ input }: { input: MerchantInput & { document: string } }) => ({
      reference: `of ${input.document}`,
    }));
    const machine = withCode({ fetchDocument: () => ({}) }).provide({
      delays: { ...soon, documentTimeLimit: never },
      actors: { verifyKyc },
    });
    const actor = createActor(machine, { input: merchant });
    actor.start();
    await waitFor(actor, ({ value }) => value === 'awaitingDocument');
    actor.send({ type: 'DOCUMENT_UPLOADED', document: 'scan-9' });
    expect(await toPromise(actor)).toMatchObject({ document: 'scan-9', kycReference: 'of scan-9' });
  });

  test('a possible match waits for a decision, escalated after the delay that was provided, and is still waited for then', async () => {
    const actor = createActor(withCode({ screenSanctions: () => match }).provide({ delays: soon }), {
      input: merchant,
    });
    actor.start();
    const waiting = await waitFor(actor, ({ value }) => nameOf(value) === 'awaitingDecision.inTime');
    expect([...waiting.tags]).toEqual(['needs-decision']);
    const escalated = await waitFor(actor, (snapshot) => snapshot.hasTag('escalated'));
    expect(escalated.value).toEqual({ awaitingDecision: 'escalated' });
    expect([...escalated.tags].sort()).toEqual(['escalated', 'needs-decision']);
    expect(escalated.can({ type: 'APPROVE', by: 'Olga' }) && escalated.can({ type: 'REJECT', by: 'Olga' })).toBe(true);
    actor.send({ type: 'APPROVE', by: 'Olga' });
    expect(await toPromise(actor)).toMatchObject({ ...match, decidedBy: 'Olga', profile: 'profile-1' });
  });

  test('a match that is rejected says who found it to be the merchant, and which entry', async () => {
    const actor = createActor(withCode({ screenSanctions: () => match }), { input: merchant });
    actor.start();
    await waitFor(actor, (snapshot) => snapshot.hasTag('needs-decision'));
    actor.send({ type: 'REJECT', by: 'Olga' });
    const message = '"Blue Fig" of merchant m-1 resembles list entry "SDN-7" (score 93); rejected by Olga.';
    expect(await toPromise(actor)).toMatchObject({ error: { name: 'SanctionsHit', message } });
  });

  test('signals out of their time change nothing', async () => {
    const actor = createActor(withCode(), { input: merchant });
    actor.start();
    const before = await waitFor(actor, ({ value }) => value === 'awaitingFirstLogin');
    actor.send({ type: 'DOCUMENT_UPLOADED', document: 'scan-9' });
    actor.send({ type: 'REJECT', by: 'Olga' });
    expect(actor.getSnapshot()).toBe(before);
  });
});

describe('on a runtime', () => {
  test('a provider that answers with a fault is asked again without leaving the state, a refusal is final at once', async () => {
    const asked: number[] = [];
    const machine = withCode({
      fetchDocument: ({ attempt }) => {
        asked.push(attempt);
        if (attempt < 3) throw errorNamed('ProviderUnavailable');
        return { document: 'scan-1' };
      },
      verifyKyc: ({ attempt }) => {
        asked.push(attempt);
        throw errorNamed('KycRefused', 'expired passport');
      },
    });
    const { runtime, clock } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'm-1', input: merchant });
    const result = expect(handle.result()).rejects.toMatchObject({
      details: { status: 'failed' },
      failure: { class: 'KycRefused', message: 'expired passport', state: 'rejected' },
    });
    await clock.pass(60_000);
    await result;
    expect(asked).toEqual([1, 2, 3, 1]);
    expect(new Set((await runtime.history('m-1')).map(({ value }) => value))).toEqual(
      new Set(['fetchingDocument', 'verifyingKyc', 'rejected']),
    );
  });

  test('the follow-up email is a timer on disk: due a day after the merchant went live, taken back when the merchant logs in', async () => {
    const machine = withCode({ sendFollowUp: () => expect.unreachable() });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'm-1', input: merchant });
    await handle.waitFor((snapshot) => snapshot.value === 'awaitingFirstLogin');
    const { timers, accepts, updatedAtMs } = await runtime.describe('m-1');
    expect(timers).toMatchObject([{ armedAtMs: updatedAtMs, dueAtMs: updatedAtMs + 24 * 60 * 60_000 }]);
    expect(accepts).toEqual(['LOGGED_IN', 'SANCTIONS_HIT']);
    await handle.send({ type: 'LOGGED_IN' }, { messageId: 'login-1' });
    expect(await handle.result()).toMatchObject({ hasLoggedIn: true });
    expect((await runtime.describe('m-1')).timers).toEqual([]);
  });
});

describe('undoing', () => {
  const undoing = (undone: string[]) => (scope: unknown) => {
    const { input, output, outcome, idempotencyKey } = scope as {
      readonly input: { readonly merchantId: string };
      readonly output: unknown;
      readonly outcome: string;
      readonly idempotencyKey: string;
    };
    undone.push(`${idempotencyKey} ${input.merchantId} ${outcome} ${JSON.stringify(output) ?? 'nothing'}`);
  };

  test('a hit that is reported when the merchant is live takes everything back, the newest first, and ends rejected', async () => {
    const undone: string[] = [];
    const machine = withCode({}, undoing(undone));
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'm-1', input: merchant });
    const result = expect(handle.result()).rejects.toMatchObject({
      details: { status: 'failed' },
      failure: {
        class: 'SanctionsHit',
        message: '"Ana Reis" of merchant m-1 resembles list entry "SDN-8" (score 100); reported by the sanctions provider.',
        state: 'rejected',
      },
    });
    await handle.waitFor((snapshot) => snapshot.value === 'awaitingFirstLogin');
    await handle.send({ type: 'SANCTIONS_HIT', match: { entry: 'SDN-8', name: 'Ana Reis', score: 99.6 } });
    await result;
    expect(undone).toEqual([
      'm-1:1::10:undo m-1 completed nothing',
      'm-1:1::8:undo m-1 completed {"url":"https://dash"}',
      'm-1:1::7:undo m-1 completed {"dailyLimit":5000}',
      'm-1:1::6:undo m-1 completed {"keyId":"key-1"}',
      'm-1:1::5:undo m-1 completed {"account":"account-1"}',
      'm-1:1::4:undo m-1 completed {"profile":"profile-1"}',
      'm-1:1::3:undo m-1 completed {}',
    ]);
    expect(await runtime.describe('m-1')).toMatchObject({ status: 'failed', value: 'rejected', compensation: 'done' });
  });

  test.each(activitySteps.slice(3, 9).map(({ src, state, n }) => [src, state, n] as const))(
    'where %s cannot be done, it may have been done all the same, and is undone before what was done',
    async (src, state, n) => {
      const undone: string[] = [];
      const broken = {
        [src]: () => {
          throw errorNamed('GatewayDown', 'no answer');
        },
      };
      const machine = withCode(broken, undoing(undone));
      const { runtime, clock } = await openTestRuntime({ machines: [machine] });
      const handle = await runtime.start(machine, { id: 'm-1', input: merchant });
      const result = expect(handle.result()).rejects.toMatchObject({ failure: { class: 'GatewayDown', state: 'failed' } });
      await clock.pass(60_000);
      await result;
      expect(undone[0]).toBe(`m-1:1::${n}:undo m-1 unknown nothing`);
      const before = activitySteps.slice(2).flatMap((step) => (step.n < n ? [step.n] : []));
      expect(undone.slice(1).map((line) => Number(/::(\d+):/.exec(line)![1]))).toEqual(before.toReversed());
      expect(new Set((await runtime.history('m-1')).map(({ value }) => value))).toContain(state);
    },
  );

  test('who is rejected before anything was done has nothing undone', async () => {
    const machine = withCode({
      verifyKyc: () => {
        throw errorNamed('KycRefused', 'expired passport');
      },
    });
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'm-1', input: merchant });
    await expect(handle.result()).rejects.toMatchObject({ failure: { class: 'KycRefused' } });
    expect(await runtime.describe('m-1')).toMatchObject({ status: 'failed', compensation: 'none', ledger: [] });
  });

  test('who is cancelled is taken back, too', async () => {
    const undone: string[] = [];
    const machine = withCode({ screenSanctions: () => match }, undoing(undone));
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'm-1', input: merchant });
    await handle.waitFor((snapshot) => snapshot.hasTag('needs-decision'));
    await runtime.cancel('m-1', { reason: 'withdrawn' });
    await expect(handle.result()).rejects.toMatchObject({ details: { status: 'cancelled' } });
    expect(undone).toEqual([`m-1:1::3:undo m-1 completed ${JSON.stringify(match)}`]);
  });
});

describe('as a workflow', () => {
  test('what is thrown and is no error is a failure of class Failed', () => {
    const { actor } = began(implemented, merchant);
    const word = {
      kind: 'attempt-failed',
      n: 1,
      attempt: 1,
      error: 'a word',
      failure: { class: 'Error', message: 'a word', retryable: false },
    } as const;
    expect(took(actor, word).commit.record).toMatchObject({
      failure: { class: 'Failed', message: 'a word' },
      chart: { value: 'failed', output: { error: { name: 'Failed', message: 'a word' } } },
    });
  });

  test('each activity is given what its step needs, and its number of attempts is bounded', () => {
    let taken = began(implemented, merchant);
    const inputs = steps.slice(0, 10).flatMap(({ src, output }) => {
      const asked = [...taken.actor.activities.values()].map(({ name, input }) => [name, input]);
      taken = happenDurably(taken, { kind: 'done', src, output });
      return asked;
    });
    const letter = { merchantId: 'm-1', email: merchant.email, dashboard: gathered.dashboard };
    expect(inputs).toEqual([
      ['document.fetch', merchant],
      ['kyc.verify', { ...merchant, document: 'scan-1' }],
      ['sanctions.screen', merchant],
      ['profile.create', { ...merchant, kycReference: 'kyc-1' }],
      ['settlement.open', { merchantId: 'm-1', profile: 'profile-1' }],
      ['credentials.issue', { merchantId: 'm-1', account: 'account-1' }],
      ['risk-limits.set', { merchantId: 'm-1', country: 'PT', account: 'account-1' }],
      ['dashboard.seed', { merchantId: 'm-1', account: 'account-1' }],
      ['welcome.send', letter],
    ]);
    const [timer] = taken.actor.record.timers;
    taken = took(taken.actor, { kind: 'timer', generation: timer!.generation }, at(timer!.dueAtMs));
    expect(pending(taken.actor)).toMatchObject({ name: 'follow-up.send', input: letter });
    expect(took(taken.actor, failed(pending(taken.actor).n, errorNamed('Unreachable'))).commit.record.chart.value).toBe('sendingFollowUp');
  });
});
