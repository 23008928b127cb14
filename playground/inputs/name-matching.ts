import { ratio } from 'fuzzball';
import { SimilarTokens } from './similar-tokens.ts';

/** Points taken off for every name (such as a middle name) that only one side has. */
const MISSING_NAME_PENALTY = 8;
/** Names with fewer letters than this must be equal. */
const SHORT_NAME_LETTERS = 10;
/** Score of names that are equal once the blanks are left out. */
const JOINED_SCORE = 97;
/** A name of one token must be at least this long to differ by one letter. */
const LONG_SINGLE_TOKEN = 8;

/** Which names may be absent on one side: none, only those in the middle, or any but the family name. */
export type MissingNames = 'none' | 'middle' | 'any';

/** A name of the list, ready to be compared. */
export interface ListedName {
  readonly tokens: readonly string[];
  /** The name as one word, or empty if it must not be compared so. */
  readonly joined: string;
  /** Where the family name begins in the tokens, if known. */
  readonly familyFrom: number | undefined;
  readonly missing: MissingNames;
}

/** One listed name found for a query, by its position among the listed names. */
export interface Found {
  readonly position: number;
  /** 0 to 100. */
  readonly score: number;
}

interface Pairing {
  /** For each token of the shorter name, the position of its partner in the longer one. */
  readonly partners: readonly number[];
}

/** Pairs every token of the shorter name with a token of the longer one, the best ones first come; undefined if one finds no partner. */
function pairTokens(
  shorter: readonly string[],
  longer: readonly string[],
  alike: (short: string, long: string) => number,
): Pairing | undefined {
  const partners: number[] = [];
  for (const token of shorter) {
    let best = -1;
    let bestAlike = 0;
    for (const [position, other] of longer.entries()) {
      const similarity = partners.includes(position) ? 0 : alike(token, other);
      if (similarity > bestAlike) [best, bestAlike] = [position, similarity];
    }
    if (best < 0) return undefined;
    partners.push(best);
  }
  return { partners };
}

/** Whether the tokens left without partner may be missing on the other side. */
function mayMiss(listed: ListedName, partners: readonly number[], longerLength: number, listedIsLonger: boolean): boolean {
  const extra = longerLength - partners.length;
  if (extra === 0) return true;
  if (listed.missing === 'none' || partners.length < 2 || extra > partners.length - 1) return false;
  if (listed.missing === 'middle' || listed.familyFrom === undefined) return partners.includes(0) && partners.includes(longerLength - 1);
  const { familyFrom } = listed;
  return !listedIsLonger || (partners.some((at) => at >= familyFrom) && partners.some((at) => at < familyFrom));
}

/**
 * Finds for a query the listed name that is most alike. Two names match only if every token of the
 * shorter one has a partner in the longer one (so a shared family name or one common word is never
 * enough); the score is fuzzball's `ratio` of the paired tokens, which makes it independent of their
 * order as `token_sort_ratio` is, but a typing error in a first letter cannot change the pairing.
 */
export class NameIndex {
  readonly #names: readonly ListedName[];
  readonly #similar: SimilarTokens;
  readonly #byToken = new Map<string, number[]>();
  readonly #byJoined = new Map<string, number>();

  constructor(names: readonly ListedName[]) {
    this.#names = names;
    for (const [position, { tokens, joined }] of names.entries()) {
      for (const token of new Set(tokens)) {
        const positions = this.#byToken.get(token);
        if (positions === undefined) this.#byToken.set(token, [position]);
        else positions.push(position);
      }
      if (!this.#byJoined.has(joined)) this.#byJoined.set(joined, position);
    }
    this.#similar = new SimilarTokens(this.#byToken.keys());
  }

  /** The best listed name with a score of at least `threshold`; of equal ones the first in the list. */
  best({ tokens, joined }: Pick<ListedName, 'tokens' | 'joined'>, threshold: number): Found | undefined {
    let best = this.#bestJoined(joined);
    for (const position of this.#candidates(tokens)) {
      const listed = this.#names[position];
      if (listed === undefined) continue;
      const score = this.#score(tokens, listed);
      if (best === undefined || score > best.score || (score === best.score && position < best.position)) best = { position, score };
    }
    return best !== undefined && best.score >= threshold ? best : undefined;
  }

  #bestJoined(joined: string): Found | undefined {
    const position = joined.length >= SHORT_NAME_LETTERS ? this.#byJoined.get(joined) : undefined;
    return position === undefined ? undefined : { position, score: JOINED_SCORE };
  }

  /** Listed names with two tokens alike to tokens of the query, or one if the query has only one. */
  #candidates(tokens: readonly string[]): number[] {
    const hits = new Map<number, number>();
    for (const token of new Set(tokens)) {
      const positions = new Set<number>();
      for (const alike of this.#similar.find(token).keys()) for (const position of this.#byToken.get(alike) ?? []) positions.add(position);
      for (const position of positions) hits.set(position, (hits.get(position) ?? 0) + 1);
    }
    const needed = Math.min(2, new Set(tokens).size);
    return [...hits].filter(([, count]) => count >= needed).map(([position]) => position);
  }

  #score(query: readonly string[], listed: ListedName): number {
    const [first] = query;
    if (query.length === 1 || listed.tokens.length === 1) {
      const [only] = listed.tokens;
      if (query.length !== listed.tokens.length || first === undefined || only === undefined) return 0;
      const similarity = this.#similar.find(first).get(only) ?? 0;
      return similarity === 100 || Math.min(first.length, only.length) >= LONG_SINGLE_TOKEN ? similarity : 0;
    }
    const listedIsLonger = listed.tokens.length >= query.length;
    const shorter = listedIsLonger ? query : listed.tokens;
    const longer = listedIsLonger ? listed.tokens : query;
    const alike = (short: string, long: string): number => {
      const [queried, known] = listedIsLonger ? [short, long] : [long, short];
      return this.#similar.find(queried).get(known) ?? 0;
    };
    const pairing = pairTokens(shorter, longer, alike);
    if (pairing === undefined || !mayMiss(listed, pairing.partners, longer.length, listedIsLonger)) return 0;
    const left = shorter.join(' ');
    const right = pairing.partners.map((position) => longer[position] ?? '').join(' ');
    if (left.length - shorter.length + 1 < SHORT_NAME_LETTERS && left !== right) return 0;
    return Math.max(0, ratio(left, right, { full_process: false }) - MISSING_NAME_PENALTY * (longer.length - shorter.length));
  }
}
