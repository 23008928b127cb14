/** `assign` and `enqueueActions`. */
import { assign, enqueueActions, setup } from 'xstate';
import type { AnyEventObject } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, send, sendEach } from '../differential-case.ts';
import { empty, note, noting, of } from '../noting.ts';

export const assigns: readonly DifferentialCase[] = [
  {
    title: 'assign with an object sets some keys, with a function those it returns',
    machine: () =>
      of<{ a: number; b: number; c: string }>().createMachine({
        id: 'assigns',
        version: '1',
        context: { a: 1, b: 2, c: 'c' },
        on: {
          OBJECT: { actions: assign({ a: 10, b: ({ context }) => context.a + context.b }) },
          FUNCTION: { actions: assign(({ context, event }) => ({ c: `${context.c}${String(event['more'])}` })) },
        },
      }),
    script: [send('OBJECT'), send('FUNCTION', { more: '!' })],
    expected: { context: { a: 10, b: 3, c: 'c!' } },
  },
  {
    title: 'assigns of one list see one another',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'sequence',
        version: '1',
        context: { n: 1 },
        on: { E: { actions: [assign({ n: ({ context }) => context.n * 10 }), assign({ n: ({ context }) => context.n + 1 })] } },
      }),
    script: sendEach('E', 'E'),
    expected: { context: { n: 111 } },
  },
  {
    title: 'a named assign takes params, static and dynamic',
    machine: () =>
      setup({
        types: { context: {} as { n: number }, events: {} as AnyEventObject },
        actions: { add: assign({ n: ({ context }, { by }: { by: number }) => context.n + by }) },
      }).createMachine({
        id: 'assign-params',
        version: '1',
        context: { n: 1 },
        on: {
          STATIC: { actions: { type: 'add', params: { by: 5 } } },
          DYNAMIC: { actions: { type: 'add', params: ({ context, event }) => ({ by: context.n * (event['times'] as number) }) } },
        },
      }),
    script: [send('STATIC'), send('DYNAMIC', { times: 2 })],
    expected: { context: { n: 18 } },
  },
  {
    title: 'a context made of input',
    machine: () =>
      of<{ name: string; list: readonly number[] }, { name: string }>().createMachine({
        id: 'from-input',
        version: '1',
        context: ({ input }) => ({ name: input.name.toUpperCase(), list: [input.name.length] }),
        on: { E: { actions: assign({ list: ({ context }) => [...context.list, 0] }) } },
      }),
    input: { name: 'ada' },
    script: [send('E')],
    expected: { context: { name: 'ADA', list: [3, 0] } },
  },
  {
    title: 'an assign removes nothing, undefined is a value',
    machine: () =>
      of<{ a: number | undefined; b: number }>().createMachine({
        id: 'undefined-value',
        version: '1',
        context: { a: 1, b: 2 },
        on: { E: { actions: assign({ a: undefined }) } },
      }),
    script: [send('E')],
    expected: { context: { a: undefined, b: 2 } },
  },
  {
    title: 'maps, sets, dates, bytes and bigints live in context',
    machine: () =>
      of<{ map: Map<string, unknown>; set: Set<unknown>; at: Date; bytes: Uint8Array; big: bigint }>().createMachine({
        id: 'kinds',
        version: '1',
        context: { map: new Map(), set: new Set(), at: new Date(0), bytes: new Uint8Array([1]), big: 1n },
        on: {
          E: {
            actions: assign({
              map: ({ context }) => new Map([...context.map, ['k', new Set([context.big])]]),
              set: ({ context, event }) => new Set([...context.set, event['value']]),
              at: ({ context }) => new Date(context.at.getTime() + 1),
              bytes: ({ context }) => new Uint8Array([...context.bytes, 2]),
              big: ({ context }) => context.big * 2n ** 70n,
            }),
          },
        },
      }),
    script: [send('E', { value: Number.NaN }), send('E', { value: -0 })],
    expected: { context: { set: new Set([Number.NaN, -0]), at: new Date(2), bytes: new Uint8Array([1, 2, 2]), big: 2n ** 140n } },
  },
  {
    title: 'errors in context keep name, message and data',
    machine: () =>
      of<{ error: unknown }>().createMachine({
        id: 'error-in-context',
        version: '1',
        context: { error: null },
        on: { E: { actions: assign({ error: ({ event }) => event['error'] as Error }) } },
      }),
    script: [send('E', { error: Object.assign(new RangeError('too far'), { by: 3 }) })],
    expected: { context: { error: { name: 'RangeError', message: 'too far', by: 3 } } },
  },
  {
    title: 'provide replaces a named assign',
    machine: () =>
      noting
        .createMachine({ id: 'provided', version: '1', context: empty, on: { E: { actions: note('as declared') } } })
        .provide({ actions: { note: assign({ log: ({ context }) => [...context.log, 'as provided'] }) } }),
    script: [send('E')],
    expected: { context: { log: ['as provided'] } },
  },
];

