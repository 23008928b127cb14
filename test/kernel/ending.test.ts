/** Ending from outside: what is asked for, and what comes of it where it has ended. */
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { cancelOf, terminateOf, whenEnded } from '../../src/kernel/ending.ts';
import { at, began, controlled, decidedOn, signal, took } from './workflows.ts';

const plain = setup({}).createMachine({
  id: 'plain',
  version: '1',
  initial: 'open',
  states: { open: { on: { CLOSE: 'closed' } }, closed: { type: 'final' } },
});

const careful = setup({}).createMachine({
  id: 'careful',
  version: '1',
  initial: 'open',
  states: { open: { on: { 'workflow.cancel': 'tidying', SHUT: 'deaf' } }, deaf: { on: { '*': 'open' } }, tidying: {} },
});

describe('a request', () => {
  test('says why and by whom, and why by default', () => {
    expect(cancelOf()).toEqual({ kind: 'cancel', reason: 'It was cancelled.' });
    expect(cancelOf({ by: 'eva', reason: 'late' })).toEqual({ kind: 'cancel', reason: 'late', by: 'eva' });
    expect(terminateOf()).toEqual({ kind: 'terminate', reason: 'It was terminated.', isForAll: true });
    expect(terminateOf({ by: 'eva' })).toMatchObject({ by: 'eva' });
  });

  test.each<[unknown, string]>([
    [{ reason: 7 }, 'cancel: reason must be text of at most 1000 characters; found number.'],
    [{ by: 'x'.repeat(1_001) }, 'cancel: by must be text of at most 1000 characters; found 1001 characters.'],
    [{ why: 'late' }, 'why'],
    ['late', 'cancel'],
  ])('with %j is refused with a sentence', (options, sentence) => {
    expect(() => cancelOf(options)).toThrow(TypeError);
    expect(() => cancelOf(options)).toThrow(sentence);
  });
});

describe('a workflow that is asked to cancel', () => {
  test('and says nothing to it is cancelled, once', () => {
    const { commit, actor } = took(began(plain).actor, cancelOf({ reason: 'late' }));
    expect(commit).toMatchObject({ journal: { outcome: 'cancelled' }, record: { status: 'cancelled', failure: { message: 'late' } } });
    expect(decidedOn(actor, cancelOf(), at(9_000))).toEqual({ kind: 'ignore' });
  });

  test('and takes it goes on, with a note of who asked first, and is asked no more', () => {
    const { commit, actor } = took(began(careful).actor, cancelOf({ reason: 'late', by: 'eva' }), at(5_000));
    expect(commit.record).toMatchObject({
      status: 'running',
      chart: { value: 'tidying' },
      cancelRequested: { atMs: 5_000, reason: 'late', by: 'eva' },
    });
    expect(commit.record).not.toHaveProperty('isDetached');
    expect(decidedOn(actor, cancelOf(), at(9_000))).toEqual({ kind: 'ignore' });
    expect(took(actor, signal('OTHER')).commit.record.cancelRequested).toEqual({ atMs: 5_000, reason: 'late', by: 'eva' });
    expect(controlled(actor, 'pause').commit.record.cancelRequested).toEqual({ atMs: 5_000, reason: 'late', by: 'eva' });
  });

  test('in a state that takes any event at all, but not this one by name, is cancelled', () => {
    const deaf = took(began(careful).actor, signal('SHUT'));
    expect(took(deaf.actor, cancelOf()).commit.record).toMatchObject({ status: 'cancelled', chart: { value: 'deaf' } });
  });

  test('after it ended otherwise is refused', () => {
    const { actor, commit } = took(began(plain).actor, signal('CLOSE'));
    expect(decidedOn(actor, cancelOf(), at(9_000))).toMatchObject({ kind: 'refuse', error: { code: 'WORKFLOW_CLOSED' } });
    expect(whenEnded(commit.record, cancelOf())).toMatchObject({ kind: 'refuse', error: { code: 'WORKFLOW_CLOSED' } });
    expect(whenEnded(commit.record, terminateOf())).toMatchObject({ kind: 'refuse' });
    expect(whenEnded({ ...commit.record, status: 'terminated' }, terminateOf())).toEqual({ kind: 'ignore' });
    expect(whenEnded({ ...commit.record, status: 'cancelled' }, cancelOf())).toEqual({ kind: 'ignore' });
  });
});
