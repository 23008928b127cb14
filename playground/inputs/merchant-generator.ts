import { transliterate } from 'transliteration';
import { LISTED_MERCHANT, NEAR_MISSES, TRUE_HITS, type Lookalike } from './merchant-lookalikes.ts';
import { LOCALES } from './merchant-names.ts';
import { MERCHANT_COLUMNS, type Merchant } from './merchant.ts';
import { mulberry32, pick, type Random } from './seeded-random.ts';

/** How many merchants are invented unless another count is given. */
export const DEFAULT_COUNT = 1847;
/** The seed used unless another is given. */
export const DEFAULT_SEED = 1;
/** The most merchants that can be invented at once. */
const MAX_COUNT = 1_000_000;
/** Id of the merchant whose owner is on the shipped watchlist. */
export const LISTED_MERCHANT_ID = 'm-9001-BAD';

const FIRST_NUMBER = 6001;
const LISTED_NUMBER = 9001;
/** One merchant in each block of this many resembles a watchlist entry: about 1.5 %. */
const BLOCK = 66;
/** Merchants that must not resemble any entry. */
const PLAIN_NUMBERS: ReadonlySet<number> = new Set([7731, 7732]);

function slug(text: string): string {
  const latin = transliterate(text)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return latin.replace(/^-+|-+$/g, '').slice(0, 40) || 'shop';
}

function inventOne(random: Random): Lookalike {
  const locale = pick(random, LOCALES);
  const people = pick(random, locale.people);
  const given = pick(random, people.given.split(' '));
  const family = pick(random, people.family.split(' '));
  const word = pick(random, locale.words.split('|'));
  const second = pick(random, people.family.split(' '));
  const pattern = pick(random, locale.patterns).replace('{f}', family);
  const name = pattern.replace('{f}', second).replace('{w}', word);
  return { name, country: locale.country, owner: `${given} ${family}`, email: `${slug(given)}@${slug(name)}.example` };
}

/** The lookalike that stands at this position of the file, if one does. */
function lookalikeAt(position: number, seed: number): Lookalike | undefined {
  const block = Math.floor(position / BLOCK);
  const random = mulberry32(seed ^ Math.imul(block + 1, 0x9e3779b1));
  if (Math.floor(random() * BLOCK) !== position % BLOCK || PLAIN_NUMBERS.has(FIRST_NUMBER + position)) return undefined;
  const kind = block % 2 === 0 ? TRUE_HITS : NEAR_MISSES;
  return kind[Math.floor(block / 2) % kind.length];
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
}

/**
 * Invents merchants: the same seed gives the same merchants on every machine, and a larger count only
 * adds to them. Their ids count up from m-6001; {@link LISTED_MERCHANT_ID} comes after m-9001, or last
 * if there are fewer, so that the default count gives m-6001 to m-7846 and m-9001-BAD. About 1.5 % of
 * them resemble entries of the shipped watchlist, half of these truly; no other does. All mail
 * addresses are in the reserved domain `.example` (RFC 2606).
 *
 * `seed` is a whole number from 0 to 2^32 - 1, `count` one from 0 to {@link MAX_COUNT}; throws
 * RangeError otherwise.
 */
export function generateMerchants({ seed = DEFAULT_SEED, count = DEFAULT_COUNT }: { seed?: number; count?: number } = {}): Merchant[] {
  checkWhole('seed', seed, 0, 0xffff_ffff);
  checkWhole('count', count, 0, MAX_COUNT);
  const random = mulberry32(seed);
  const merchants: Merchant[] = [];
  const listed: Merchant = { id: LISTED_MERCHANT_ID, ...LISTED_MERCHANT };
  for (let position = 0; merchants.length < count; position += 1) {
    const number = FIRST_NUMBER + position;
    if (merchants.length === count - 1 && number <= LISTED_NUMBER) merchants.push(listed);
    else {
      const invented = inventOne(random);
      merchants.push({ id: `m-${number}`, ...(lookalikeAt(position, seed) ?? invented) });
      if (number === LISTED_NUMBER && merchants.length < count) merchants.push(listed);
    }
  }
  return merchants;
}

function csvField(value: string): string {
  return /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Writes merchants as CSV (RFC 4180 quoting) with a header; lines end in LF, also the last. */
export function merchantsToCsv(merchants: readonly Merchant[]): string {
  const rows = merchants.map((merchant) => MERCHANT_COLUMNS.map((column) => csvField(merchant[column])).join(','));
  return [MERCHANT_COLUMNS.join(','), ...rows, ''].join('\n');
}
