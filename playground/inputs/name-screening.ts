import { NameIndex, type Found, type ListedName, type MissingNames } from './name-matching.ts';
import { normaliseName, type NormalName } from './name-normalising.ts';
import type { WatchlistEntry } from './watchlist-file.ts';

/** The threshold used unless another is given: lets one or two typing errors through in a full name. */
const DEFAULT_THRESHOLD = 85;

/** Consonants a name must have to be compared without vowels; fewer say too little. */
const MIN_CONSONANTS = 6;
/** Points taken off a score that was found without vowels. */
const CONSONANT_PENALTY = 5;

/** The watchlist entry that a name resembles. */
export interface Match {
  readonly entry: WatchlistEntry;
  /** The name or alias of the entry, as the list spells it. */
  readonly matchedName: string;
  /** The one of the names asked about that matched, as it was given. */
  readonly queriedName: string;
  /** How alike they are, 0 to 100; 100 for equal after normalisation. */
  readonly score: number;
}

/** Asks whether one of the names (of one merchant, say) is on the list; gives the best match. */
export type Screener = (names: readonly string[]) => Match | undefined;

interface Source {
  readonly entry: WatchlistEntry;
  readonly spelling: string;
  readonly normal: NormalName;
  readonly missing: MissingNames;
}

/** A searchable subset of the listed names: `sources[i]` belongs to the i-th name of the index. */
interface Searchable {
  readonly index: NameIndex;
  readonly sources: readonly Source[];
}

function sourcesOf(entries: readonly WatchlistEntry[]): Source[] {
  return entries.flatMap((entry) =>
    [entry.name, ...entry.aliases].flatMap((spelling) => {
      const forms: Source[] = [];
      if (entry.kind === 'individual' || entry.kind === 'unknown') {
        const missing = entry.kind === 'individual' ? 'any' : 'middle';
        forms.push({ entry, spelling, normal: normaliseName(spelling, false), missing });
      }
      if (entry.kind !== 'individual') forms.push({ entry, spelling, normal: normaliseName(spelling, true), missing: 'none' });
      return forms.filter(({ normal }) => normal.tokens.length > 0);
    }),
  );
}

function indexPlain(sources: readonly Source[]): Searchable {
  const names = sources.map(({ normal, missing }): ListedName => ({
    tokens: normal.tokens,
    joined: normal.joined,
    familyFrom: normal.familyFrom,
    missing,
  }));
  return { index: new NameIndex(names), sources };
}

/** Without vowels: too lossy for missing names, so every part must be there. */
function indexSkeletons(sources: readonly Source[]): Searchable {
  const usable = sources.filter(({ normal }) => isComparable(normal.skeleton));
  const names = usable.map(({ normal }): ListedName => ({ tokens: normal.skeleton, joined: '', familyFrom: undefined, missing: 'none' }));
  return { index: new NameIndex(names), sources: usable };
}

function isComparable(skeleton: readonly string[]): boolean {
  return skeleton.length > 1 && skeleton.join('').length >= MIN_CONSONANTS;
}

function better(
  found: Found | undefined,
  { sources }: Searchable,
  queriedName: string,
  penalty: number,
  than: Match | undefined,
): Match | undefined {
  const source = found === undefined ? undefined : sources[found.position];
  if (found === undefined || source === undefined) return than;
  const score = found.score - penalty;
  return than !== undefined && than.score >= score ? than : { entry: source.entry, matchedName: source.spelling, queriedName, score };
}

/**
 * Makes a function that looks names up in a watchlist.
 *
 * Names are compared in Latin letters, without regard to case, marks, punctuation, titles, legal forms
 * and the order of their parts, with all aliases of an entry; see `normaliseName` for the spelling and
 * `NameIndex` for what counts as alike. A name in Arabic or Hebrew script, which leaves vowels out, is
 * compared by its consonants as well. A person may lack a middle name on either side; an organisation
 * must have all its words.
 *
 * `threshold` is the lowest score that counts, above 0 to 100 ({@link DEFAULT_THRESHOLD} unless given);
 * throws RangeError otherwise. Building the index takes about a second for 20,000 names.
 */
export function createScreener(
  entries: readonly WatchlistEntry[],
  { threshold = DEFAULT_THRESHOLD }: { threshold?: number } = {},
): Screener {
  if (!(threshold > 0 && threshold <= 100)) throw new RangeError(`threshold must be above 0 and at most 100, not ${threshold}`);
  const sources = sourcesOf(entries);
  const plain = indexPlain(sources);
  const consonantal = indexSkeletons(sources.filter(({ normal }) => normal.consonantal));
  let skeletons: Searchable | undefined;
  return (names) => {
    let best: Match | undefined;
    for (const name of names) {
      for (const normal of [normaliseName(name, false), normaliseName(name, true)]) {
        best = better(plain.index.best(normal, threshold), plain, name, 0, best);
        if (!isComparable(normal.skeleton)) continue;
        if (normal.consonantal) skeletons ??= indexSkeletons(sources);
        const searched = normal.consonantal && skeletons !== undefined ? skeletons : consonantal;
        best = better(
          searched.index.best({ tokens: normal.skeleton, joined: '' }, threshold + CONSONANT_PENALTY),
          searched,
          name,
          CONSONANT_PENALTY,
          best,
        );
      }
    }
    return best;
  };
}
