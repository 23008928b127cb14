import { describe, expect, test } from 'vitest';
import { createMachine, sendParent, setup } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { toChartAction } from '../../src/kernel/xstate-chart-action.ts';
import { ChartScope } from '../../src/kernel/xstate-scope.ts';
import { startChart } from '../../src/kernel/xstate-seam.ts';
import { Family } from './families.ts';

const surroundings = { snapshotOf: () => undefined, shownOf: () => undefined, find: () => undefined, named: () => new Map() };
const place = { sessionId: 'w:1:', id: 'w', surroundings };
const code = () => undefined;
const { logic } = registerMachine(
  setup({ actions: { note: code } }).createMachine({ id: 'm', version: '1', on: { GO: { actions: 'note' } } }),
);
const said = (action: { readonly type: string; readonly params?: unknown; readonly exec?: unknown }) =>
  toChartAction(logic, new ChartScope(place), { params: undefined, ...action });

describe('what XState says and nobody can do is refused', () => {
  test.each<[string, Parameters<typeof said>[0], string]>([
    ['a custom action without its event', { type: 'note', exec: code }, 'executed the action "action note" without saying on what'],
    ['an action made in place without its event', { type: 'made', exec: () => 1 }, 'made the action "made" while it handled ""'],
    ['an event to nobody', { type: 'xstate.sendTo', params: { to: undefined, targetId: 'c', event: { type: 'X' } } }, "to actor 'c'"],
  ])('%s', (_, action, message) => {
    expect(() => said(action)).toThrow(message);
  });
});

test('an error that is handed up names who it comes from', () => {
  const part = setup({}).createMachine({ id: 'part', on: { FAIL: { actions: sendParent({ type: 'xstate.error', data: 7 } as never) } } });
  const machine = setup({ actors: { part } }).createMachine({
    id: 'm',
    version: '1',
    initial: 'on',
    states: { on: { invoke: { src: 'part', id: 'part', onError: 'failed' } }, failed: {} },
  });
  const family = new Family(machine);
  family.tell([1], { kind: 'message', event: { type: 'FAIL' }, from: [] });
  expect(family.order).toEqual(['1: message FAIL', 'root: message xstate.error.actor.part', '1: stop']);
  expect(family.root.record.chart.value).toBe('failed');
});

test('a machine written in place as a child is an actor of its own: what XState looks at of it is not said twice', () => {
  const work = activity<unknown, unknown>({ run: () => 1 });
  const inner = createMachine(
    { id: 'inner', initial: 'a', invoke: { src: 'work', systemId: 'work' }, states: { a: { always: 'b' }, b: {} } },
    { actors: { work } },
  );
  const outer = registerMachine(createMachine({ id: 'm', version: '1', invoke: { src: inner, id: 'inner' } }));
  const { actions, isHandled } = startChart(outer.logic, place, null);
  expect(isHandled).toBe(true);
  expect(actions).toMatchObject([{ kind: 'spawn', n: 1, childId: 'inner' }]);
  const family = new Family(createMachine({ id: 'm', version: '1', invoke: { src: inner, id: 'inner' } }));
  expect(family.values).toEqual({ '': {}, '1': 'b' });
  expect([...family.tree.surroundings.named().keys()]).toEqual(['work']);
});
