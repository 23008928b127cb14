import { describe, expect, test } from 'vitest';
import { entriesOf, readLedger } from './outside-ledger.ts';
import type { ParcelStep } from './parcel-machine.ts';
import { dyingParcel } from './parcel-machine.ts';
import { expectRecovery, newPlace } from './places.ts';
import { startWorkload } from './workload-process.ts';
import type { Ending } from './workload-process.ts';
import type { Death } from './workload.ts';

const killed = { code: null, signal: 'SIGKILL', stderr: '' } as const;

/** Lets a process die in a step, recovers, and gives the attempts that were called of each step. */
async function attemptsAround(
  step: ParcelStep,
  death: Death,
): Promise<{ ending: Ending; attempts: Record<string, number[]>; keys: number }> {
  const place = await newPlace();
  const ending = await startWorkload({ kind: 'die', ...place, step, death }).ended;
  await expectRecovery(place, `${death} at ${step}`);
  const calls = entriesOf(readLedger(place.ledger), 'called').filter(({ id }) => id === `p-${dyingParcel}`);
  const attempts: Record<string, number[]> = {};
  for (const { step: called, attempt } of calls) (attempts[called] ??= []).push(attempt);
  return { ending, attempts, keys: new Set(calls.map(({ key }) => key)).size };
}

describe('a step whose effect happened, but whose outcome was not recorded, runs again with the same key and the next attempt', () => {
  test('after a kill in the middle of the call', async () => {
    const { ending, attempts, keys } = await attemptsAround('pack', 'kill in the call');
    expect(ending).toEqual(killed);
    expect(attempts).toEqual({ label: [1], pack: [1, 2], ship: [1] });
    expect(keys).toBe(3);
  });

  test.each(['label', 'pack', 'ship'] as const)('after a kill right before the outcome of %s is written', async (step) => {
    const { ending, attempts, keys } = await attemptsAround(step, 'kill before the record');
    expect(ending).toEqual(killed);
    expect(attempts).toEqual({ label: [1], pack: [1], ship: [1], [step]: [1, 2] });
    expect(keys).toBe(3);
  });

  test('after process.exit in the call', async () => {
    const { ending, attempts, keys } = await attemptsAround('pack', 'exit');
    expect(ending).toEqual({ code: 3, signal: null, stderr: '' });
    expect(attempts).toEqual({ label: [1], pack: [1, 2], ship: [1] });
    expect(keys).toBe(3);
  });

  test('after an unhandled rejection in the call, of which the process dies as any process does', async () => {
    const { ending, attempts, keys } = await attemptsAround('pack', 'unhandled rejection');
    expect(ending).toMatchObject({ code: 1, signal: null });
    expect(ending.stderr).toContain('nobody caught this');
    expect(attempts).toEqual({ label: [1], pack: [1, 2], ship: [1] });
    expect(keys).toBe(3);
  });
});

describe('a step whose outcome is recorded is not run again', () => {
  // The first attempt of the next step was begun by the same batch, but its code was never called: it counts as lost.
  test.each([
    ['label', { label: [1], pack: [2], ship: [1] }],
    ['pack', { label: [1], pack: [1], ship: [1] }],
    ['ship', { label: [1], pack: [1], ship: [1] }],
  ] as const)('after a kill between the record of %s and what follows', async (step, expected) => {
    const { ending, attempts } = await attemptsAround(step, 'kill after the record');
    expect(ending).toEqual(killed);
    expect(attempts).toEqual(expected);
  });
});

test('killed at 20 boots in a row before anything is written, a process finds everything as it was, and no attempt used up', async () => {
  const place = await newPlace();
  await startWorkload({ kind: 'die', ...place, step: 'pack', death: 'kill in the call' }).ended;
  for (let boot = 1; boot <= 20; boot += 1) {
    expect(await startWorkload({ kind: 'die at boot', ...place }).ended).toEqual(killed);
  }
  await expectRecovery(place, 'boots');
  const packed = entriesOf(readLedger(place.ledger), 'called').filter(({ id, step }) => id === `p-${dyingParcel}` && step === 'pack');
  expect(packed.map(({ attempt }) => attempt)).toEqual([1, 2]);
}, 60_000);
