/** Emitted events and custom actions. */
import { assign, cancel, emit, log, raise, setup } from 'xstate';
import type { AnyEventObject } from 'xstate';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, send, sendEach } from '../differential-case.ts';
import { of } from '../noting.ts';

export const emitting: readonly DifferentialCase[] = [
  {
    title: 'emit static and dynamic events',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'emit',
        version: '1',
        context: { n: 1 },
        on: {
          STATIC: { actions: emit({ type: 'FIXED', list: [1] }) },
          DYNAMIC: {
            actions: [
              assign({ n: ({ context }) => context.n + 1 }),
              emit(({ context, event }) => ({ type: 'COUNTED', n: context.n, by: event.type })),
            ],
          },
        },
      }),
    script: sendEach('STATIC', 'DYNAMIC', 'DYNAMIC'),
    expected: {
      emitted: [
        { type: 'FIXED', list: [1] },
        { type: 'COUNTED', n: 2, by: 'DYNAMIC' },
        { type: 'COUNTED', n: 3, by: 'DYNAMIC' },
      ],
    },
  },
  {
    title: 'emits of exit, transition and entry come in that order',
    machine: () =>
      of<object>().createMachine({
        id: 'emit-order',
        version: '1',
        initial: 'a',
        states: {
          a: { exit: emit({ type: 'EXIT' }), on: { GO: { target: 'b', actions: emit({ type: 'GO' }) } } },
          b: { entry: [emit({ type: 'ENTRY' }), raise({ type: 'INNER' })], on: { INNER: { actions: emit({ type: 'INNER' }) } } },
        },
      }),
    script: [send('GO')],
    expected: { emitted: [{ type: 'EXIT' }, { type: 'GO' }, { type: 'ENTRY' }, { type: 'INNER' }] },
  },
  {
    title: 'emit on the way to the end is heard',
    machine: () =>
      of<object>().createMachine({
        id: 'emit-end',
        version: '1',
        initial: 'a',
        exit: emit({ type: 'LAST' }),
        states: { a: { on: { END: 'z' } }, z: { type: 'final', entry: emit({ type: 'FINAL' }) } },
      }),
    script: [send('END')],
    expected: { status: 'done', emitted: [{ type: 'FINAL' }, { type: 'LAST' }] },
  },
  {
    title: 'emit after a delay',
    machine: () =>
      of<object>().createMachine({
        id: 'emit-late',
        version: '1',
        initial: 'a',
        states: { a: { after: { 10: { actions: emit(({ event }) => ({ type: 'LATE', by: event.type })) } } } },
      }),
    script: [advance(10)],
    expected: { emitted: [{ type: 'LATE', by: 'xstate.after.10.emit-late.a' }] },
  },
  {
    title: 'emit with params of a named action',
    machine: () =>
      setup({
        types: { events: {} as AnyEventObject, emitted: {} as AnyEventObject },
        actions: { say: emit((_args, { word }: { word: string }) => ({ type: 'SAID', word })) },
      }).createMachine({ id: 'emit-params', version: '1', on: { E: { actions: { type: 'say', params: { word: 'hi' } } } } }),
    script: [send('E')],
    expected: { emitted: [{ type: 'SAID', word: 'hi' }] },
  },
];