export const enqueued: readonly DifferentialCase[] = [
  {
    title: 'enqueueActions assigns and raises by what it checks',
    machine: () =>
      setup({
        types: { context: {} as { n: number; log: string[] }, events: {} as AnyEventObject },
        guards: { isOdd: ({ context }) => context.n % 2 === 1, isOver: ({ context }, least: number) => context.n > least },
      }).createMachine({
        id: 'enqueue',
        version: '1',
        context: { n: 0, log: [] },
        on: {
          E: {
            actions: enqueueActions(({ enqueue, check, context }) => {
              enqueue.assign({ n: context.n + 1 });
              if (check('isOdd')) enqueue.raise({ type: 'ODD' });
              if (check({ type: 'isOver', params: 1 })) enqueue.raise({ type: 'OVER' });
            }),
          },
          '*': { actions: assign({ log: ({ context, event }) => [...context.log, event.type] }) },
        },
      }),
    script: sendEach('E', 'E', 'E', 'E'),
    expected: { context: { n: 4, log: ['ODD', 'OVER', 'ODD', 'OVER'] } },
  },
  {
    title: 'enqueueActions runs named actions with params, also those it names in a list of its own',
    machine: () =>
      noting.createMachine({
        id: 'enqueue-named',
        version: '1',
        context: empty,
        on: {
          E: {
            actions: [
              note('before'),
              enqueueActions(({ enqueue }) => {
                enqueue(note('one'));
                enqueue({ type: 'note', params: 'two' });
                enqueue(enqueueActions(({ enqueue: inner }) => inner(note('three'))));
              }),
              note('after'),
            ],
          },
        },
      }),
    script: [send('E')],
    expected: { context: { log: ['before', 'one', 'two', 'three', 'after'] } },
  },
  {
    title: 'a named enqueueActions takes params',
    machine: () =>
      setup({
        types: { context: {} as { n: number }, events: {} as AnyEventObject },
        actions: {
          addTwice: enqueueActions(({ enqueue, context }, { by }: { by: number }) => {
            enqueue.assign({ n: context.n + by * 2 });
          }),
        },
      }).createMachine({
        id: 'enqueue-params',
        version: '1',
        context: { n: 1 },
        on: { E: { actions: { type: 'addTwice', params: { by: 4 } } } },
      }),
    script: [send('E')],
    expected: { context: { n: 9 } },
  },
  {
    title: 'enqueueActions raises with delay and cancels',
    machine: () =>
      noting.createMachine({
        id: 'enqueue-cancel',
        version: '1',
        context: empty,
        on: {
          E: {
            actions: enqueueActions(({ enqueue }) => {
              enqueue.raise({ type: 'X' }, { delay: 10, id: 'x' });
              enqueue.raise({ type: 'Y' }, { delay: 10, id: 'y' });
            }),
          },
          C: { actions: enqueueActions(({ enqueue }) => enqueue.cancel('x')) },
          X: { actions: note('x') },
          Y: { actions: note('y') },
        },
      }),
    script: [send('E'), send('C'), advance(10)],
    expected: { context: { log: ['y'] } },
  },
  {
    title: 'enqueueActions emits',
    machine: () =>
      of<object>().createMachine({
        id: 'enqueue-emit',
        version: '1',
        on: { E: { actions: enqueueActions(({ enqueue, event }) => enqueue.emit({ type: 'SAID', word: event['word'] as string })) } },
      }),
    script: [send('E', { word: 'hello' })],
    expected: { emitted: [{ type: 'SAID', word: 'hello' }] },
  },
  {
    title: 'enqueueActions calls named custom actions',
    machine: (outside) =>
      of<{ n: number }>({ actions: { tell: outside.act('tell'), shout: outside.act('shout') } }).createMachine({
        id: 'enqueue-custom',
        version: '1',
        context: { n: 7 },
        on: {
          E: {
            actions: enqueueActions(({ enqueue, context }) => {
              enqueue({ type: 'tell', params: { n: context.n } });
              enqueue.assign({ n: 8 });
              enqueue('shout');
            }),
          },
        },
      }),
    script: [send('E')],
    expected: {
      context: { n: 8 },
      acts: [
        { name: 'tell', event: 'E', params: { n: 7 } },
        { name: 'shout', event: 'E' },
      ],
    },
  },
];
