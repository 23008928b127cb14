import { describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { activity } from '../../src/kernel/activity.ts';
import { activityDescriptor, durable } from '../../src/kernel/activity-descriptor.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';
import { thrownBy } from './thrown.ts';

const longest = '語'.repeat(85);
const invalid: readonly [string, string][] = [
  ['x'.repeat(256), `"${'x'.repeat(60)}…" is longer than 255 bytes`],
  [`${longest}x`, `"${'語'.repeat(60)}…" is longer than 255 bytes of UTF-8`],
  ['a\ud800', String.raw`"a\ud800" contains a lone surrogate, so it is not valid text`],
];
const problemsOf = (call: () => unknown): unknown => {
  const error = thrownBy(call);
  expect(error).toMatchObject({ code: 'MACHINE_INVALID' });
  expect((error as Error).message.length).toBeLessThan(1_200);
  return (error as { details: { problems: unknown } }).details.problems;
};

describe('words of a machine keep the rules of ids', () => {
  test.each(invalid)('its id, which may not be %j', (id, problem) => {
    const machine = createMachine({ id, version: '1' });
    expect(problemsOf(() => registerMachine(machine))).toEqual([`its id ${problem}; give createMachine({ id: … }) another`]);
  });

  test.each(invalid)('its version, which may not be %j', (version, problem) => {
    const machine = createMachine({ id: 'shop', version });
    expect(problemsOf(() => registerMachine(machine))).toEqual([`its version ${problem}; give createMachine({ version: … }) another`]);
  });

  test('both at once, with what else is wrong, and without repeating it for activities named after the machine', () => {
    const src = activity<unknown, unknown>({ run: () => 1 });
    const machine = createMachine({ id: 'x'.repeat(256), version: '\udc00', invoke: [{ src }, { src: {} as never }] });
    expect(problemsOf(() => registerMachine(machine))).toEqual([
      expect.stringContaining('its id '),
      expect.stringContaining('its version '),
      expect.stringContaining('which is no actor logic'),
    ]);
  });

  test('an id and a version of 255 bytes are fine', () => {
    const machine = createMachine({ id: longest, version: longest });
    expect(registerMachine(machine).reference).toMatchObject({ id: longest, version: longest });
  });
});

describe('names of activities keep the rules of ids', () => {
  const work = activity<unknown, unknown>({ run: () => 1 });
  const machineWith = (src: string, logic = work) =>
    createMachine({ id: 'shop', version: '1', initial: 'a', states: { a: { invoke: { src } } } } as never, { actors: { [src]: logic } });

  test('where they are put together of machine and place', () => {
    const src = 'x'.repeat(251);
    expect(problemsOf(() => registerMachine(machineWith(src)))).toEqual([
      `state "shop.a" invokes "${src}", whose name "shop.${'x'.repeat(55)}…" is longer than 255 bytes; give activity({ name: … }) another`,
    ]);
    expect(registerMachine(machineWith('x'.repeat(250))).activities.size).toBe(1);
  });

  test('where the place is long and the activity has a name of its own, that one counts', () => {
    const src = 'x'.repeat(300);
    const named = activity<unknown, unknown>({ name: 'work', run: () => 1 });
    expect(registerMachine(machineWith(src, named)).activities.get(src)?.name).toBe('work');
  });

  test('also where another copy of the library declared them', () => {
    const other = { ...work, [durable]: { ...activityDescriptor(work), name: '' } };
    expect(problemsOf(() => registerMachine(machineWith('work', other as typeof work)))).toEqual([
      'state "shop.a" invokes "work", whose name "" is empty; give it at least one character; give activity({ name: … }) another',
    ]);
  });
});
