import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { Actor } from '../../src/kernel/actor.ts';
import type { RetryOptions } from '../../src/kernel/retry-policy.ts';
import type { StepEnvelope } from '../../src/kernel/envelope.ts';
import {
  at,
  began,
  completed,
  controlledBy,
  decidedOn,
  errorNamed,
  failed,
  pending,
  revive,
  signal,
  taken,
  took,
  walked,
} from './workflows.ts';

function machineWith(retry: RetryOptions) {
  const charge = activity<{ amount: number }, { receipt: string }>({
    name: 'card.charge',
    run: () => ({ receipt: 'r' }),
    startToCloseTimeout: '30s',
    retry: { jitter: 'none', ...retry },
  });
  const context: { receipt?: string; error?: unknown } = {};
  return setup({ types: { context }, actors: { charge } }).createMachine({
    id: 'payment',
    version: '1',
    context,
    initial: 'charging',
    states: {
      charging: {
        invoke: {
          src: 'charge',
          input: { amount: 5 },
          onDone: { target: 'paid', actions: assign({ receipt: ({ event }) => event.output.receipt }) },
          onError: { target: 'refused', actions: assign({ error: ({ event }) => event.error }) },
        },
        on: { LEAVE: 'idle' },
      },
      paid: {},
      refused: {},
      idle: {},
    },
  });
}

const patient = machineWith({ initialInterval: '1s', maximumAttempts: 3, nonRetryableErrorTypes: ['Declined'] });
const once = machineWith({ maximumAttempts: 1 });
const due: StepEnvelope = { kind: 'attempt-due', n: 1 };
const timedOut = (attempt: number): StepEnvelope => ({ kind: 'attempt-timed-out', n: 1, attempt });
const lost = (attempt: number): StepEnvelope => ({ kind: 'attempt-lost', n: 1, attempt });
const released = (attempt: number, hasBegun = true): StepEnvelope => ({ kind: 'attempt-released', n: 1, attempt, hasBegun });
const run = (attempt: number) => ({ kind: 'run-attempt', n: 1, src: 'charge', attempt, input: { amount: 5 }, idempotencyKey: 'w-1:1::1' });

describe('an attempt that completes', () => {
  test('moves the chart with its output, once', () => {
    const { commit, actor } = took(began(patient).actor, completed(1, { receipt: 'r-7' }));
    expect(commit).toMatchObject({
      activitiesRemoved: [1],
      effects: [],
      journal: { outcome: 'applied', envelope: { kind: 'attempt-completed', output: { receipt: 'r-7' } } },
      record: { activities: [], chart: { value: 'paid', context: { receipt: 'r-7' } } },
    });
    expect(took(actor, completed(1, { receipt: 'r-8' })).commit.journal.outcome).toBe('late');
  });

  test('brings any value its code returned', () => {
    const { actor } = took(began(patient).actor, completed(1, { receipt: new Map([['a', 1n]]) }));
    expect(actor.chart.snapshot.context).toEqual({ receipt: new Map([['a', 1n]]) });
  });

  test.each<[string, (actor: Actor) => Actor]>([
    ['after its state was left', (actor) => took(actor, signal('LEAVE')).actor],
    ['after it was given up as timed out', (actor) => took(actor, timedOut(1)).actor],
    ['after it was given up as lost', (actor) => took(actor, lost(1)).actor],
  ])('%s comes late: journaled, not delivered', (_, before) => {
    for (const machine of [patient, once]) {
      const actor = before(began(machine).actor);
      const { commit } = took(actor, completed(1, { receipt: 'too late' }));
      expect(commit).toMatchObject({
        journal: { outcome: 'late', context: { set: {}, removed: [] } },
        effects: [],
        activitiesPut: [],
        activitiesRemoved: [],
      });
      expect(commit.record).toMatchObject({ chart: actor.record.chart, activities: actor.record.activities });
    }
  });

  test('under the number of an earlier attempt while a later one runs comes late', () => {
    const second = walked(began(patient).actor, failed(1, new Error('x')), due);
    expect(second.commit.effects).toEqual([run(2)]);
    expect(took(second.actor, completed(1, { receipt: 'old' }, 1)).commit.journal.outcome).toBe('late');
    expect(took(second.actor, completed(1, { receipt: 'new' }, 2)).commit.journal.outcome).toBe('applied');
  });
});

