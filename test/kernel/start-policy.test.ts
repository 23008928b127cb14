import { describe, expect, test } from 'vitest';
import type { ActorRecord, WorkflowStatus } from '../../src/kernel/record.ts';
import type { StartPolicy, StartVerdict } from '../../src/kernel/start-policy.ts';
import { checkStartPolicy, judgeStart } from '../../src/kernel/start-policy.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';
import { thrownBy } from './thrown.ts';

const onboarding = { id: 'onboarding', version: '1', structureHash: 'a' };

function record(status: WorkflowStatus): ActorRecord {
  return {
    address: { workflowId: 'm-1', run: 1, path: [] },
    machine: onboarding,
    status,
    chart: { status: 'active', value: 'a', context: {}, history: {} },
    sequence: 3,
    counters: { child: 0, timer: 0 },
    timers: [],
    activities: [],
    children: 0,
    startedAtMs: 0,
    updatedAtMs: 0,
  };
}

interface Start {
  readonly status?: WorkflowStatus;
  readonly existing?: unknown;
  readonly input?: unknown;
  readonly machine?: Partial<typeof onboarding>;
  readonly policy?: StartPolicy;
}

function judge({
  status = 'running',
  existing = { name: 'A' },
  input = { name: 'A' },
  machine = {},
  policy = 'same-input',
}: Start): StartVerdict {
  const stored = { record: record(status), input: encodePayload(existing, 'input') };
  return judgeStart(stored, { ...onboarding, ...machine }, encodePayload(input, 'input'), policy);
}

const refusal = (reason: string, ...parts: string[]) => ({
  kind: 'refuse',
  error: expect.objectContaining({
    code: 'WORKFLOW_EXISTS',
    message: expect.stringMatching(new RegExp([...parts, String.raw`Use another id, or get\("m-1"\)`].join('.*'))),
    details: expect.objectContaining({ id: 'm-1', reason }),
  }),
});

const open: WorkflowStatus[] = ['running', 'parked'];
const closed: WorkflowStatus[] = ['completed', 'failed', 'cancelled', 'terminated'];

describe('starting an id again', () => {
  test.each([...open, ...closed])('with the same machine and input returns the workflow that is %s', (status) => {
    expect(judge({ status })).toEqual({ kind: 'use-existing' });
  });

  test.each<[string, unknown, unknown]>([
    ['whatever the order of keys', { a: 1, b: { c: 2, d: [3] } }, { b: { d: [3], c: 2 }, a: 1 }],
    ['with dates and maps', { at: new Date(1), map: new Map([['a', 1]]) }, { map: new Map([['a', 1]]), at: new Date(1) }],
    ['with none', undefined, undefined],
  ])('takes inputs for the same %s', (_, existing, input) => {
    expect(judge({ existing, input })).toEqual({ kind: 'use-existing' });
  });

  test.each<[string, unknown, unknown]>([
    ['another value', { name: 'A' }, { name: 'B' }],
    ['one key more', { name: 'A' }, { name: 'A', extra: undefined }],
    ['another order of a list', [1, 2], [2, 1]],
    ['another kind of the same text', { at: new Date(1) }, { at: 1 }],
    ['null instead of none', undefined, null],
    ['-0 instead of 0', 0, -0],
    ['an object instead of a list', [1], { 0: 1 }],
  ])('refuses %s', (_, existing, input) => {
    expect(judge({ existing, input })).toEqual(refusal('input', '"m-1" exists already \\(running\\) with another input'));
  });

  test('refuses another machine or version, naming both', () => {
    expect(judge({ machine: { id: 'other' } })).toEqual(refusal('machine', 'machine onboarding version 1, not other version 1'));
    expect(judge({ machine: { version: '2' } })).toEqual(refusal('machine', 'version 1, not onboarding version 2'));
  });

  test('does not mind a structure that changed under its version', () => {
    expect(judge({ machine: { structureHash: 'b' } })).toEqual({ kind: 'use-existing' });
  });
});

describe('the policy', () => {
  test('is one of six words; a misspelt one is refused with all of them', () => {
    const words = ['same-input', 'fail', 'use-existing', 'terminate-existing', 'allow', 'allow-after-failure'];
    for (const policy of words) expect(() => checkStartPolicy(policy)).not.toThrow();
    for (const policy of ['allowed', '', 'Fail', null, 7]) {
      const error = thrownBy(() => checkStartPolicy(policy));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toBe(
        `start: onExisting must be one of ${words.map((word) => `'${word}'`).join(', ')}; found ${JSON.stringify(policy)}.`,
      );
    }
  });

  test.each([...open, ...closed])('`fail` refuses even the same start, %s or not', (status) => {
    expect(judge({ status, policy: 'fail' })).toEqual(refusal('policy', `exists already \\(${status}\\) and the start says \`fail\``));
  });

  test.each(open)('`use-existing` returns what is %s, whatever the input', (status) => {
    expect(judge({ status, policy: 'use-existing', input: 'another' })).toEqual({ kind: 'use-existing' });
  });

  test('`use-existing` still refuses another machine', () => {
    expect(judge({ policy: 'use-existing', machine: { id: 'other' } })).toEqual(refusal('machine'));
  });

  test.each(closed)('`use-existing` and `terminate-existing` mean the same input for what is %s', (status) => {
    for (const policy of ['use-existing', 'terminate-existing'] as const) {
      expect(judge({ status, policy })).toEqual({ kind: 'use-existing' });
      expect(judge({ status, policy, input: 'another' })).toEqual(refusal('input', `\\(${status}\\)`));
    }
  });

  test.each(open)('`terminate-existing` ends what is %s, whatever its machine and input', (status) => {
    expect(judge({ status, policy: 'terminate-existing' })).toEqual({ kind: 'terminate-existing' });
    expect(judge({ status, policy: 'terminate-existing', input: 'another', machine: { id: 'other' } })).toEqual({
      kind: 'terminate-existing',
    });
  });
});
