import type { LedgerEntryDescription, QueueDescription, WorkflowDescription } from 'perdure';
import { describe, expect, test } from 'vitest';
import { auditUndos } from '../../../playground/onboarding/audit-undos.ts';

const key = 'm-1:1::6';
const undo = `${key}:undo`;
const call = { kind: 'call', key, attempt: 1, merchant: 'm-1', activity: 'settlement.open' } as const;
const asked = (attempt: number, atMs: number) =>
  ({ kind: 'undo', key: undo, attempt, merchant: 'm-1', activity: 'settlement.close', atMs }) as const;
const answered = { kind: 'undone', key: undo, merchant: 'm-1', activity: 'settlement.close' } as const;

const queued: QueueDescription = { id: 'q', kind: 'deferred', cause: 'undo', run: 1, path: [], name: 'settlement.open', sinceAtMs: 1 };

function workflow(
  state: LedgerEntryDescription['undo'],
  props: Partial<WorkflowDescription> = {},
  entry: Partial<LedgerEntryDescription> = {},
): WorkflowDescription {
  return {
    ...{ id: 'm-1', run: 1, machine: { id: 'merchant-onboarding', version: '1' }, status: 'failed', value: 'rejected', context: {} },
    ...{ sequence: 1, startedAtMs: 0, updatedAtMs: 0, closedAtMs: 200, compensation: 'done', queued: 0 },
    ...{ activities: [], timers: [], children: [], queue: [], waitsFor: [] },
    ledger: [
      { path: [], n: 6, kind: 'activity', name: 'settlement.open', outcome: 'completed', undo: state, idempotencyKey: undo, ...entry },
    ],
    ...props,
  };
}

const nothing = { undone: 0, owed: 0, reruns: [], lost: [], halfMade: [] };
const recorded = workflow('undone', {}, { undoEndedAtMs: 100 });

describe('the audit of undos', () => {
  test('finds nothing where what was done was undone, or is owed and waits in the queue, or was settled by hand', () => {
    expect(auditUndos(recorded, [call, asked(1, 50), answered])).toEqual({ ...nothing, undone: 1 });
    expect(auditUndos(workflow('deferred', { queue: [queued] }), [call, asked(1, 50)])).toEqual({ ...nothing, owed: 1 });
    expect(auditUndos(workflow('written-off'), [call, asked(1, 50)])).toEqual(nothing);
  });

  test('finds nothing where an undo was tried again before its record, a crash in between', () => {
    expect(auditUndos(recorded, [call, asked(1, 50), answered, asked(2, 100), answered])).toEqual({ ...nothing, undone: 1 });
  });

  test('finds an undo that ran after its record, and one that ran twice under one number', () => {
    expect(auditUndos(recorded, [call, asked(1, 50), answered, asked(2, 101)]).reruns).toEqual([`${undo} attempt 2`]);
    expect(auditUndos(recorded, [call, asked(1, 50), asked(1, 60), answered]).reruns).toEqual([`${undo} attempt 1`]);
  });

  test('finds an undo that is recorded and that nobody did', () => {
    expect(auditUndos(recorded, [call, asked(1, 50)])).toMatchObject({ lost: [`${undo} is recorded and nobody did it`] });
  });

  test('finds what stands and is owed by nobody: not undone, not known, or deferred without an item in the queue', () => {
    const halfMade = [`${key} stands, and is owed by nobody`];
    expect(auditUndos(workflow('registered'), [call]).halfMade).toEqual(halfMade);
    expect(auditUndos(workflow('undone', { ledger: [] }), [call]).halfMade).toEqual(halfMade);
    expect(auditUndos(workflow('deferred'), [call, asked(1, 50)]).halfMade).toEqual(halfMade);
    expect(auditUndos(workflow('deferred', { queue: [{ ...queued, name: 'risk-limits.set' }] }), [call]).halfMade).toEqual(halfMade);
  });

  test('takes what has no undo, and what is not closed yet, for nothing left behind', () => {
    expect(auditUndos(workflow('registered', { ledger: [] }), [{ ...call, activity: 'kyc.verify' }])).toEqual(nothing);
    const { closedAtMs: _, ...open } = workflow('running', { status: 'compensating' });
    expect(auditUndos(open, [call])).toEqual(nothing);
  });

  test('finds what was undone of an onboarding that came to its end', () => {
    const live = { status: 'completed', value: 'live', compensation: 'none' } as const;
    expect(auditUndos(workflow('registered', live), [call])).toEqual(nothing);
    expect(auditUndos(workflow('registered', live), [call, asked(1, 50), answered]).halfMade).toEqual([
      `${undo} although the onboarding came to its end`,
    ]);
  });
});
