/** Activities and ordinary promises. */
import { assign } from 'xstate';
import { errorOf } from '../../support/world.ts';
import type { DifferentialCase } from '../differential-case.ts';
import { advance, fail, send, sendEach, succeed } from '../differential-case.ts';
import type { Outside } from '../outside.ts';
import { of } from '../noting.ts';

interface Got {
  readonly got: unknown;
}

/** The same chart on an activity and on an ordinary promise. */
const kinds = [
  { kind: 'an activity', make: (outside: Outside, name: string) => outside.activity(name), suffix: 'activity' },
  { kind: 'a promise', make: (outside: Outside, name: string) => outside.promise(name), suffix: 'promise' },
] as const;

export const promises: readonly DifferentialCase[] = kinds.flatMap(({ kind, make, suffix }): readonly DifferentialCase[] => {
  const one = (outside: Outside) => of<Got, unknown>({ actors: { work: make(outside, 'work') } });
  const calling = {
    initial: 'busy',
    states: {
      busy: {
        invoke: {
          src: 'work',
          id: 'worker',
          input: ({ context }: { context: Got }) => ({ of: context.got }),
          onDone: { target: 'done', actions: 'keep' },
          onError: { target: 'failed', actions: 'keep' },
        },
        on: { LEAVE: 'left', RE: { target: 'busy', reenter: true } },
      },
      done: {},
      failed: {},
      left: { on: { BACK: 'busy' } },
    },
  } as const;
  const cases: readonly DifferentialCase[] = [
    {
      title: `${kind} that succeeds gives its output`,
      machine: (outside) => one(outside).createMachine({ id: `succeeds-${suffix}`, version: '1', context: { got: 'x' }, ...calling }),
      script: [succeed('work', { list: [1, new Date(0)] })],
      expected: { value: 'done', context: { got: { list: [1, new Date(0)] } } },
    },
    {
      title: `${kind} that fails gives its error`,
      machine: (outside) => one(outside).createMachine({ id: `fails-${suffix}`, version: '1', context: { got: 'x' }, ...calling }),
      script: [fail('work', errorOf('Refused', 'not today'))],
      expected: { value: 'failed', context: { got: 'not today' } },
    },
    {
      title: `${kind} is dropped when its state is left and begun again when it is entered`,
      machine: (outside) => one(outside).createMachine({ id: `leaves-${suffix}`, version: '1', context: { got: 'x' }, ...calling }),
      script: [send('LEAVE'), succeed('work', 'too late'), send('BACK'), send('RE'), succeed('work', 'in time')],
      expected: { value: 'done', context: { got: 'in time' } },
    },
    {
      title: `${kind} whose error nobody handles fails the machine`,
      machine: (outside) =>
        one(outside).createMachine({
          id: `unhandled-${suffix}`,
          version: '1',
          context: { got: null },
          initial: 'busy',
          states: { busy: { invoke: { src: 'work', id: 'worker' } } },
        }),
      script: [fail('work', errorOf('Refused', 'nobody cares'))],
      expected: { status: 'error', error: { name: 'Refused', message: 'nobody cares' } },
    },
    {
      title: `${kind} that is done stays a child until its state is left`,
      machine: (outside) =>
        one(outside).createMachine({
          id: `stays-${suffix}`,
          version: '1',
          context: { got: null },
          initial: 'busy',
          states: {
            busy: { invoke: { src: 'work', id: 'worker', onDone: { actions: 'keep' } }, on: { LEAVE: 'left' } },
            left: {},
          },
        }),
      script: [succeed('work', 5), send('OTHER'), send('LEAVE')],
      expected: { value: 'left', context: { got: 5 }, childIds: [] },
    },
    {
      title: `several of ${kind} in one state, each with its own answer`,
      machine: (outside) =>
        of<{ a: unknown; b: unknown }>({ actors: { first: make(outside, 'first'), second: make(outside, 'second') } }).createMachine({
          id: `several-${suffix}`,
          version: '1',
          context: { a: null, b: null },
          initial: 'busy',
          states: {
            busy: {
              invoke: [
                { src: 'first', id: 'a', onDone: { actions: assign({ a: ({ event }) => event.output as unknown }) } },
                { src: 'second', id: 'b', onDone: { actions: assign({ b: ({ event }) => event.output as unknown }) } },
              ],
              always: { guard: ({ context }) => context.a !== null && context.b !== null, target: 'both' },
            },
            both: {},
          },
        }),
      script: [succeed('second', 2), succeed('first', 1)],
      expected: { value: 'both', context: { a: 1, b: 2 } },
    },
    {
      title: `${kind} in each of two parallel regions`,
      machine: (outside) =>
        of<Got>({ actors: { left: make(outside, 'left'), right: make(outside, 'right') } }).createMachine({
          id: `regions-${suffix}`,
          version: '1',
          context: { got: null },
          type: 'parallel',
          states: {
            l: { initial: 'busy', states: { busy: { invoke: { src: 'left', onDone: 'ok' } }, ok: { type: 'final' } } },
            r: {
              initial: 'busy',
              states: { busy: { invoke: { src: 'right', onDone: 'ok', onError: 'bad' } }, ok: {}, bad: { type: 'final' } },
            },
          },
        }),
      script: [fail('right', errorOf('Refused', 'no')), succeed('left')],
      expected: { status: 'done', value: { l: 'ok', r: 'bad' } },
    },
    {
      title: `${kind} of the root of the machine`,
      machine: (outside) =>
        one(outside).createMachine({
          id: `root-${suffix}`,
          version: '1',
          context: { got: null },
          invoke: { src: 'work', id: 'worker', onDone: { target: '.b', actions: 'keep' } },
          initial: 'a',
          states: { a: {}, b: {} },
        }),
      script: [send('NOTHING'), succeed('work', 'root')],
      expected: { value: 'b', context: { got: 'root' } },
    },
    {
      title: `onDone of ${kind} is guarded by its output`,
      machine: (outside) =>
        one(outside).createMachine({
          id: `guarded-${suffix}`,
          version: '1',
          context: { got: null },
          initial: 'busy',
          states: {
            busy: {
              invoke: {
                src: 'work',
                onDone: [
                  { guard: ({ event }) => (event.output as number) > 10, target: 'big' },
                  { target: 'small', actions: 'keep' },
                ],
              },
            },
            big: {},
            small: {},
          },
        }),
      script: [succeed('work', 10)],
      expected: { value: 'small', context: { got: 10 } },
    },
    {
      title: `a state with ${kind} that is passed through never begins it`,
      machine: (outside) =>
        of<Got>({ actors: { work: make(outside, 'work'), other: make(outside, 'other') } }).createMachine({
          id: `passes-${suffix}`,
          version: '1',
          context: { got: null },
          initial: 'idle',
          states: {
            idle: { on: { GO: 'through' } },
            through: { invoke: { src: 'work', id: 'worker', onDone: 'never' }, always: 'next' },
            next: { invoke: { src: 'other', id: 'worker', onDone: { target: 'end', actions: 'keep' } } },
            never: {},
            end: {},
          },
        }),
      script: [send('GO'), succeed('other', 'the second')],
      expected: { value: 'end', context: { got: 'the second' } },
    },
    {
      title: `${kind} races a timer`,
      machine: (outside) =>
        one(outside).createMachine({
          id: `races-${suffix}`,
          version: '1',
          context: { got: null },
          initial: 'busy',
          states: {
            busy: { invoke: { src: 'work', onDone: 'in-time' }, after: { 1000: 'late' } },
            'in-time': {},
            late: { on: { AGAIN: 'busy' } },
          },
        }),
      script: [advance(1_000), send('AGAIN'), advance(999), succeed('work')],
      expected: { value: 'in-time' },
    },
  ];
  // An ordinary promise is given up when three of its attempts were lost.
  return suffix === 'activity' ? cases : cases.map((played) => ({ ...played, isSpoiltByCrashes: played.script.length > 2 }));
});

