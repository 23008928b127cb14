import { distance, ratio } from 'fuzzball';

const NO_PROCESSING = { full_process: false } as const;

/** How many letters may be wrong in a token of this length (the shorter of two): none up to 3, one up to 7, else two. */
function allowedEdits(length: number): number {
  if (length <= 3) return 0;
  return length <= 7 ? 1 : 2;
}

/** Whether two tokens differ by exactly one swap of neighbouring letters, the commonest typing error. */
function isSwap(left: string, right: string): boolean {
  if (left.length !== right.length || left.length < 5) return false;
  let at = 0;
  while (at < left.length && left[at] === right[at]) at += 1;
  return left[at] === right[at + 1] && left[at + 1] === right[at] && left.slice(at + 2) === right.slice(at + 2);
}

/**
 * How alike two tokens are, 0 to 100: 100 if equal, 0 if more letters differ than
 * {@link allowedEdits} lets (tokens with a digit must be equal), else fuzzball's `ratio`
 * (Levenshtein 1966, a replaced letter counted as two edits).
 */
export function tokenSimilarity(left: string, right: string): number {
  if (left === right) return 100;
  const edits = allowedEdits(Math.min(left.length, right.length));
  if (edits === 0 || Math.abs(left.length - right.length) > edits || /\d/.test(left) || /\d/.test(right)) return 0;
  if (distance(left, right, NO_PROCESSING) > edits && !isSwap(left, right)) return 0;
  return ratio(left, right, NO_PROCESSING);
}

function bigrams(token: string): string[] {
  const padded = `^${token}$`;
  return Array.from({ length: padded.length - 1 }, (_, at) => padded.slice(at, at + 2));
}

/**
 * Finds the tokens of a vocabulary that are alike to a given one. Candidates come from an inverted
 * index of letter pairs: k edits leave all but 2k pairs of a word as they were (Ukkonen 1992,
 * "Approximate string-matching with q-grams and maximal matches"), a swap all but 3; only tokens that
 * share so many pairs are compared.
 */
export class SimilarTokens {
  readonly #vocabulary: readonly string[];
  readonly #known: ReadonlySet<string>;
  readonly #byPair = new Map<string, number[]>();
  readonly #found = new Map<string, ReadonlyMap<string, number>>();
  readonly #shared: Uint16Array;

  constructor(tokens: Iterable<string>) {
    this.#known = new Set(tokens);
    this.#vocabulary = [...this.#known];
    this.#shared = new Uint16Array(this.#vocabulary.length);
    for (const [position, token] of this.#vocabulary.entries()) {
      for (const pair of new Set(bigrams(token))) {
        const positions = this.#byPair.get(pair);
        if (positions === undefined) this.#byPair.set(pair, [position]);
        else positions.push(position);
      }
    }
  }

  /** The tokens of the vocabulary alike to this one, each with its similarity (1 to 100). */
  find(token: string): ReadonlyMap<string, number> {
    const remembered = this.#found.get(token);
    if (remembered !== undefined) return remembered;
    const found = new Map<string, number>();
    if (this.#known.has(token)) found.set(token, 100);
    if (token.length >= 3) this.#addSimilar(token, found);
    this.#found.set(token, found);
    return found;
  }

  #addSimilar(token: string, found: Map<string, number>): void {
    const pairs = new Set(bigrams(token));
    const touched: number[] = [];
    for (const pair of pairs) {
      for (const position of this.#byPair.get(pair) ?? []) {
        if (this.#shared[position] === 0) touched.push(position);
        this.#shared[position] = (this.#shared[position] ?? 0) + 1;
      }
    }
    const needed = pairs.size - Math.max(2 * allowedEdits(token.length), 3);
    for (const position of touched) {
      const other = this.#vocabulary[position] ?? '';
      const enough = (this.#shared[position] ?? 0) >= Math.max(needed, 1);
      this.#shared[position] = 0;
      if (!enough || other === token) continue;
      const similarity = tokenSimilarity(token, other);
      if (similarity > 0) found.set(other, similarity);
    }
  }
}