describe('an attempt that fails', () => {
  test('waits out its backoff, is tried again with the same key and input, then reaches the chart', () => {
    const first = took(began(patient).actor, failed(1, errorNamed('Busy', 'try later')), at(5_000));
    expect(first.commit).toMatchObject({
      journal: { outcome: 'noted', envelope: { kind: 'attempt-failed', failure: { class: 'Busy' } } },
      effects: [],
    });
    expect(pending(first.actor)).toMatchObject({
      state: 'backoff',
      attempt: 1,
      nextAttemptAtMs: 6_000,
      lastFailure: { class: 'Busy', message: 'try later', attempt: 1, retryable: true },
    });
    const second = took(first.actor, due, at(6_000));
    expect(second.commit.effects).toEqual([run(2)]);
    expect(pending(second.actor)).toMatchObject({ state: 'running', attempt: 2, lastFailure: { class: 'Busy' } });
    expect(pending(second.actor)).not.toHaveProperty('nextAttemptAtMs');
    const third = walked(second.actor, failed(1, errorNamed('Busy'), 2), due);
    expect(third.commit.effects).toEqual([run(3)]);
    const given = took(third.actor, failed(1, errorNamed('Busy', 'still'), 3));
    expect(given.commit).toMatchObject({
      activitiesRemoved: [1],
      journal: { outcome: 'applied' },
      record: { chart: { value: 'refused' } },
    });
    expect(given.actor.chart.snapshot.context).toMatchObject({ error: { name: 'Busy', message: 'still' } });
    expect(given.commit.record.activityFailure).toMatchObject({
      class: 'Busy',
      activity: 'card.charge',
      attempt: 3,
      retryable: false,
      state: 'charging',
    });
  });

  test('waits a random part of the bound, by the random number given', () => {
    const jittered = machineWith({ initialInterval: '1s', maximumAttempts: 3, jitter: 'full' });
    const waits = [0, 0.25, 0.999].map((random) => {
      const { actor } = took(began(jittered).actor, failed(1, new Error('x')), at(10_000, { random: () => random }));
      return (pending(actor).nextAttemptAtMs ?? NaN) - 10_000;
    });
    expect(waits).toEqual([0, 250, 999]);
  });

  test('with an error that is final by its name reaches the chart at once', () => {
    const { commit } = took(began(patient).actor, failed(1, errorNamed('Declined')));
    expect(commit).toMatchObject({ journal: { outcome: 'applied' }, record: { chart: { value: 'refused' } }, activitiesRemoved: [1] });
  });

  test('because its output cannot be stored reaches the chart at once', () => {
    const { failure, error } = { failure: { class: 'PAYLOAD_TOO_LARGE', message: 'x', retryable: false }, error: null };
    const { commit } = took(began(patient).actor, { kind: 'attempt-failed', n: 1, attempt: 1, error, failure });
    expect(commit.record.chart.value).toBe('refused');
  });

  test('is not tried again if at most one attempt is allowed', () => {
    expect(took(began(once).actor, failed(1, new Error('x'))).commit.record.chart.value).toBe('refused');
  });

  test('under a number that does not run changes nothing', () => {
    const { actor } = began(patient);
    for (const envelope of [failed(1, new Error('x'), 2), failed(2, new Error('x')), timedOut(2), lost(2), released(2)]) {
      expect(decidedOn(actor, envelope, at(0))).toEqual({ kind: 'ignore' });
    }
    const waiting = took(actor, failed(1, new Error('x'))).actor;
    for (const envelope of [failed(1, new Error('x')), timedOut(1), lost(1), released(1)]) {
      expect(decidedOn(waiting, envelope, at(0))).toEqual({ kind: 'ignore' });
    }
  });
});

