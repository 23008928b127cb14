import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import type { BootRecord } from '../../src/kernel/crash-loop.ts';
import { attemptInFlight, bootAfter, crashLoopOf, isLastChance } from '../../src/kernel/crash-loop.ts';
import type { ActivityRecord } from '../../src/kernel/record.ts';

const address = rootAddress('w', 1);

function activityAt(attempt: number, lost?: number): ActivityRecord {
  return {
    n: 2,
    childId: 'c',
    src: 'work',
    name: 'work',
    input: null,
    idempotencyKey: 'k',
    scheduledAtMs: 0,
    attempt,
    uncharged: 0,
    state: 'running',
    ...(lost === undefined ? {} : { lastFailure: { class: 'AttemptLost', message: 'lost', attempt: lost } }),
  };
}

function bootThatFound(attempt: number, deaths: number, phase: BootRecord['phase'] = 'running'): BootRecord {
  return { ...bootAfter(undefined), phase, inFlight: [{ ...attemptInFlight(undefined, address, activityAt(attempt)), deaths }] };
}

describe('deaths of an attempt in flight', () => {
  const deathsOf = (before: BootRecord | undefined, activity: ActivityRecord): number => attemptInFlight(before, address, activity).deaths;

  test('the first is one, also after a clean close', () => {
    expect(deathsOf(undefined, activityAt(4))).toBe(1);
    expect(deathsOf(bootAfter(undefined), activityAt(4))).toBe(1);
  });

  test('the next attempt in flight at the next death is in a row', () => {
    expect(deathsOf(bootThatFound(1, 1), activityAt(2))).toBe(2);
    expect(deathsOf(bootThatFound(2, 2), activityAt(3))).toBe(3);
  });

  test('the same attempt did not run in the process that died: nothing is added', () => {
    expect(deathsOf(bootThatFound(3, 2), activityAt(3))).toBe(2);
  });

  test('an attempt that was lost in between is in a row, too: its process died before it left word', () => {
    expect(deathsOf(bootThatFound(1, 1), activityAt(3, 2))).toBe(2.5);
    expect(deathsOf({ ...bootThatFound(1, 1), hasProgress: true }, activityAt(3, 2))).toBe(2);
    expect(deathsOf(bootThatFound(1, 2), activityAt(4, 3))).toBe(1);
  });

  test('a later attempt than the next had an outcome in between: it begins anew', () => {
    expect(deathsOf(bootThatFound(1, 2), activityAt(3))).toBe(1);
  });

  test('the death of a process that got something else done before counts half', () => {
    expect(deathsOf({ ...bootThatFound(2, 2), hasProgress: true }, activityAt(3))).toBe(2.5);
    expect(deathsOf({ ...bootThatFound(2, 2), hasProgress: true }, activityAt(2))).toBe(2);
  });

  test('of another activity or workflow nothing is known', () => {
    expect(deathsOf(bootThatFound(1, 2), { ...activityAt(2), n: 3 })).toBe(1);
    expect(attemptInFlight(bootThatFound(1, 2), rootAddress('w', 2), activityAt(2)).deaths).toBe(1);
    expect(attemptInFlight(bootThatFound(1, 2), address, { ...activityAt(2), n: 3 }).deaths).toBe(1);
  });

  test('a boot that died before it left word is told of by the record: the attempt before was lost', () => {
    const silent = { ...bootAfter(undefined), phase: 'opening' } as const;
    expect(deathsOf(silent, activityAt(2, 1))).toBe(2);
    expect(deathsOf(silent, activityAt(3, 1))).toBe(1);
    expect(deathsOf({ ...silent, phase: 'running' }, activityAt(2, 1))).toBe(1);
  });
});

describe('deaths of a callback', () => {
  const live: ActivityRecord = { ...activityAt(0), state: 'live' };
  const deathsOf = (before: BootRecord): number => attemptInFlight(before, address, live).deaths;
  const bootWith = (deaths: number): BootRecord => ({
    ...bootAfter(undefined),
    phase: 'running',
    inFlight: [{ ...attemptInFlight(undefined, address, live), deaths }],
  });

  test('are in a row, each of them; that of a process that got something else done counts half', () => {
    expect(deathsOf({ ...bootAfter(undefined), phase: 'running' })).toBe(1);
    expect(deathsOf(bootWith(1))).toBe(2);
    expect(deathsOf(bootWith(2))).toBe(3);
    expect(deathsOf({ ...bootWith(1), hasProgress: true })).toBe(1.5);
  });

  test('do not count where it was kept back', () => {
    const { inFlight, ...before } = bootWith(2);
    expect(deathsOf({ ...before, inFlight: inFlight.map((each) => ({ ...each, isHeld: true as const })) })).toBe(2);
  });
});

describe('names in the boot record', () => {
  const died = (named: readonly string[], suspects: BootRecord['suspects'] = []): BootRecord => ({
    ...bootAfter(undefined),
    named,
    suspects,
  });

  test('a death under one name is held against it', () => {
    expect(bootAfter(died(['a'])).suspects).toEqual([{ id: 'a', deaths: 1 }]);
    expect(bootAfter(died(['a'], [{ id: 'a', deaths: 1 }])).suspects).toEqual([{ id: 'a', deaths: 2 }]);
  });

  test('a death under many names is held against nobody, and each is gone through alone next time', () => {
    const suspects = bootAfter(died(['a', 'b'], [{ id: 'b', deaths: 1 }])).suspects;
    expect(suspects).toEqual([
      { id: 'b', deaths: 1 },
      { id: 'a', deaths: 0 },
    ]);
  });

  test('a death under no name changes nothing', () => {
    const before = died([], [{ id: 'a', deaths: 1 }]);
    expect(bootAfter(before)).toEqual({ ...before, phase: 'opening' });
  });
});

test('three deaths of an attempt, or two alone after one that named nobody, are a loop', () => {
  expect([crashLoopOf(2, 0), crashLoopOf(0, 1), crashLoopOf(2, 1)]).toEqual([undefined, undefined, undefined]);
  expect(crashLoopOf(3, 0)).toEqual({ class: 'CrashLoop', message: 'It was in flight at 3 deaths of the process in a row.' });
  expect(crashLoopOf(0, 2)?.class).toBe('CrashLoop');
});

test('deaths of callbacks are a loop only if the last of them was under the name of the workflow', () => {
  expect([crashLoopOf(0, 0, 9), crashLoopOf(0, 1, 2), crashLoopOf(2, 0, 3)]).toEqual([undefined, undefined, undefined]);
  expect(crashLoopOf(0, 1, 2.5)?.class).toBe('CrashLoop');
  expect(crashLoopOf(0, 1, 3)?.class).toBe('CrashLoop');
});

test('with one death left it is the last chance', () => {
  expect([1, 1.5, 2, 2.5, 3].map(isLastChance)).toEqual([false, false, true, true, true]);
});
