import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { createMachine } from 'xstate';
import { actors, call, cases, chart, ends, found, machineOf, on } from './charts-to-check.ts';

describe('an activity that says nothing of being undone is found', () => {
  const only = (src: string): AnyStateMachine =>
    createMachine({ id: 'm', ...chart({ a: call(src) }) } as never, { actors: { [src]: actors[src as 'final'] } } as never);
  test.each([
    ['careless', ['m.a careless']],
    ['undoable', []],
    ['final', []],
    ['plain', []],
    ['compensation', []],
  ])('%s', (src, expected) => {
    expect(found('undo-missing', only(src))).toEqual(expected);
  });

  test('once, in the state that invokes it first; where none does, in the root', () => {
    expect(found('undo-missing', machineOf(chart({ a: call('careless', 'b'), b: call('careless') })))).toEqual(['m.a careless']);
    expect(found('undo-missing', machineOf(chart({ a: on('GO', 'done') })))).toEqual(['m careless']);
  });
});

describe('what cannot be undone is found before a step that can still fail', () => {
  cases('irreversible-early', [
    ['directly before', chart({ a: call('final', 'b'), b: call('undoable') }), ['m.a final']],
    ['some states before', chart({ a: call('final', 'w'), w: on('GO', 'b'), b: call('plain') }), ['m.a final']],
    [
      'before one whose error nobody handles',
      chart({ a: call('final', 'b'), b: { invoke: { src: 'plain', onDone: 'done' } } }),
      ['m.a final'],
    ],
    [
      'before one whose error leads to compensation',
      chart({ a: call('final', 'b'), b: call('plain', 'done', 'c'), c: call('compensation') }),
      ['m.a final'],
    ],
    [
      'before a child machine',
      chart({ a: call('final', 'b'), b: call('child') }),
      ['m.a final'],
      { child: machineOf(chart({ a: on('GO', 'done') }), {}, 'child') },
    ],
    [
      'where what it comes to is not waited for',
      chart({ a: { invoke: { src: 'final' }, ...on('GO', 'b') }, b: call('plain') }),
      ['m.a final'],
    ],
    ['but not as the last step', chart({ a: call('undoable', 'b'), b: call('final') }), []],
    ['but not before a step whose failure is passed over', chart({ a: call('final', 'b'), b: call('plain', 'done', 'done') }), []],
    [
      'nor before one that stays where it is on failure',
      chart({ a: call('final', 'b'), b: call('plain', 'done', { actions: 'note' }) }),
      [],
    ],
    [
      'nor where only an event from the root leads to a bad end',
      chart({ a: call('final', 'b'), b: call('plain', 'done', 'done') }, on('STOP', '.failed')),
      [],
    ],
    [
      'nor beside one',
      chart({
        p: { type: 'parallel', states: { x: call('final', { actions: 'note' }, '#m.failed'), y: call('plain', '#m.done', '#m.failed') } },
      }),
      [],
    ],
    ['nor within one', chart({ a: { ...call('plain'), initial: 'i', states: { i: call('final', 'j', 'j'), j: {} } } }), []],
    ['nor before one that an unguarded transition hides', chart({ a: call('final', ['done', 'b']), b: call('plain') }), []],
  ]);
});

describe('a step with an undo is found if nothing unwinds it', () => {
  cases('unwinding-missing', [
    [
      'where an error leads to an end without tag',
      chart({ a: call('undoable', 'done', 'sorry'), sorry: { type: 'final' } }),
      ['m.a undoable'],
    ],
    [
      'also the error of a later step',
      chart({ a: call('undoable', 'b'), b: call('plain', 'done', 'sorry'), sorry: { type: 'final' } }),
      ['m.a undoable'],
    ],
    [
      'also a time-out',
      chart({ a: call('undoable', 'w'), w: { ...on('GO', 'done'), after: { 10: 'late' } }, late: { type: 'final' } }),
      ['m.a undoable'],
    ],
    ['but not where that end is tagged', chart({ a: call('undoable', 'b'), b: call('plain') }), []],
    ['nor tagged as cancelled', chart({ a: call('undoable', 'done', 'sorry'), sorry: { type: 'final', tags: 'cancelled' } }), []],
    [
      'nor where compensation is invoked on the way',
      chart({ a: call('undoable', 'done', 'c'), c: call('compensation', 'sorry'), sorry: { type: 'final' } }),
      [],
    ],
    ['nor where the end is reached without errors, too', chart({ a: call('undoable', 'b'), b: call('plain', 'done', 'done') }), []],
    [
      'nor where waiting is all there is to do',
      chart({ a: call('undoable', 'w'), w: { after: { 10: 'late' } }, late: { type: 'final' } }, on('STOP', '.failed')),
      [],
    ],
    [
      'nor for a step behind the error',
      chart({ a: call('plain', 'done', 'b'), b: call('careless', 'sorry', 'sorry'), sorry: { type: 'final' } }),
      [],
    ],
  ]);

  const ending = (tags: string[]): AnyStateMachine =>
    machineOf({ initial: 'a', states: { a: call('undoable', 'end', 'end'), end: { type: 'final', tags } } }, {}, 'child');
  const child = ending(['failed']);
  cases('unwinding-missing', [
    ['in a child that ends badly below a parent that goes on', chart({ s: call('child') }), ['m.s child'], { child }],
    [
      'below a parent that makes nothing of its end',
      chart({ s: { ...call('child', { actions: 'note' }), ...on('GO', 'done') } }),
      ['m.s child'],
      { child },
    ],
    [
      'in a child of a child',
      chart({ s: call('middle') }),
      ['m.s middle', 'middle.s child in middle'],
      { middle: machineOf({ initial: 's', states: { s: call('child'), ...ends } }, { child }, 'middle') },
    ],
    ['but not where the child ends well', chart({ s: call('child') }), [], { child: ending([]) }],
    [
      'nor where the parent looks how it ended',
      chart({ s: call('child', [{ guard: 'isFine', target: 'done' }, 'failed']) }),
      [],
      { child },
    ],
    [
      'nor where the parent looks later on',
      chart({ s: call('child', 'q'), q: { always: [{ guard: 'isFine', target: 'done' }, 'failed'] } }),
      [],
      { child },
    ],
    ['nor where the parent ends badly', chart({ s: call('child', 'failed') }), [], { child }],
    ['nor where nothing is made of its end', chart({ s: { invoke: { src: 'child' }, ...on('GO', 'done') } }), [], { child }],
    [
      'nor where it unwinds itself',
      chart({ s: call('child') }),
      [],
      { child: machineOf(chart({ a: call('undoable', 'done', 'c'), c: call('compensation', 'failed') }), {}, 'child') },
    ],
  ]);
});