describe('an attempt that times out', () => {
  test('is aborted and tried again after a backoff', () => {
    const { commit, actor } = took(began(patient).actor, timedOut(1), at(31_000));
    expect(commit).toMatchObject({
      journal: { outcome: 'noted' },
      effects: [{ kind: 'abort-attempt', n: 1, reason: 'start-to-close-timeout' }],
    });
    expect(pending(actor)).toMatchObject({ state: 'backoff', nextAttemptAtMs: 32_000, lastFailure: { class: 'StartToCloseTimeout' } });
    expect(pending(actor).lastFailure?.message).toContain('30000 ms');
  });

  test('is aborted and reaches the chart when no attempt is left', () => {
    const { commit, actor } = took(began(once).actor, timedOut(1));
    expect(commit).toMatchObject({
      effects: [{ kind: 'abort-attempt', n: 1, reason: 'start-to-close-timeout' }],
      record: { chart: { value: 'refused' }, activityFailure: { class: 'StartToCloseTimeout' } },
    });
    expect(actor.chart.snapshot.context).toMatchObject({ error: { name: 'StartToCloseTimeout' } });
  });

  test('is final if the policy says so', () => {
    const machine = machineWith({ nonRetryableErrorTypes: ['StartToCloseTimeout'] });
    expect(took(began(machine).actor, timedOut(1)).commit.record.chart.value).toBe('refused');
  });
});

describe('an attempt lost with its process', () => {
  test('counts, and the next one begins at once', () => {
    const { commit, actor } = took(revive(began(patient).actor), lost(1), at(50_000));
    expect(commit).toMatchObject({ journal: { outcome: 'noted' }, effects: [run(2)] });
    expect(pending(actor)).toMatchObject({ state: 'running', attempt: 2, uncharged: 0, lastFailure: { class: 'AttemptLost', attempt: 1 } });
  });

  test('waits for a place if there is none', () => {
    const { commit, actor } = took(began(patient).actor, lost(1), at(50_000, { admit: () => false }));
    expect(commit.effects).toEqual([]);
    expect(pending(actor)).toMatchObject({ state: 'waiting', attempt: 1 });
    expect(took(actor, due).commit.effects).toEqual([run(2)]);
  });

  test.each<[string, RetryOptions, number]>([
    ['no attempt is left', { maximumAttempts: 1 }, 1],
    ['it is final by its name', { nonRetryableErrorTypes: ['AttemptLost'] }, 1],
    ['the last of several is lost', { maximumAttempts: 2 }, 2],
  ])('reaches the chart if %s', (_, retry, attempt) => {
    const first = began(machineWith(retry)).actor;
    const actor = attempt === 1 ? first : took(first, lost(1)).actor;
    const { commit } = took(actor, lost(attempt));
    expect(commit.record).toMatchObject({ chart: { value: 'refused' }, activityFailure: { class: 'AttemptLost', attempt } });
    expect(commit.record.activityFailure?.message).toContain(`attempt ${attempt}`);
  });
});

test('what the engine itself tells a chart of says nothing of the engine’s own calls', () => {
  for (const envelope of [timedOut(1), lost(1)]) {
    const failure = took(began(once).actor, envelope).commit.record.activityFailure;
    expect(failure?.stack).toBe(`${failure?.class}: ${failure?.message}`);
  }
});

