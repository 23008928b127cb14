import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { encodeChart, reviveActor } from '../../src/kernel/actor.ts';
import { limits } from '../../src/kernel/limits.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import type { Json } from '../../src/kernel/json.ts';
import { thrownBy } from './thrown.ts';
import { at, began, completed, decidedOn, revive, signal, storedOf, taken, took, treeOf, walked } from './workflows.ts';

interface Bag {
  readonly [key: string]: unknown;
}

/** A chart whose context is its input. */
const empty: Bag = {};
const bag = setup({ types: { context: empty, input: empty } }).createMachine({
  id: 'bag',
  version: '1',
  context: ({ input }) => input,
  on: { KEEP: {} },
});

describe('the context in a commit', () => {
  test('is encoded key by key, with everything that survives the way to disk', () => {
    const context = { at: new Date(5), map: new Map([['a', 1n]]), nothing: undefined, none: null, minus: -0, __proto: 1 };
    const { actor, commit } = began(bag, context);
    expect(commit.record.chart.context).toMatchObject({ at: { $type: 'Date', value: 5 }, none: null });
    expect(revive(actor).chart.snapshot.context).toStrictEqual(context);
  });

  test('keeps the keys "$type" and "__proto__" of what is in it', () => {
    const text = '{"$type":"Date","value":{"__proto__":{"polluted":true},"$type":{"$type":"Map"}}}';
    const { actor } = walked(began(bag, JSON.parse(text)).actor, signal('KEEP'), signal('KEEP'));
    expect(JSON.stringify(revive(actor).chart.snapshot.context)).toBe(text);
    expect(({} as Bag)['polluted']).toBeUndefined();
  });

  test('is journaled by the keys that changed', () => {
    const machine = setup({ types: { context: {} as { count: number; list: string[]; gone?: string } } }).createMachine({
      id: 'delta',
      version: '1',
      context: { count: 0, list: ['a'], gone: 'x' },
      on: {
        COUNT: { actions: assign({ count: ({ context }) => context.count + 1 }) },
        SAME: { actions: assign({ list: ({ context }) => context.list }) },
      },
    });
    const first = began(machine);
    expect(took(first.actor, signal('COUNT')).commit.journal.context).toEqual({ set: { count: 1 }, removed: [] });
    expect(took(first.actor, signal('SAME')).commit.journal.context).toEqual({ set: {}, removed: [] });
  });

  test('folds back from the journal at every step', () => {
    const machine = setup({ types: { context: empty } }).createMachine({
      id: 'fold',
      version: '1',
      context: { a: 0, b: null },
      on: {
        A: { actions: assign({ a: ({ context }) => (context['a'] as number) + 1 }) },
        C: { actions: assign({ c: () => new Set([1]), b: () => undefined }) },
      },
    });
    let step = began(machine);
    let folded: Record<string, Json> = {};
    for (const type of ['A', 'C', 'A', 'NONE', 'C']) {
      folded = { ...folded, ...step.commit.journal.context.set };
      for (const key of step.commit.journal.context.removed) delete folded[key];
      expect(folded).toEqual(step.commit.record.chart.context);
      step = took(step.actor, signal(type));
    }
  });

  test('mutated in place is caught up with at the next full snapshot', () => {
    const machine = setup({ types: { context: {} as { list: number[] } } }).createMachine({
      id: 'mutating',
      version: '1',
      context: { list: [] },
      on: { PUSH: { actions: assign(({ context }) => (context.list.push(1), {})) } },
    });
    let { actor } = began(machine);
    // Not decided twice as elsewhere: the code of this chart is not pure.
    const push = () => taken(decidedOn(actor, signal('PUSH'), at(2_000)));
    for (let sequence = 2; sequence < limits.journalSnapshotInterval; sequence += 1) {
      const { commit, actor: next } = push();
      expect(commit.record.chart.context['list']).toEqual([]);
      expect(commit.journal.snapshot).toBeUndefined();
      actor = next;
    }
    const { commit } = push();
    expect(commit.record.sequence).toBe(limits.journalSnapshotInterval);
    expect(commit.journal.snapshot).toEqual(commit.record.chart);
    expect(commit.record.chart.context['list']).toHaveLength(limits.journalSnapshotInterval - 1);
  });

  test.each<[string, unknown, string]>([
    ['cannot be kept', { deep: { callback: () => 1 } }, 'context.value.deep.callback is a function'],
    ['is too large', 'x'.repeat(limits.payloadBytesMax), 'context.value makes this payload'],
    ['nests too deep', Array.from({ length: 300 }).reduce((inner) => [inner], 0), 'is nested deeper than 200 levels'],
  ])('that %s fails the step with its path', (_, value, message) => {
    const machine = setup({ types: { context: {} as { value: unknown } } }).createMachine({
      id: 'unkept',
      version: '1',
      context: { value: 1 },
      on: { SET: { actions: assign({ value: () => value }) } },
    });
    const { commit } = took(began(machine).actor, signal('SET'));
    expect(commit.record).toMatchObject({ status: 'parked', chart: { context: { value: 1 } } });
    expect(commit.record.parked?.failure.message).toContain(message);
  });

  test('is bounded as a whole, also where each of its keys would pass', () => {
    const part = 'x'.repeat(limits.payloadBytesMax - 100);
    const value = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`key${index}`, part]));
    const machine = setup({ types: { context: empty } }).createMachine({
      id: 'wide',
      version: '1',
      context: {},
      on: { SET: { actions: assign(() => value) } },
    });
    const { commit } = took(began(machine).actor, signal('SET'));
    expect(commit.record.parked?.failure.message).toContain('context.key4 makes this payload at least ');
  });

  test('that is a class instance fails the step', () => {
    class Cart {
      readonly items = [];
    }
    const machine = setup({ types: { context: {} as { items: string[] } } }).createMachine({
      id: 'class',
      version: '1',
      context: new Cart(),
    });
    expect(thrownBy(() => began(machine))).toMatchObject({
      cause: { code: 'STEP_FAILED', message: expect.stringContaining('context is an instance of class Cart') },
    });
  });

  test.each<[string, object, string]>([
    ['at its top', { a: 1, [Symbol('tag')]: 2 }, 'context is the symbol key Symbol(tag), which cannot be stored'],
    ['inside', { a: { [Symbol('tag')]: 2 } }, 'context.a is the symbol key Symbol(tag), which cannot be stored'],
  ])('that has a symbol key %s fails the step', (_, update, message) => {
    const machine = setup({ types: { context: empty } }).createMachine({
      id: 'symbols',
      version: '1',
      context: {},
      on: { SET: { actions: assign(() => update) } },
    });
    const { commit } = took(began(machine).actor, signal('SET'));
    expect(commit.record).toMatchObject({ status: 'parked', chart: { context: {} } });
    expect(commit.record.parked?.failure.message).toContain(message);
  });

  test('may have a symbol key that no copy would have either', () => {
    const context = Object.defineProperty({ a: 1 }, Symbol('hidden'), { value: 2 });
    const machine = setup({ types: { context: empty } }).createMachine({ id: 'hidden', version: '1', context: () => context });
    expect(began(machine).commit.record.chart.context).toEqual({ a: 1 });
  });

  test('that shrinks is journaled by the keys that went', () => {
    const narrow = { ...began(bag, { a: 1 }).actor };
    const wide = began(bag, { a: 1, b: 2 }).actor;
    const { commit } = taken(decidedOn({ ...wide, chart: narrow.chart }, signal('KEEP'), at(2_000)));
    expect(commit.journal.context.removed).toEqual(['b']);
    expect(commit.record.chart.context).toEqual({ a: 1 });
  });
});

