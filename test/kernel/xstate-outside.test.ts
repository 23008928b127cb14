import { describe, expect, test, vi } from 'vitest';
import type { AnyActorLogic, AnyActorRef, EventObject, Observer, Subscribable } from 'xstate';
import { fromCallback, fromEventObservable, fromObservable, setup } from 'xstate';
import { rootAddress } from '../../src/kernel/address.ts';
import { envelopeOfNews } from '../../src/kernel/volatile-news.ts';
import type { VolatileNews } from '../../src/kernel/xstate-outside.ts';
import { outsideReferences, startVolatile } from '../../src/kernel/xstate-outside.ts';
import type { Identity } from '../../src/kernel/xstate-reference.ts';
import { Family } from './families.ts';
import { signal } from './workflows.ts';

const ear: Identity = { sessionId: 'w:1:7', id: 'ear' };

function begin(logic: AnyActorLogic, input: unknown = null, isWatched = false) {
  const news: VolatileNews[] = [];
  const sent: unknown[] = [];
  const surroundings = {
    snapshotOf: () => undefined,
    shownOf: (sessionId: string) => ({ shown: sessionId }),
    find: (systemId: string) => (systemId === 'ear' ? ear : undefined),
    named: () => new Map([['ear', ear]]),
  };
  const outside = { surroundings, send: (to: string, event: EventObject) => sent.push([to, event]) };
  const child = startVolatile(logic, { childId: 'c', input: input as never, isWatched }, outside, (said) => news.push(said));
  return { child, news, sent, outside };
}

/** An observable whose values a test gives. */
function subject<Value>() {
  const observers = new Set<Observer<Value>>();
  const unsubscribe = vi.fn();
  return {
    observable: {
      subscribe: ((observer: Observer<Value>) => (observers.add(observer), { unsubscribe })) as Subscribable<Value>['subscribe'],
    },
    unsubscribe,
    next: (value: Value) => observers.forEach((observer) => observer.next?.(value)),
    complete: () => observers.forEach((observer) => observer.complete?.()),
    error: (error: unknown) => observers.forEach((observer) => observer.error?.(error)),
  };
}

describe('a callback', () => {
  test('sends to its parent, hears what it is sent, finds others, and cleans up', () => {
    const clean = vi.fn();
    const logic = fromCallback<EventObject, { size: number }>(({ input, sendBack, receive, system }) => {
      sendBack({ type: 'BEGUN', size: input.size });
      receive((event) => {
        sendBack({ type: `HEARD ${event.type}` });
        (system as { get(id: string): AnyActorRef | undefined }).get('ear')?.send({ type: 'PSST' });
      });
      return clean;
    });
    const { child, news, sent } = begin(logic, { size: 3 });
    expect(news).toEqual([{ kind: 'event', event: { type: 'BEGUN', size: 3 } }]);
    child.send({ type: 'X' });
    expect(news.at(-1)).toEqual({ kind: 'event', event: { type: 'HEARD X' } });
    expect(sent).toEqual([['w:1:7', { type: 'PSST' }]]);
    expect(clean).not.toHaveBeenCalled();
    child.stop();
    expect(clean).toHaveBeenCalledOnce();
  });

  test('that throws has failed', () => {
    const { news } = begin(
      fromCallback(() => {
        throw new RangeError('no socket');
      }),
    );
    expect(news).toMatchObject([{ kind: 'failed', error: { message: 'no socket' } }]);
  });

  test('is given references in its input that send', () => {
    const logic = fromCallback<EventObject, { to: AnyActorRef }>(({ input }) => input.to.send({ type: 'HELLO' }));
    const { sent } = begin(logic, { to: { $type: 'ActorRef', value: 'w:1:4', id: 'four' } });
    expect(sent).toEqual([['w:1:4', { type: 'HELLO' }]]);
  });
});

describe('an observable', () => {
  test('shows its values to a parent that watches, as plain data, and its end', () => {
    const { observable, next, complete } = subject<number>();
    const { news } = begin(
      fromObservable(() => observable),
      null,
      true,
    );
    next(1);
    next(2);
    complete();
    const values = news.filter(({ kind }) => kind === 'snapshot') as unknown as { snapshot: { context: unknown; status: string } }[];
    expect(values.map(({ snapshot }) => snapshot.context)).toEqual(expect.arrayContaining([1, 2]));
    for (const { snapshot } of values) expect(() => JSON.stringify(snapshot)).not.toThrow();
    for (const { snapshot } of values) expect(snapshot).not.toHaveProperty('_subscription');
    expect(news.at(-1)).toMatchObject({ kind: 'done' });
  });

  test('says nothing of its values to a parent that does not, only of its end', () => {
    const { observable, next, error } = subject<number>();
    const { news } = begin(fromObservable(() => observable));
    next(1);
    expect(news).toEqual([]);
    error(new RangeError('broken off'));
    expect(news).toMatchObject([{ kind: 'failed', error: { message: 'broken off' } }]);
  });

  test('of events sends them to its parent, and is let go when it is stopped', () => {
    const { observable, next, unsubscribe } = subject<EventObject>();
    const { news, child } = begin(fromEventObservable(() => observable));
    next({ type: 'TICK' });
    expect(news).toEqual([{ kind: 'event', event: { type: 'TICK' } }]);
    child.stop();
    expect(unsubscribe).toHaveBeenCalledOnce();
  });
});

