/**
 * Characters that must not reach a terminal as they are: control characters, line and paragraph
 * separators, invisible format characters (which can reorder a line: CVE-2021-42574) and lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function escapeOne(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  if (hex.length > 4) return `\\u{${hex}}`;
  return hex.length > 2 ? `\\u${hex.padStart(4, '0')}` : `\\x${hex.padStart(2, '0')}`;
}

/** The text with every character that could steer or disorder a terminal shown as `\x1b` or `\u202e`. */
export function escapeForTerminal(text: string): string {
  return text.replace(UNSAFE, escapeOne);
}

/**
 * A value in double quotes for a message: at most `limit` code points (60 unless told), then an
 * ellipsis, and escaped as by {@link escapeForTerminal}.
 */
export function quoteForTerminal(value: string, limit = 60): string {
  const points = Array.from(value.slice(0, 2 * limit + 2));
  const shown = points.length > limit ? `${points.slice(0, limit).join('')}…` : value;
  return `"${escapeForTerminal(shown)}"`;
}
