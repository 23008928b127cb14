import { describe, expect, test } from 'vitest';
import { checkOptions } from '../../src/kernel/options.ts';

interface Options {
  readonly maximumAttempts?: number;
  readonly grace?: string;
}
const check = (options: unknown, example?: string): void =>
  checkOptions<Options>(options, 'door', { maximumAttempts: true, grace: true }, example);

describe('options at a door', () => {
  test('are taken with any of the names there are, or none', () => {
    for (const options of [{}, { grace: '1s' }, { maximumAttempts: 1, grace: '1s' }, Object.create(null)]) check(options);
  });

  test('that are undefined count as not given', () => {
    check({ graceMs: undefined, grace: undefined });
    expect(() => check({ graceMs: null })).toThrow('there is no option "graceMs"');
  });

  test.each([
    ['graceMs', 'Did you mean grace?'],
    ['GRACE', 'Did you mean grace?'],
    ['grce', 'Did you mean grace?'],
    ['maxAttempts', 'Did you mean maximumAttempts?'],
  ])('that are misspelt are refused with the name that was meant: %s', (name, remedy) => {
    const refusal = new TypeError(`door: there is no option "${name}". ${remedy} Known: maximumAttempts, grace.`);
    expect(() => check({ grace: '1s', [name]: 3 })).toThrow(refusal);
  });

  test('that are like none of the names are refused with all names', () => {
    expect(() => check({ speed: 3 })).toThrow(new TypeError('door: there is no option "speed". Known: maximumAttempts, grace.'));
  });

  test.each<[unknown, string]>([
    [null, 'null'],
    [undefined, 'undefined'],
    [5, '5'],
    ['1s', '"1s"'],
    [['1s'], 'an array'],
    [() => 1, 'a function'],
  ])('that are no object are refused: %j', (options, found) => {
    expect(() => check(options)).toThrow(
      new TypeError(`door: give an object of options such as { maximumAttempts, grace }; found ${found}.`),
    );
    expect(() => check(options, '{ grace: 5 }')).toThrow(
      new TypeError(`door: give an object of options such as { grace: 5 }; found ${found}.`),
    );
  });
});