test('references outside of a step send, and show what is on disk', () => {
  const { outside, sent } = begin(fromCallback(() => undefined));
  const { references, system } = outsideReferences(outside);
  const found = references('w:1:7', 'ear') as AnyActorRef;
  found.send({ type: 'X' });
  expect(sent).toEqual([['w:1:7', { type: 'X' }]]);
  expect(found.getSnapshot()).toEqual({ shown: 'w:1:7' });
  const { get, getAll } = system as { get(id: string): AnyActorRef | undefined; getAll(): Record<string, AnyActorRef> };
  expect(get('ear')?.sessionId).toBe('w:1:7');
  expect(get('nobody')).toBeUndefined();
  expect(Object.keys(getAll())).toEqual(['ear']);
});

test('what a volatile child says is an envelope; what cannot be kept is its failure', () => {
  const parent = rootAddress('w', 1);
  expect(envelopeOfNews(parent, 3, { kind: 'event', event: { type: 'X', at: new Date(1) } as EventObject })).toEqual({
    kind: 'message',
    event: { type: 'X', at: { $type: 'Date', value: 1 } },
    from: [3],
  });
  expect(envelopeOfNews(parent, 3, { kind: 'done', output: 5n })).toMatchObject({ kind: 'child-done', n: 3, output: { value: '5' } });
  expect(envelopeOfNews(parent, 3, { kind: 'snapshot', snapshot: { context: 1 } })).toMatchObject({ kind: 'child-snapshot', n: 3 });
  expect(envelopeOfNews(parent, 3, { kind: 'failed', error: new RangeError('x') })).toMatchObject({
    kind: 'child-failed',
    failure: { class: 'RangeError' },
  });
  expect(envelopeOfNews(parent, 3, { kind: 'event', event: { type: 'X', call: () => 1 } as EventObject })).toMatchObject({
    kind: 'child-failed',
    n: 3,
    failure: { message: expect.stringContaining('event.call is a function') },
  });
});

describe('a volatile child in its workflow', () => {
  const machine = setup({
    actors: { ticks: fromObservable(() => subject<number>().observable), socket: fromCallback(() => undefined) },
  }).createMachine({
    id: 'm',
    version: '1',
    initial: 'on',
    states: {
      on: {
        invoke: { src: 'ticks', id: 'ticks', onDone: 'done', onError: 'failed', onSnapshot: {} },
        on: { LEAVE: 'off', BRIEF: 'brief', END: 'end' },
      },
      brief: { invoke: { src: 'socket' }, always: 'off' },
      off: {},
      done: {},
      failed: {},
      end: { type: 'final' },
    },
  });
  const begun = (): Family => new Family(machine).reopen();

  test('is begun by the commit that wants it, without an attempt, and is there after a restart', () => {
    const family = begun();
    expect(family.last[0]?.commit.effects).toEqual([{ kind: 'start-volatile', n: 1 }]);
    expect(family.root.activities.get(1)).toMatchObject({ kind: 'volatile', state: 'live', isWatched: true, attempt: 0 });
    expect(family.tree.isActive).toBe(true);
  });

  test('tells its parent of values, end and failure', () => {
    const [shown] = begun().tell([], { kind: 'child-snapshot', n: 1, snapshot: { context: 5 } });
    expect(shown).toMatchObject({ journal: { outcome: 'applied' }, record: { activities: [{ n: 1 }] } });
    const [done] = begun().tell([], { kind: 'child-done', n: 1, output: null });
    expect(done).toMatchObject({ activitiesRemoved: [1], effects: [], record: { chart: { value: 'done' } } });
    const failure = { class: 'Broken', message: 'x' };
    const [failing] = begun().tell([], { kind: 'child-failed', n: 1, error: null, failure });
    expect(failing).toMatchObject({ record: { chart: { value: 'failed' }, activityFailure: failure } });
  });

  test.each([
    ['LEAVE', 'off'],
    ['END', 'end'],
  ])('is stopped when its state is left (%s), and not heard any more', (event, value) => {
    const family = begun();
    expect(family.send(event)).toMatchObject([
      { effects: [{ kind: 'stop-volatile', n: 1 }], activitiesRemoved: [1], record: { chart: { value } } },
    ]);
    expect(family.tell([], { kind: 'child-done', n: 1, output: null })).toEqual([]);
  });

  test('begun and stopped in one step never begins', () => {
    const [commit] = begun().send('BRIEF');
    expect(commit).toMatchObject({ effects: [{ kind: 'stop-volatile', n: 1 }], activitiesPut: [], activitiesRemoved: [1] });
    expect(commit?.effects).toHaveLength(1);
  });

  test('may be sent to by its parent and send to it', () => {
    const family = begun();
    family.tell([], { kind: 'message', event: { type: 'LEAVE' }, from: [1] });
    expect(family.values).toEqual({ '': 'off' });
    expect(family.tell([], signal('NOBODY'))).toMatchObject([{ journal: { outcome: 'unhandled' } }]);
  });
});