describe('an attempt given back at a shutdown', () => {
  test('waits, and is not charged', () => {
    const back = took(began(machineWith({ maximumAttempts: 2 })).actor, released(1));
    expect(back.commit).toMatchObject({ journal: { outcome: 'noted' }, effects: [] });
    expect(pending(back.actor)).toMatchObject({ state: 'waiting', attempt: 1, uncharged: 1 });
    // Two attempts are charged after it, as if it had not been.
    const second = took(back.actor, due);
    expect(second.commit.effects).toEqual([run(2)]);
    const third = walked(second.actor, failed(1, new Error('x'), 2), due);
    expect(third.commit.effects).toEqual([run(3)]);
    expect(took(third.actor, failed(1, new Error('x'), 3)).commit.record.chart.value).toBe('refused');
  });

  test('does not lengthen the backoff that follows it', () => {
    const back = walked(began(patient).actor, released(1), due);
    const next = took(back.actor, failed(1, new Error('x'), 2), at(10_000));
    expect(pending(next.actor).nextAttemptAtMs).toBe(11_000);
  });

  test('that may be made at most once is lost if its code was entered, and made if it was not', () => {
    const begun = took(began(once).actor, released(1)).commit;
    expect(begun.record).toMatchObject({ chart: { value: 'refused' }, activityFailure: { class: 'AttemptLost', attempt: 1 } });
    const untouched = took(began(once).actor, released(1, false));
    expect(pending(untouched.actor)).toMatchObject({ state: 'waiting', uncharged: 1 });
    expect(took(untouched.actor, due).commit.effects).toEqual([run(2)]);
  });

  test('may be given back any number of times without being used up', () => {
    let { actor } = began(machineWith({ maximumAttempts: 2 }));
    for (let attempt = 1; attempt <= 5; attempt += 1) actor = walked(actor, released(attempt), due).actor;
    expect(pending(actor)).toMatchObject({ state: 'running', attempt: 6, uncharged: 5 });
    expect(took(actor, completed(1, { receipt: 'r' }, 6)).commit.record.chart.value).toBe('paid');
  });
});

describe('a wake-up', () => {
  test('begins an attempt only if there is a place', () => {
    const { actor } = took(began(patient).actor, failed(1, new Error('x')));
    const asked: string[] = [];
    const refuse = { admit: (name: string) => asked.push(name) < 0 };
    expect(decidedOn(actor, due, at(9_000, refuse))).toEqual({ kind: 'ignore' });
    expect(asked).toEqual(['card.charge']);
  });

  test('for what runs, or is not there, takes no place', () => {
    const { actor } = began(patient);
    const admit = (): never => {
      throw new Error('asked for a place');
    };
    expect(decidedOn(actor, due, at(9_000, { admit }))).toEqual({ kind: 'ignore' });
    expect(decidedOn(actor, { kind: 'attempt-due', n: 9 }, at(9_000, { admit }))).toEqual({ kind: 'ignore' });
    expect(decidedOn(actor, { kind: 'timer', generation: 9 }, at(9_000, { admit }))).toEqual({ kind: 'ignore' });
  });

  test('for a closed workflow changes nothing', () => {
    const closed = took(began(patient).actor, { kind: 'terminate', reason: 'x' }).actor;
    for (const envelope of [due, { kind: 'timer', generation: 1 } as const, failed(1, new Error('x')), timedOut(1), lost(1), released(1)]) {
      expect(decidedOn(closed, envelope, at(9_000))).toEqual({ kind: 'ignore' });
    }
  });
});

describe('parking as a crash loop', () => {
  const park = { kind: 'park', reason: 'crash-loop', failure: { class: 'CrashLoop', message: 'It was in flight.' } } as const;

  test('leaves everything as it is, but runs nothing of it any more', () => {
    const { actor } = began(patient);
    const parked = taken(controlledBy(actor, park, 2_000));
    expect(parked.actor.record).toMatchObject({
      status: 'parked',
      parked: { reason: 'crash-loop', failure: { ...park.failure, state: actor.record.chart.value } },
      activities: actor.record.activities,
      timers: actor.record.timers,
    });
    expect(parked.commit).toMatchObject({ journal: { outcome: 'parked', envelope: park }, effects: [], activitiesPut: [] });
    expect(decidedOn(parked.actor, due, at(9_000))).toEqual({ kind: 'ignore' });
    expect(took(parked.actor, lost(1)).commit).toMatchObject({ journal: { outcome: 'queued' }, effects: [] });
    expect(controlledBy(parked.actor, park, 9_000)).toEqual({ kind: 'ignore' });
  });

  test('of a closed workflow changes nothing', () => {
    const closed = took(began(patient).actor, { kind: 'terminate', reason: 'x' }).actor;
    expect(controlledBy(closed, park, 9_000)).toEqual({ kind: 'ignore' });
  });
});
