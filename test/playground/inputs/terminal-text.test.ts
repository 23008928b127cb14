import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeForTerminal, quoteForTerminal } from '../../../playground/inputs/terminal-text.ts';

describe('escapeForTerminal', () => {
  it.each([
    ['\u001b[2J', String.raw`\x1b[2J`],
    ['a\tb\n', String.raw`a\x09b\x0a`],
    ['\u202egnp.exe\u{e0001}', String.raw`\u202egnp.exe\u{e0001}`],
    ['\ud800x', String.raw`\ud800x`],
    ['Ünï 木 😀', 'Ünï 木 😀'],
  ])('%j', (text, expected) => {
    expect(escapeForTerminal(text)).toBe(expected);
  });

  it('never lets an unsafe character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeForTerminal(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
      }),
    );
  });
});

describe('quoteForTerminal', () => {
  it('cuts long values between code points', () => {
    expect(quoteForTerminal('😀'.repeat(5), 3)).toBe('"😀😀😀…"');
    expect(quoteForTerminal('😀'.repeat(3), 3)).toBe('"😀😀😀"');
  });
});