export const activities: readonly DifferentialCase[] = [
  {
    title: 'an activity is retried after its interval',
    machine: (outside) =>
      of<Got>({ actors: { work: outside.activity('work') } }).createMachine({
        id: 'retried',
        version: '1',
        context: { got: null },
        initial: 'busy',
        states: {
          busy: { invoke: { src: 'work', onDone: { target: 'done', actions: 'keep' }, onError: 'failed' } },
          done: {},
          failed: {},
        },
      }),
    script: [
      fail('work', errorOf('Later', 'later')),
      advance(10_000),
      fail('work', errorOf('Later', 'later')),
      advance(20_000),
      succeed('work', 3),
    ],
    expected: { value: 'done', context: { got: 3 } },
  },
  {
    title: 'an activity whose output ends the machine',
    machine: (outside) =>
      of<Got>({ actors: { work: outside.activity('work') } }).createMachine({
        id: 'ends-by-activity',
        version: '1',
        context: { got: null },
        initial: 'busy',
        states: {
          busy: { invoke: { src: 'work', input: { n: 1 }, onDone: { target: 'z', actions: 'keep' } } },
          z: { type: 'final', output: ({ context }) => context.got },
        },
        output: ({ event }) => event['output'] as string,
      }),
    script: [...sendEach('NOISE', 'NOISE'), succeed('work', 'the end')],
    expected: { status: 'done', output: 'the end' },
  },
  {
    title: 'provide replaces an activity',
    machine: (outside) =>
      of<Got>({ actors: { work: outside.activity('declared') } })
        .createMachine({
          id: 'provided-activity',
          version: '1',
          context: { got: null },
          initial: 'busy',
          states: { busy: { invoke: { src: 'work', onDone: { target: 'done', actions: 'keep' } } }, done: {} },
        })
        .provide({ actors: { work: outside.activity('provided') } }),
    script: [succeed('provided', 'as provided')],
    expected: { value: 'done', context: { got: 'as provided' } },
  },
  {
    title: 'an activity written in place',
    machine: (outside) =>
      of<Got>().createMachine({
        id: 'inline-activity',
        version: '1',
        context: { got: null },
        initial: 'busy',
        states: { busy: { invoke: { src: outside.activity('work'), onDone: { target: 'done', actions: 'keep' } } }, done: {} },
      }),
    script: [succeed('work', 'inline')],
    expected: { value: 'done', context: { got: 'inline' } },
  },
];
