import { expect, test } from 'vitest';
import { AbortHandle } from '../../src/runtime/abort-handle.ts';

test('a signal asked for before is aborted with the reason, once', () => {
  const handle = new AbortHandle();
  const { signal } = handle;
  expect(signal.aborted).toBe(false);
  handle.abort('state-left');
  handle.abort('shutdown');
  expect(handle.signal).toBe(signal);
  expect([signal.aborted, signal.reason]).toEqual([true, 'state-left']);
});

test('a signal asked for afterwards is aborted with the first reason', () => {
  const handle = new AbortHandle();
  handle.abort('state-left');
  handle.abort('shutdown');
  expect([handle.signal.aborted, handle.signal.reason]).toEqual([true, 'state-left']);
});
