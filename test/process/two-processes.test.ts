import { openRuntime } from 'perdure';
import { expect, test } from 'vitest';
import { openInProcess } from '../storage/others.ts';
import { openLedger, readLedger, entriesOf } from './outside-ledger.ts';
import { parcelIn } from './parcel-machine.ts';
import type { Place } from './places.ts';
import { expectRecovery, newPlace, parcelNumbers } from './places.ts';
import type { WorkloadProcess } from './workload-process.ts';
import { startWorkload } from './workload-process.ts';

/** Slow enough to leave the processors to the others. */
function deliverOn(place: Place): WorkloadProcess {
  return startWorkload({ kind: 'deliver', ...place, first: 1, atOnce: 4, callMs: 50 });
}

/** Lets the owner acknowledge more, kills it, and checks that all of it is there. */
async function expectUnharmed(owner: WorkloadProcess, place: Place): Promise<void> {
  const closed = entriesOf(readLedger(place.ledger), 'closed').length;
  await owner.hears('closed', closed + 8);
  await owner.kill();
  await expectRecovery(place, 'after refused attempts');
}

test('a second process is refused, told who has the store, and ends; what the first acknowledges afterwards survives a kill', async () => {
  const place = await newPlace();
  const owner = deliverOn(place);
  await owner.hears('closed');
  const { ledger } = await newPlace();
  const second = startWorkload({ kind: 'deliver', path: place.path, ledger, first: 1, atOnce: 1 });
  const third = await openInProcess(place.path);
  const refused = await second.hears('refused');
  expect(await second.ended).toEqual({ code: 1, signal: null, stderr: '' });
  expect(readLedger(ledger)).toEqual([refused]);
  for (const { code, message } of [refused, third.opened]) {
    expect(code).toBe('STORE_LOCKED');
    expect(message).toContain(`in use by process ${owner.pid} on `);
  }
  await third.close();
  await expectUnharmed(owner, place);
});

test('a second open in the same process is refused, and does not let other processes in', async () => {
  const place = await newPlace();
  const owner = startWorkload({ kind: 'deliver', ...place, first: 1, atOnce: 4, callMs: 50, opensAgain: true });
  expect((await owner.hears('refused')).code).toBe('STORE_LOCKED');
  const other = await openInProcess(place.path);
  expect(other.opened.code).toBe('STORE_LOCKED');
  await other.close();
  await expectUnharmed(owner, place);
});

test('an owner that is stopped keeps the store, and works on when it is continued', async () => {
  const place = await newPlace();
  const owner = deliverOn(place);
  await owner.hears('closed');
  owner.signal('SIGSTOP');
  const other = await openInProcess(place.path);
  owner.signal('SIGCONT');
  expect(other.opened.code).toBe('STORE_LOCKED');
  await other.close();
  await expectUnharmed(owner, place);
});

test('when the owner is killed, the next process gets in at once and goes on', async () => {
  const place = await newPlace();
  const owner = deliverOn(place);
  await owner.hears('closed', 5);
  await owner.kill();
  const last = parcelNumbers(readLedger(place.ledger)).length;
  const next = startWorkload({ kind: 'deliver', ...place, first: 1, last, atOnce: 8 });
  expect(await next.ended).toEqual({ code: 0, signal: null, stderr: '' });
  await expectRecovery(place, 'after the next process');
});

test('a process that waits for the store takes over when its owner is killed', async () => {
  const place = await newPlace();
  const owner = deliverOn(place);
  await owner.hears('closed');
  const machine = parcelIn({ ledger: openLedger(place.ledger) });
  let isWaiting = true;
  const waiting = openRuntime({ path: place.path, machines: [machine], onLocked: 'wait' }).finally(() => (isWaiting = false));
  await owner.hears('closed', 8);
  expect(isWaiting).toBe(true);
  await owner.kill();
  await (await waiting).close();
  await expectRecovery(place, 'after taking over');
});
