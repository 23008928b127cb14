import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatToken, parseToken } from '../../src/kernel/attempt-token.ts';
import { thrownBy } from './thrown.ts';

const wellFormed = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 60 })
  .filter((id) => Buffer.from(id).toString() === id && Buffer.byteLength(id) <= 255);

describe('a token', () => {
  test('says which attempt it is, whatever the workflow is called', () => {
    fc.assert(
      fc.property(wellFormed, fc.nat(), fc.array(fc.nat(), { maxLength: 4 }), fc.nat(), fc.nat(), (workflowId, run, path, n, attempt) => {
        const place = { address: { workflowId, run, path }, n, attempt };
        expect(parseToken(formatToken(place))).toEqual(place);
      }),
    );
  });

  test.each([
    ['nothing', undefined],
    ['a number', 7],
    ['an empty one', ''],
    ['any word', 'token'],
    ['one without an id', ':1::1:1'],
    ['one without an attempt', 'w:1::1'],
    ['one with too much', 'w:1::1:1:1'],
    ['one with a broken path', 'w:1:1.:1:1'],
    ['one with a broken id', '%E0%A4%A:1::1:1'],
    ['one with an id that is too long', `${'x'.repeat(256)}:1::1:1`],
  ])('is refused if it is %s', (_, token) => {
    expect(thrownBy(() => parseToken(token))).toMatchObject({ code: 'TOKEN_INVALID' });
  });
});
