import { openRuntime } from 'perdure';
import { describe, expect, test } from 'vitest';
import type { LedgerEntry } from './outside-ledger.ts';
import { entriesOf, openLedger, readLedger } from './outside-ledger.ts';
import { patientMachine } from './patient-machine.ts';
import type { Place } from './places.ts';
import { expectRecovery, newPlace } from './places.ts';
import { startWorkload } from './workload-process.ts';

const patients = ['w-1', 'w-2', 'w-3'];

/** What was written after the runtime was asked to close. */
function afterClosing(ledger: readonly LedgerEntry[]): LedgerEntry[] {
  const closing = ledger.findIndex(({ kind }) => kind === 'closing');
  expect(closing).toBeGreaterThan(-1);
  return ledger.slice(closing + 1);
}

/** The policy allows two attempts: had the first been charged, the second, which fails, were the last. */
const notCharged = [
  'start "waiting"',
  'attempt-released "waiting"',
  'attempt-due "waiting"',
  'attempt-failed "waiting"',
  'attempt-due "waiting"',
  'attempt-completed "done"',
];

/** Runs what was interrupted to its end; gives the kinds of what happened to each. */
async function finish({ path, ledger }: Place): Promise<string[][]> {
  const machine = patientMachine(openLedger(ledger), 'clumsy');
  const runtime = await openRuntime({ path, machines: [machine] });
  try {
    return await Promise.all(
      patients.map(async (id) => {
        await (await runtime.get(id)).waitFor((snapshot) => snapshot.status !== 'active');
        return (await runtime.history(id)).map(({ kind, value }) => `${kind} ${JSON.stringify(value)}`);
      }),
    );
  } finally {
    await runtime.close();
  }
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s on a program that closes its runtime', (signal) => {
  test('under load ends it with exit code 0; nothing is called afterwards, and nothing is lost', async () => {
    const place = await newPlace();
    const program = startWorkload({ kind: 'deliver', ...place, first: 1, atOnce: 32, callMs: 5 });
    await program.hears('closed', 3);
    program.signal(signal);
    expect(await program.ended).toEqual({ code: 0, signal: null, stderr: '' });
    const after = afterClosing(readLedger(place.ledger));
    expect(after.map(({ kind }) => kind)).not.toContain('called');
    expect(after.map(({ kind }) => kind)).toContain('over');
    await expectRecovery(place, `after ${signal}`);
  });

  test('tells running activities that it is a shutdown, and does not charge their attempts', async () => {
    const place = await newPlace();
    const program = startWorkload({ kind: 'be patient', ...place, isDeaf: false, grace: '1h' });
    await program.hears('started', patients.length);
    await program.hears('called', patients.length);
    program.signal(signal);
    expect(await program.ended).toEqual({ code: 0, signal: null, stderr: '' });
    const aborted = patients.map((id) => ({ kind: 'aborted', key: `${id}:1::1`, attempt: 1, reason: 'shutdown' }));
    expect(afterClosing(readLedger(place.ledger))).toEqual([...aborted, { kind: 'over' }]);
    expect(await finish(place)).toEqual(patients.map(() => notCharged));
  });

  test('does not wait longer than the grace period for an activity that does not listen', async () => {
    const place = await newPlace();
    const program = startWorkload({ kind: 'be patient', ...place, isDeaf: true, grace: '10ms' });
    await program.hears('called', patients.length);
    program.signal(signal);
    expect(await program.ended).toEqual({ code: 0, signal: null, stderr: '' });
    expect(entriesOf(readLedger(place.ledger), 'aborted').map(({ reason }) => reason)).toEqual(['shutdown', 'shutdown', 'shutdown']);
    expect(await finish(place)).toEqual(patients.map(() => notCharged));
  });
});

test('a second signal while it waits for an activity ends the program at once, and the store is consistent', async () => {
  const place = await newPlace();
  const program = startWorkload({ kind: 'be patient', ...place, isDeaf: true, grace: '1h' });
  await program.hears('called', patients.length);
  program.signal('SIGINT');
  await program.hears('aborted', patients.length);
  program.signal('SIGINT');
  expect(await program.ended).toEqual({ code: 130, signal: null, stderr: '' });
  expect(readLedger(place.ledger).map(({ kind }) => kind)).not.toContain('over');
  // Nobody gave the attempts back: they are lost and count, so that the second, which fails, is the last. Its beginning is a
  // commit of its own if the process was killed before its boot was over.
  const history = ['start "waiting"', 'attempt-lost "waiting"', 'attempt-failed "failed"'];
  const found = (await finish(place)).map((kinds) => kinds.filter((kind) => !kind.startsWith('attempt-due')));
  expect(found).toEqual(patients.map(() => history));
});
