/** Charts with one thing that `checkMachine` finds, and near ones without it. */
import { expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { createMachine, fromCallback, fromPromise } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { checkMachine } from '../../src/kernel/check-machine.ts';
import type { MachineFindingCode } from '../../src/kernel/machine-finding.ts';
import { compensation } from '../../src/kernel/xstate-compensation.ts';

export const actors = {
  undoable: activity({ run: () => 1, compensate: { run: () => 1 } }),
  final: activity({ run: () => 1, irreversible: true }),
  careless: activity({ run: () => 1 }),
  plain: fromPromise(async () => 1),
  listening: fromCallback(() => undefined),
  compensation,
};

export type Config = object;

export function machineOf(config: Config, others: object = {}, id = 'm'): AnyStateMachine {
  return createMachine({ id, ...config } as never, { actors: { ...actors, ...others } }) as AnyStateMachine;
}

/** The findings of one code, as short as can be. */
export function found(code: MachineFindingCode, machine: AnyStateMachine): string[] {
  return checkMachine(machine)
    .filter((finding) => finding.code === code)
    .map(({ machine: id, state, src, event }) => [state, src ?? event, id === 'm' ? undefined : `in ${id}`].filter(Boolean).join(' '));
}

export const ends = { done: { type: 'final' }, failed: { type: 'final', tags: ['failed'] } };
export const call = (src: string, onDone: unknown = 'done', onError: unknown = 'failed'): object => ({
  invoke: { src, id: `${src}Call`, onDone, onError },
});
export const chart = (states: object, rest: object = {}): Config => ({
  initial: Object.keys(states)[0],
  states: { ...states, ...ends },
  ...rest,
});
export const on = (event: string, target: string): object => ({ on: { [event]: target } });
export const timed = { after: { 1000: 'failed' } };

type Case = readonly [title: string, config: Config, expected: readonly string[], others?: object];

export function cases(code: MachineFindingCode, table: readonly Case[]): void {
  test.each(table.map(([title, config, expected, others = {}]) => ({ title, config, expected, others })))('$title', (given) => {
    const { config, expected, others } = given;
    expect(found(code, machineOf(config, others))).toEqual(expected);
  });
}