describe('an output', () => {
  const ending = (output: unknown) =>
    setup({}).createMachine({
      id: 'out',
      version: '1',
      initial: 'a',
      states: { a: { on: { END: 'b' } }, b: { type: 'final' } },
      output: () => output,
    });

  test('survives whatever it is made of', () => {
    const output = { at: new Date(9), list: [undefined, NaN], big: 10n };
    const { actor } = took(began(ending(output)).actor, signal('END'));
    expect(revive(actor).chart.snapshot).toMatchObject({ status: 'done', value: 'b' });
    expect(revive(actor).chart.snapshot.output).toStrictEqual(output);
  });

  test.each<[string, unknown, string]>([
    ['cannot be kept', { run: () => 1 }, 'output.run is a function'],
    ['is too large', ['x'.repeat(limits.payloadBytesMax)], 'output[0] makes this payload'],
  ])('that %s parks the workflow before its end', (_, output, message) => {
    const { commit } = took(began(ending(output)).actor, signal('END'));
    expect(commit.record).toMatchObject({ status: 'parked', chart: { value: 'a', status: 'active' } });
    expect(commit.record.parked?.failure.message).toContain(message);
  });
});

describe('an actor read from disk', () => {
  const work = activity<unknown, unknown>({ run: () => 1, retry: { maximumAttempts: 1 } });
  const machine = setup({ actors: { work } }).createMachine({
    id: 'revived',
    version: '1',
    type: 'parallel',
    states: {
      form: {
        initial: 'edit',
        states: {
          edit: {
            initial: 'one',
            states: { one: { on: { NEXT: 'two' } }, two: { on: { NEXT: 'three' } }, three: {}, past: { type: 'history' } },
            on: { PAUSE: 'paused' },
          },
          paused: { on: { GO_ON: 'edit.past' } },
        },
      },
      job: { initial: 'a', states: { a: { invoke: { src: 'work', id: 'job', onDone: 'b', onError: 'c' } }, b: {}, c: {} } },
    },
  });

  test('recalls its history states', () => {
    const paused = walked(began(machine).actor, signal('NEXT'), signal('PAUSE'));
    expect(paused.commit.record.chart.history).toEqual({ 'revived.form.edit.past': ['revived.form.edit.two'] });
    expect(took(revive(paused.actor), signal('GO_ON')).commit.record.chart.value).toMatchObject({ form: { edit: 'two' } });
  });

  test('hears of activities begun in an earlier life, and can stop them', () => {
    const { actor } = took(revive(began(machine).actor), completed(1));
    expect(actor.record.chart.value).toMatchObject({ job: 'b' });
    expect(revive(actor).chart.snapshot.children).toEqual({});
    expect(Object.keys(revive(began(machine).actor).chart.snapshot.children)).toEqual(['job']);
  });

  test('shows itself to its own code as it was', () => {
    const seen: unknown[] = [];
    const nosy = setup({}).createMachine({
      id: 'nosy',
      version: '1',
      initial: 'a',
      states: { a: { on: { LOOK: { actions: assign(({ self }) => (seen.push(self.getSnapshot().value), {})) } } } },
    });
    const { actor } = began(nosy);
    taken(decidedOn(actor, signal('LOOK'), at(0)));
    taken(decidedOn(revive(actor), signal('LOOK'), at(0)));
    expect(seen).toEqual(['a', 'a']);
  });

  test('is refused by a machine that no longer has its state', () => {
    const { actor } = began(machine);
    const other = registerMachine(setup({}).createMachine({ id: 'revived', version: '1', initial: 'x', states: { x: {} } }));
    expect(thrownBy(() => reviveActor(other, storedOf(actor), treeOf(actor).surroundings))).toBeInstanceOf(Error);
  });
});

test('a key of the context named `__proto__` is a key like any other', () => {
  const context = JSON.parse('{"__proto__":{"isAdmin":true},"a":1}') as object;
  const snapshot = { status: 'active', value: 'a', context, machine: {}, historyValue: {} } as never;
  const { chart, delta } = encodeChart(snapshot, undefined, 1);
  for (const encoded of [chart.context, delta.set]) {
    expect(Object.keys(encoded).sort()).toEqual(['__proto__', 'a']);
    expect(encoded).not.toHaveProperty('isAdmin');
  }
});
