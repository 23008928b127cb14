/** What a deadline may be, and which moment it is. */
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { deadlineOf, momentOf, parseDeadline } from '../../src/kernel/deadline.ts';
import { PerdureError } from '../../src/kernel/errors.ts';
import { registerMachine } from '../../src/kernel/register-machine.ts';

function machineWith(deadline: unknown) {
  return setup({}).createMachine({ id: 'm', version: '1', meta: { deadline } });
}

test('a duration is counted from the start, and never ends early; a date is the moment itself', () => {
  expect(momentOf(parseDeadline('72h', 'deadline'), 1_000)).toBe(1_000 + 72 * 3_600_000);
  expect(momentOf(parseDeadline(0.25, 'deadline'), 1_000)).toBe(1_001);
  expect(momentOf(parseDeadline(new Date(7), 'deadline'), 1_000)).toBe(7);
});

test.each<[unknown, string]>([
  ['soon', 'deadline must be a duration such as'],
  [-1, 'found -1'],
  [new Date(NaN), "deadline must be a duration such as '72h', or a Date; found an invalid Date."],
  ['2026-12-31T12:00:00Z', 'found "2026-12-31T12:00:00Z"'],
])('%j is refused at the door', (deadline, sentence) => {
  expect(() => parseDeadline(deadline as Date, 'deadline')).toThrow(TypeError);
  expect(() => parseDeadline(deadline as Date, 'deadline')).toThrow(sentence);
});

describe('what a machine says of itself', () => {
  test.each<[unknown, ReturnType<typeof deadlineOf>]>([
    [undefined, undefined],
    ['5m', { afterMs: 300_000 }],
    [1_500, { afterMs: 1_500 }],
    [new Date(7), { atMs: 7 }],
    ['1970-01-01T01:00Z', { atMs: 3_600_000 }],
    ['1970-01-01T01:00:00.007+01:00', { atMs: 7 }],
  ])('as %j is read when it is registered', (deadline, read) => {
    expect(registerMachine(machineWith(deadline)).deadline).toEqual(read);
  });

  test('may be nothing at all', () => {
    expect(deadlineOf(setup({}).createMachine({ id: 'm', version: '1' }))).toBeUndefined();
  });

  test.each([null, {}, 'soon', -1, '2026-12-31', '2026-12-31T12:00:00', '2026-99-31T12:00:00Z', new Date(NaN)])(
    'as %j is refused then, with what to write instead',
    (deadline) => {
      const register = () => registerMachine(machineWith(deadline));
      expect(register).toThrow(PerdureError);
      expect(register).toThrow(/its deadline is .*; give createMachine\(\{ meta: \{ deadline: … \} \}\) a duration such as '72h'/);
    },
  );

  test('is passed over in a machine below another one', () => {
    const child = setup({}).createMachine({ id: 'child', meta: { deadline: 'whenever the form is due' } });
    const root = setup({ actors: { child } }).createMachine({ id: 'root', version: '1', invoke: { src: 'child' } });
    expect(registerMachine(root).deadline).toBeUndefined();
  });
});
