import { describe, expect, test } from 'vitest';
import { assign, raise, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import type { Actor } from '../../src/kernel/actor.ts';
import { describeWorkflow } from '../../src/kernel/describe.ts';
import { historyEntry } from '../../src/kernel/history.ts';
import { at, began, completed, failed, signal, storedOf, took, treeOf, walked } from './workflows.ts';

const charge = activity<{ amount: number }, string>({
  name: 'card.charge',
  run: () => 'r',
  retry: { initialInterval: '4s', jitter: 'none', maximumAttempts: 5 },
});
const mail = activity<unknown, unknown>({ name: 'mail.send', run: () => 1 });

const machine = setup({
  types: { context: {} as { at: Date; seen?: string } },
  actors: { charge, mail },
  guards: { no: () => false },
}).createMachine({
  id: 'payment',
  version: '2',
  context: { at: new Date(7) },
  initial: 'charging',
  entry: raise({ type: 'REMIND' }, { delay: 30_000, id: 'reminder' }),
  on: {
    STOP: '.stopped',
    FORBIDDEN: {},
    REMIND: { actions: assign({ seen: 'reminded' }) },
    POISON: { guard: () => poison(), target: '.stopped' },
  },
  states: {
    charging: {
      invoke: [
        { src: 'charge', input: { amount: 5 }, onDone: { target: 'paid', actions: assign({ seen: ({ event }) => event.output }) } },
        { src: 'mail', id: 'mail' },
      ],
      after: { 9_000: 'stopped' },
      on: { SKIP: { guard: 'no', target: 'paid' } },
    },
    paid: { type: 'final' },
    stopped: { type: 'final', tags: ['failed'] },
  },
  output: ({ context }) => ({ at: context.at }),
});

function poison(): never {
  throw new Error('a poisoned guard');
}

const alone = (actor: Actor) => ({ root: storedOf(actor), others: [], closed: [] });
const describeActor = (actor: Actor) => describeWorkflow(alone(actor), treeOf(actor));
const second = (seconds: number): string => new Date(seconds * 1_000).toISOString();

describe('a description', () => {
  const first = began(machine, undefined, at(1_000)).actor;

  test('says where a running workflow is and what it waits for', () => {
    expect(describeActor(first)).toMatchObject({
      id: 'w-1',
      run: 1,
      machine: { id: 'payment', version: '2' },
      status: 'running',
      value: 'charging',
      context: { at: new Date(7) },
      sequence: 1,
      startedAtMs: 1_000,
      updatedAtMs: 1_000,
      activities: [
        { n: 1, name: 'card.charge', state: 'running', attempt: 1, maximumAttempts: 5, idempotencyKey: 'w-1:1::1', scheduledAtMs: 1_000 },
        { n: 2, name: 'mail.send', state: 'running', attempt: 1, maximumAttempts: 10 },
      ],
      timers: [
        { id: 'xstate.after.9000.payment.charging', eventType: 'xstate.after.9000.payment.charging', armedAtMs: 1_000, dueAtMs: 10_000 },
        { id: 'reminder', eventType: 'REMIND', dueAtMs: 31_000 },
      ],
      accepts: ['POISON', 'REMIND', 'SKIP', 'STOP'],
      waitsFor: [
        'activity "card.charge", attempt 1 of 5 running',
        'activity "mail.send", attempt 1 of 10 running',
        `timer "xstate.after.9000.payment.charging", due ${second(10)}`,
        `timer "reminder", due ${second(31)}`,
        'event "POISON"',
        'event "REMIND"',
        'event "SKIP"',
        'event "STOP"',
      ],
    });
  });

  test('has no word about what is not there', () => {
    for (const key of ['output', 'closedAtMs', 'failure', 'parked']) expect(describeActor(first)).not.toHaveProperty(key);
  });

  test('tells of a backoff when the next attempt is due and why the last one failed', () => {
    const { actor } = took(first, failed(1, new RangeError('no line')), at(2_000));
    const described = describeActor(actor);
    expect(described.activities[0]).toMatchObject({
      state: 'backoff',
      attempt: 1,
      nextAttemptAtMs: 6_000,
      lastFailure: { class: 'RangeError' },
    });
    expect(described.waitsFor[0]).toBe(`activity "card.charge", attempt 2 of 5 due ${second(6)}`);
  });

  test('tells that an activity waits for a place', () => {
    const described = describeActor(began(machine, undefined, at(1_000, { admit: () => false })).actor);
    expect(described.activities[0]).toMatchObject({ state: 'waiting', attempt: 0 });
    expect(described.waitsFor[0]).toBe('activity "card.charge", waiting for a free place');
  });

  test('of a completed workflow has its output and waits for nothing', () => {
    const { actor } = took(first, completed(1, 'receipt'), at(3_000));
    expect(describeActor(actor)).toMatchObject({
      status: 'completed',
      value: 'paid',
      output: { at: new Date(7) },
      context: { seen: 'receipt' },
      closedAtMs: 3_000,
      accepts: [],
      activities: [],
      timers: [],
      waitsFor: [],
    });
  });

  test('of a failed workflow has its failure', () => {
    const described = describeActor(took(first, signal('STOP')).actor);
    expect(described).toMatchObject({ status: 'failed', failure: { class: 'Failed', state: 'stopped' }, waitsFor: [] });
  });

  test('of a parked workflow says why', () => {
    const described = describeActor(took(first, signal('POISON')).actor);
    expect(described).toMatchObject({ status: 'parked', accepts: [], value: 'charging', parked: { reason: 'poison' } });
    expect(described.parked?.message).toContain('a poisoned guard');
  });

  test('of a workflow whose machine is missing says what is known without it', () => {
    const described = describeWorkflow(alone(first), undefined, {
      reason: 'version-missing',
      failure: { class: 'Parked', message: 'Give it to openRuntime.' },
    });
    expect(described).toMatchObject({
      status: 'parked',
      parked: { reason: 'version-missing', message: 'Give it to openRuntime.' },
      value: 'charging',
    });
    expect(described).not.toHaveProperty('accepts');
    expect(described.activities[0]).not.toHaveProperty('maximumAttempts');
    expect(described.waitsFor[0]).toBe('activity "card.charge", attempt 1 running');
  });

  test('without a machine and without being parked keeps its status', () => {
    const described = describeWorkflow(alone(first), undefined);
    expect(described).toMatchObject({ status: 'running' });
    expect(described).not.toHaveProperty('accepts');
  });
});

describe('a history', () => {
  test('has one entry a step, with what happened and where it led', () => {
    const steps = [began(machine, { card: new Date(1) }, at(1_000))];
    for (const envelope of [
      signal('SKIP', { why: 1n }),
      failed(1, new RangeError('x')),
      { kind: 'attempt-due', n: 1 } as const,
      completed(1, 'r', 2),
    ]) {
      steps.push(walked((steps.at(-1) ?? steps[0]!).actor, envelope));
    }
    const entries = steps.map(({ commit }, index) => historyEntry({ ...commit.journal, commit: 40 + index }));
    expect(entries).toMatchObject([
      { step: 1, sequence: 1, commit: 40, atMs: 1_000, kind: 'start', outcome: 'applied', status: 'running', value: 'charging' },
      { step: 2, commit: 41, atMs: 2_000, kind: 'signal', event: { type: 'SKIP', why: 1n }, outcome: 'unhandled' },
      { step: 3, kind: 'attempt-failed', outcome: 'noted', activity: { n: 1, attempt: 1 }, failure: { class: 'RangeError' } },
      { step: 4, kind: 'attempt-due', outcome: 'noted', activity: { n: 1 } },
      { step: 5, kind: 'attempt-completed', outcome: 'applied', activity: { n: 1, attempt: 2 }, status: 'completed', value: 'paid' },
    ]);
    expect(entries[0]).not.toHaveProperty('event');
    expect(entries[3]?.activity).toStrictEqual({ n: 1 });
    expect(entries[4]).not.toHaveProperty('failure');
  });
});
