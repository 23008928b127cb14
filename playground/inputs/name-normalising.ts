import { transliterate } from 'transliteration';

/** The two ways in which a name is compared. */
export interface NormalName {
  /** Latin, lower-case, folded tokens in the order first names, last names. */
  readonly tokens: readonly string[];
  /** The tokens written as one word, to compare with a name whose parts were run together. */
  readonly joined: string;
  /** The same tokens without vowels, to compare with scripts that do not write them. */
  readonly skeleton: readonly string[];
  /** Where the family name begins in the tokens, if the name was written `LAST, First`. */
  readonly familyFrom: number | undefined;
  /** Whether the name was in a script that leaves out vowels (Arabic, Hebrew). */
  readonly consonantal: boolean;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Legal forms that end a company's name (transliterated, dots and blanks taken out). */
const TRAILING_FORMS = words(
  'ltd limited llc llp lp inc incorporated corp corporation co company plc pty pte gmbh mbh ag kg ohg ug se ev kgaa sa sas sarl sarlau spa srl srls ' +
    'sl slu sadecv sapidecv bv nv vof cv oy oyj ab as asa aps is ad ead ood eood doo dd sro sp spzoo zoo kft zrt bt rt jsc ojsc cjsc pjsc oao zao pao ooo ao ' +
    'tov uab sia ou fze fzco fzc fzllc dmcc wll bsc saog saoc sal est sti stilimited ltdsti sanvetic ae epe ike oe ee kk gk sdn bhd sdnbhd tbk',
);
/** Legal forms that begin a company's name, as in Russian, Ukrainian and Indonesian. */
const LEADING_FORMS = words('ooo oao zao pao ao too odo ip chp fop tov pat pt cv firma');
const LEADING_TITLES = words(
  'mr mrs ms miss mx dr prof professor sir dame lord lady eng ing haji hajji sheikh shaykh mullah gen general col colonel capt captain hon rev fr herr frau senor senora don dona mme mlle',
);
const TRAILING_TITLES = words('jr sr ii iii iv phd md mba esq obe cbe');
const LINKING_WORDS = words('and the of und et al el ul bin ibn bint de del dos da di du la le van von der den zu y');

/** Greek digraphs by ELOT 743 (ISO 843), Arabic article off, so that the library's letter by letter romanisation reads as lists spell it. */
const BEFORE_LATIN: [RegExp, string][] = [
  [/ου/g, 'ou'],
  [/αυ/g, 'av'],
  [/ευ/g, 'ev'],
  [/γγ/g, 'ng'],
  [/γκ/g, 'gk'],
  [/(?<![\p{L}])μπ/gu, 'b'],
  [/(?<![\p{L}])ال(?=\p{L}{2})/gu, ''],
];

/** Spellings that differ between romanisations (kh/h, y/i, w/v, ou/u, doubled letters), made the same; in this order. */
const FOLDINGS: readonly (readonly [RegExp, string])[] = [
  [/shch|sch/g, 'sh'],
  [/tch/g, 'ch'],
  [/([dgkt])h/g, '$1'],
  [/ph/g, 'f'],
  [/ck|q/g, 'k'],
  [/x/g, 'ks'],
  [/w/g, 'v'],
  [/ou|oo/g, 'u'],
  [/[yj]/g, 'i'],
  [/ie|ae/g, 'e'],
  [/oe/g, 'o'],
  [/ue/g, 'u'],
  [/(.)\1+/g, '$1'],
];

function fold(token: string): string {
  if (/\d/.test(token)) return token;
  return FOLDINGS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), token);
}

function skeletonOf(token: string): string {
  return fold(token.replace(/[aeiouwyj]/g, ''));
}

/** Lower-case Latin tokens of a text in any script; marks and apostrophes inside a word do not part it. */
function latinTokens(text: string): string[] {
  const composed = text.normalize('NFKC').toLowerCase();
  const bare = composed
    .normalize('NFD')
    .replace(/(?<=\p{Script=Greek})\p{M}+/gu, '')
    .normalize('NFC');
  const prepared = BEFORE_LATIN.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), bare);
  const latin = transliterate(prepared)
    .toLowerCase()
    .replace(/['’‘`ʹʺ]/g, '');
  return latin.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** How many of the last tokens make up one legal form: `s`, `a` is one form of two tokens. */
function trailingForm(tokens: readonly string[]): number {
  for (let size = Math.min(5, tokens.length - 1); size > 0; size -= 1) {
    if (TRAILING_FORMS.has(tokens.slice(-size).join(''))) return size;
  }
  return 0;
}

function withoutForms(tokens: readonly string[]): string[] {
  let rest = [...tokens];
  while (rest.length > 1 && LEADING_FORMS.has(rest[0] ?? '')) rest = rest.slice(1);
  for (let size = trailingForm(rest); size > 0; size = trailingForm(rest)) rest = rest.slice(0, -size);
  return rest;
}

function withoutTitles(tokens: readonly string[]): string[] {
  let rest = [...tokens];
  while (rest.length > 1 && LEADING_TITLES.has(rest[0] ?? '')) rest = rest.slice(1);
  while (rest.length > 1 && TRAILING_TITLES.has(rest.at(-1) ?? '')) rest = rest.slice(0, -1);
  return rest;
}

/** Parts `LAST, First` if the second part is not merely a legal form or a title. */
function partsOf(text: string, company: boolean): { first: string[]; last: string[] } {
  const comma = company ? -1 : text.search(/[,،、，]/u);
  const last = latinTokens(comma < 0 ? text : text.slice(0, comma));
  const first = comma < 0 ? [] : latinTokens(text.slice(comma + 1));
  const onlyForm = first.length > 0 && (TRAILING_FORMS.has(first.join('')) || first.every((token) => TRAILING_TITLES.has(token)));
  return onlyForm ? { first: [], last: [...last, ...first] } : { first, last };
}

/**
 * A name made ready for comparison: NFKC, lower case, Latin letters (by the library transliteration,
 * with the Greek digraphs of ELOT 743), no punctuation, titles or linking words (nor, unless a company's, initials), `LAST, First` turned
 * around, and spellings that differ only between romanisations made the same.
 *
 * `company` says what the name is: `true` takes legal forms (Ltd, GmbH, ООО) off and does not turn the
 * name around; `false` leaves them on.
 */
export function normaliseName(text: string, company: boolean): NormalName {
  const { first, last } = partsOf(text, company);
  const clean = (tokens: readonly string[]): string[] => withoutTitles(company ? withoutForms(tokens) : tokens);
  let given = clean(first);
  let family = clean(last);
  const tells = (token: string): boolean => !LINKING_WORDS.has(token) && (company || token.length > 1);
  if ([...given, ...family].filter(tells).length > 1) [given, family] = [given.filter(tells), family.filter(tells)];
  const tokens = [...given, ...family];
  return {
    tokens: tokens.map(fold),
    joined: fold(tokens.join('')),
    skeleton: tokens.map(skeletonOf).filter((token) => token !== ''),
    familyFrom: first.length > 0 ? given.length : undefined,
    consonantal: /[\p{Script=Arabic}\p{Script=Hebrew}]/u.test(text),
  };
}