export const customs: readonly DifferentialCase[] = [
  {
    title: 'custom actions named, inline and with params are called in order',
    machine: (outside) =>
      of<object>({ actions: { named: outside.act('named'), withParams: outside.act('withParams') } }).createMachine({
        id: 'customs',
        version: '1',
        on: {
          E: { actions: ['named', { type: 'withParams', params: { n: 1 } }, ({ event }) => outside.note('inline', event)] },
        },
      }),
    script: sendEach('E', 'E'),
    expected: {
      acts: [
        { name: 'named', event: 'E' },
        { name: 'withParams', event: 'E', params: { n: 1 } },
        { name: 'inline', event: 'E' },
        { name: 'named', event: 'E' },
        { name: 'withParams', event: 'E', params: { n: 1 } },
        { name: 'inline', event: 'E' },
      ],
    },
  },
  {
    title: 'custom actions of exit, transition and entry',
    machine: (outside) =>
      of<object>({ actions: { act: outside.act('act') } }).createMachine({
        id: 'custom-order',
        version: '1',
        entry: { type: 'act', params: 'root' },
        initial: 'a',
        states: {
          a: {
            entry: { type: 'act', params: 'a' },
            exit: { type: 'act', params: '-a' },
            on: { GO: { target: 'b', actions: { type: 'act', params: 'go' } } },
          },
          b: { entry: { type: 'act', params: 'b' } },
        },
      }),
    script: [send('GO')],
    expected: {
      acts: [
        { name: 'act', event: 'xstate.init', params: 'root' },
        { name: 'act', event: 'xstate.init', params: 'a' },
        { name: 'act', event: 'GO', params: '-a' },
        { name: 'act', event: 'GO', params: 'go' },
        { name: 'act', event: 'GO', params: 'b' },
      ],
    },
  },
  {
    title: 'a custom action sees the context of its place in the list',
    machine: (outside) =>
      of<{ n: number }>().createMachine({
        id: 'intermediate',
        version: '1',
        context: { n: 0 },
        on: {
          E: {
            actions: [
              ({ context, event }) => outside.note('before', event, context.n),
              assign({ n: ({ context }) => context.n + 1 }),
              ({ context, event }) => outside.note('between', event, context.n),
              assign({ n: ({ context }) => context.n + 1 }),
              ({ context, event }) => outside.note('after', event, context.n),
            ],
          },
        },
      }),
    script: [send('E')],
    expected: {
      acts: [
        { name: 'before', event: 'E', params: 0 },
        { name: 'between', event: 'E', params: 1 },
        { name: 'after', event: 'E', params: 2 },
      ],
    },
  },
  {
    title: 'params made of context are those of their place in the list',
    machine: (outside) =>
      of<{ n: number }>({ actions: { act: outside.act('act') } }).createMachine({
        id: 'dynamic-params',
        version: '1',
        context: { n: 1 },
        on: {
          E: {
            actions: [
              { type: 'act', params: ({ context }) => ({ n: context.n }) },
              assign({ n: 2 }),
              { type: 'act', params: ({ context, event }) => ({ n: context.n, of: event.type }) },
            ],
          },
        },
      }),
    script: [send('E')],
    expected: {
      acts: [
        { name: 'act', event: 'E', params: { n: 1 } },
        { name: 'act', event: 'E', params: { n: 2, of: 'E' } },
      ],
    },
  },
  {
    title: 'a custom action after a raise is called with the raised event',
    machine: (outside) =>
      of<object>({ actions: { act: outside.act('act') } }).createMachine({
        id: 'raised-custom',
        version: '1',
        initial: 'a',
        states: {
          a: { on: { GO: { target: 'b', actions: [raise({ type: 'RAISED' }), 'act'] } } },
          b: { entry: 'act', on: { RAISED: { target: 'c', actions: 'act' } } },
          c: { entry: 'act', always: { target: 'd', actions: 'act' } },
          d: {},
        },
      }),
    script: [send('GO')],
    expected: { value: 'd', acts: ['GO', 'GO', 'RAISED', 'RAISED', 'RAISED'].map((event) => ({ name: 'act', event })) },
  },
  {
    title: 'custom actions of timers, guards that refuse call none',
    machine: (outside) =>
      of<object>({ actions: { act: outside.act('act') } }).createMachine({
        id: 'custom-timer',
        version: '1',
        initial: 'a',
        states: {
          a: {
            after: { 10: { target: 'b', actions: 'act' } },
            on: { NO: { guard: () => false, actions: 'act' }, '*': { actions: { type: 'act', params: 'any' } } },
          },
          b: { type: 'final', entry: 'act' },
        },
        exit: { type: 'act', params: 'root' },
      }),
    script: [send('NO'), advance(10)],
    expected: {
      status: 'done',
      acts: [
        { name: 'act', event: 'NO', params: 'any' },
        { name: 'act', event: 'xstate.after.10.custom-timer.a' },
        { name: 'act', event: 'xstate.after.10.custom-timer.a' },
        { name: 'act', event: 'xstate.after.10.custom-timer.a', params: 'root' },
      ],
    },
  },
  {
    title: 'provide replaces a custom action',
    machine: (outside) =>
      of<object>({ actions: { act: outside.act('declared') } })
        .createMachine({ id: 'provided-custom', version: '1', on: { E: { actions: 'act' } } })
        .provide({ actions: { act: outside.act('provided') } }),
    script: [send('E')],
    expected: { acts: [{ name: 'provided', event: 'E' }] },
  },
  {
    title: 'log says something and changes nothing',
    machine: () =>
      of<{ n: number }>().createMachine({
        id: 'logs',
        version: '1',
        context: { n: 1 },
        on: { E: { actions: [log('static'), log(({ context }) => context.n, 'label'), assign({ n: 2 })] } },
      }),
    script: [send('E')],
    expected: { context: { n: 2 } },
  },
  {
    title: 'cancel of a timer that is not there',
    machine: (outside) =>
      of<object>().createMachine({
        id: 'cancel-nothing',
        version: '1',
        on: { E: { actions: [cancel('nothing'), ({ event }) => outside.note('went on', event)] } },
      }),
    script: [send('E')],
    expected: { acts: [{ name: 'went on', event: 'E' }] },
  },
  {
    title: 'self and system are there in a custom action',
    machine: (outside) =>
      of<object>().createMachine({
        id: 'self-there',
        version: '1',
        on: { E: { actions: ({ self, system, event }) => outside.note(self.id, event, system.get('nobody') === undefined) } },
      }),
    script: [send('E')],
    expected: { acts: [{ name: 'play', event: 'E', params: true }] },
  },
];
