import type { WorkflowDescription } from 'perdure';
import { expect, test } from 'vitest';
import type { Audit } from '../../../playground/onboarding/audit.ts';
import { closingTable, summarise, verdict } from '../../../playground/onboarding/report.ts';
import type { Group } from '../../../playground/onboarding/tally.ts';
import { stepsOf } from '../../../playground/onboarding/steps.ts';
import type { HistoryEntry } from 'perdure';
import { stateText } from '../../../playground/onboarding/state-text.ts';

function merchant(status: WorkflowDescription['status'], value: WorkflowDescription['value'], failure?: string): WorkflowDescription {
  return {
    id: 'm-1',
    run: 1,
    machine: { id: 'five-step-onboarding', version: '1' },
    status,
    value,
    context: {},
    sequence: 1,
    startedAtMs: 0,
    updatedAtMs: 0,
    queued: 0,
    compensation: 'none',
    ledger: [],
    activities: [],
    timers: [],
    children: [],
    queue: [],
    waitsFor: [],
    ...(failure === undefined ? {} : { failure: { class: failure, message: '' } }),
  };
}

const audited: Audit = {
  merchants: [
    merchant('completed', 'done'),
    merchant('failed', 'failed', 'KycRefused'),
    merchant('failed', 'failed', 'SanctionsHit'),
    merchant('completed', 'done'),
    merchant('failed', 'failed', 'SanctionsHit'),
    merchant('failed', 'rejected', 'SanctionsHit'),
    merchant('running', { kyc: 'waiting' }),
    undefined,
  ],
  reruns: ['m-1:1::1 attempt 2'],
  lost: ['m-6', 'm-7'],
  undone: 5,
  owed: 4,
  halfMade: ['m-1:1::3 stands, and is owed by nobody'],
  announced: 9,
};

test('a summary counts merchants by status, state and failure, and what the audit found', () => {
  expect(summarise(audited, 3, 12.3456)).toEqual({
    merchants: 8,
    byStatus: { completed: 2, failed: 4, running: 1, missing: 1 },
    byState: { done: 2, failed: 3, rejected: 1, 'kyc.waiting': 1, missing: 1 },
    failures: { KycRefused: 1, SanctionsHit: 3 },
    crashes: 3,
    reruns: 1,
    lost: 2,
    undone: 5,
    owed: 4,
    halfMade: 1,
    announced: 9,
    seconds: 12.3,
  });
});

const groups: readonly Group[] = [
  { status: 'completed', state: 'done', count: 2 },
  { status: 'failed', state: 'rejected', failureClass: 'SanctionsHit', count: 1 },
];

test('the closing table has a line for each group', () => {
  const rows = closingTable(groups)
    .split('\n')
    .filter((line) => /│.*\d/.test(line));
  const cells = rows.map((row) =>
    row
      .split('│')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  expect(cells).toEqual([
    ['done', '', '2'],
    ['rejected', 'SanctionsHit', '1'],
  ]);
});

test.each([
  [0, 'never killed'],
  [1, 'killed once'],
  [5, 'killed 5 times'],
])('the verdict says how often the process was killed: %i', (crashes, words) => {
  expect(verdict(summarise(audited, crashes, 2))).toContain(`2 s, ${words}; by the outside ledger: 1 activities run again`);
  expect(verdict(summarise(audited, crashes, 2))).toContain('2 merchants or signals lost; 5 steps undone, 4 owed, 1 left half-made.');
});

type Told = readonly [kind: HistoryEntry['kind'], value: HistoryEntry['value'], outcome?: HistoryEntry['outcome']];

function steps(told: readonly Told[]): number {
  return stepsOf(
    told.map(([kind, value, outcome = 'applied'], index) => ({
      step: index + 1,
      sequence: index + 1,
      commit: index + 1,
      atMs: 0,
      kind,
      outcome,
      status: 'running',
      value,
    })),
  );
}

test('steps are state changes and failed attempts', () => {
  expect(steps([])).toBe(0);
  expect(steps([['start', 'pending']])).toBe(0);
  const done = ['kyc', 'sanctions', 'settle', 'dash', 'done'].map((value): Told => ['attempt-completed', value]);
  expect(steps([['start', 'pending'], ...done])).toBe(5);
  expect(steps([['start', 'pending'], ['attempt-failed', 'pending', 'noted'], ['attempt-due', 'pending', 'noted'], ...done])).toBe(6);
  expect(steps([['start', 'pending'], ['attempt-timed-out', 'pending', 'noted'], ['attempt-lost', 'pending', 'noted'], ...done])).toBe(7);
});

test('a last failed attempt that moves the chart is one step, not two', () => {
  expect(
    steps([
      ['start', 'pending'],
      ['attempt-failed', 'failed'],
    ]),
  ).toBe(1);
});

test('states are compared whole', () => {
  expect(
    steps([
      ['start', { a: 'x', b: 'y' }],
      ['attempt-completed', { a: 'x', b: 'y' }],
      ['attempt-completed', { a: 'x', b: 'z' }],
    ]),
  ).toBe(1);
});

test.each([
  ['live', 'live'],
  [{ awaitingDecision: 'escalated' }, 'awaitingDecision.escalated'],
  [{ a: { b: 'c' } }, 'a.b.c'],
  [{ a: 'x', b: {} }, 'a.x, b'],
])('a state value %j is told as %s', (value, text) => {
  expect(stateText(value)).toBe(text);
});
