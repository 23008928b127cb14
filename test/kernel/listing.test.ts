import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import { limits } from '../../src/kernel/limits.ts';
import {
  isInState,
  leavesOf,
  listedWorkflow,
  listingChange,
  listingOf,
  statusShown,
  unreadableWorkflow,
} from '../../src/kernel/listing.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import { sampleCommit } from '../storage/samples.ts';

const { record } = sampleCommit(1);
const failure = { class: 'OutOfStock', message: 'none left' };
const failed: ActorRecord = { ...record, status: 'failed', closedAtMs: 1_700_000_000_009, failure };
const registered = (): boolean => false;
const gone = (): boolean => true;

const at = (value: ActorRecord['chart']['value']): ActorRecord => ({ ...record, chart: { ...record.chart, value } });

describe('the states of a value that have none below them', () => {
  test.each([
    ['open', ['open']],
    [{ open: 'paying' }, ['open.paying']],
    [{ b: { x: 'y' }, a: {} }, ['a', 'b.x.y']],
    [{ open: { left: 'l', right: {} } }, ['open.left.l', 'open.right']],
    [{}, []],
    [null, []],
    ['v1.2', ['v1\\.2']],
    [{ 'a\\b': 'c.d' }, ['a\\\\b.c\\.d']],
  ] as const)('of %j are %j', (value, leaves) => {
    expect(leavesOf(value)).toEqual(leaves);
  });

  test('say which states are active: those, and all above them', () => {
    const leaves = leavesOf({ working: { kyc: 'asking', mail: 'sent' } });
    for (const state of ['working', 'working.kyc', 'working.kyc.asking', 'working.mail']) expect(isInState(leaves, state)).toBe(true);
    for (const state of ['work', 'kyc', 'working.kyc.ask', 'working.kyc.asking.more', '']) expect(isInState(leaves, state)).toBe(false);
  });
});

describe('what a commit changes for lists and counts', () => {
  test('is everything at the first step', () => {
    expect(listingChange(undefined, record)).toEqual({ after: listingOf(record) });
  });

  test.each<[string, ActorRecord, ActorRecord]>([
    ['a child', record, { ...failed, address: { ...record.address, path: [1] } }],
    ['another context', record, { ...record, chart: { ...record.chart, context: { total: 1 } } }],
    ['the same value in another object', record, at({ open: 'paying' })],
    ['the same atomic state', at('open'), at('open')],
  ])('is nothing for %s', (_, before, after) => {
    expect(listingChange(before, after)).toBeUndefined();
  });

  test.each<[string, ActorRecord, ActorRecord]>([
    ['another status', record, failed],
    ['another state', at('open'), at('shut')],
    ['another state below', record, at({ open: 'packing' })],
    ['a state without any below', record, at('open')],
  ])('is before and after for %s', (_, before, after) => {
    expect(listingChange(before, after)).toEqual({ before: listingOf(before), after: listingOf(after) });
  });
});

describe('a workflow in a list', () => {
  test('is shown without its context', () => {
    expect(listedWorkflow(record, registered)).toEqual({
      id: 'order-1',
      run: 1,
      machine: { id: 'order', version: '1' },
      status: 'running',
      value: { open: 'paying' },
      startedAtMs: 1_700_000_000_000,
    });
    expect(listedWorkflow(failed, gone)).toMatchObject({ status: 'failed', closedAtMs: 1_700_000_000_009, failureClass: 'OutOfStock' });
  });

  test('is parked while its version is not registered, unless it is closed', () => {
    const poisoned: ActorRecord = { ...record, status: 'parked', parked: { reason: 'poison', failure } };
    expect(listedWorkflow(poisoned, registered)).toMatchObject({ status: 'parked', parkedReason: 'poison' });
    expect(listedWorkflow(poisoned, gone)).toMatchObject({ status: 'parked', parkedReason: 'version-missing' });
    expect(listedWorkflow(record, gone)).toMatchObject({ status: 'parked', parkedReason: 'version-missing' });
    expect(statusShown('paused', 'order', '1', gone)).toBe('parked');
    expect(statusShown('paused', 'order', '1', registered)).toBe('paused');
    expect(statusShown('completed', 'order', '1', gone)).toBe('completed');
  });

  test('that cannot be read is parked, with what else is known of it', () => {
    expect(unreadableWorkflow(rootAddress('a', 2), { startedAtMs: 5 })).toEqual({
      id: 'a',
      run: 2,
      status: 'parked',
      parkedReason: 'record-damaged',
      startedAtMs: 5,
    });
  });
});

test('the states of very many values are told, though not all of them are remembered', () => {
  const first = leavesOf('state 0');
  expect(leavesOf('state 0')).toBe(first);
  for (let n = 1; n <= limits.statesRememberedMax; n += 1) expect(leavesOf(`state ${n}`)).toEqual([`state ${n}`]);
  expect(leavesOf('state 0')).toEqual(first);
  expect(leavesOf('state 0')).not.toBe(first);
});
