import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateMerchants, LISTED_MERCHANT_ID } from '../../../playground/inputs/merchant-generator.ts';
import { NEAR_MISSES, TRUE_HITS } from '../../../playground/inputs/merchant-lookalikes.ts';
import { normaliseName } from '../../../playground/inputs/name-normalising.ts';
import { createScreener } from '../../../playground/inputs/name-screening.ts';
import { tokenSimilarity } from '../../../playground/inputs/similar-tokens.ts';
import {
  readWatchlistFile,
  SHIPPED_WATCHLIST,
  type WatchlistEntry,
  type WatchlistKind,
} from '../../../playground/inputs/watchlist-file.ts';

let lines = 0;
function entry(name: string, kind: WatchlistKind = 'individual', aliases: string[] = []): WatchlistEntry {
  lines += 1;
  return { id: `${lines}`, name, kind, aliases, line: lines };
}

const LIST = [
  entry('PETROVSKY, Ivan Sergeyevich'),
  entry('MUELLER-LÜDERITZ, Hans'),
  entry('AL-HUSAYNI, Karim Nadim', 'individual', ["ABU-'UMAR", 'EL HOUSSEINI, Karim']),
  entry('KONSTANTINOPOULOU, Anna'),
  entry('LI, Wei'),
  entry('VOLGA TRADING HOUSE OOO', 'entity', ['VTH GROUP']),
  entry('CECOMAR, S.A.', 'entity'),
  entry('BLUE HERON', 'vessel'),
  entry('NORTHWINDER', 'entity'),
  entry('DE LA CRUZ MENDIZABAL, Pilar'),
  entry('Josefina Kalabrese', 'unknown'),
  entry('يوسف البستاني', 'unknown'),
];
const screen = createScreener(LIST);

describe('createScreener: same name', () => {
  it.each([
    ['case', 'ivan SERGEYEVICH petrovsky', 100],
    ['order', 'Petrovsky Ivan Sergeyevich', 100],
    ['no middle name', 'Ivan Petrovsky', 92],
    ['no middle name, family name first', 'PETROVSKY, Ivan', 92],
    ['title and initial', 'Dr. Ivan S. Petrovsky', 92],
    ['title alone', 'Dr Ivan Petrovsky, PhD', 92],
    ['Cyrillic', 'Иван Сергеевич Петровский', 95],
    ['Greek', 'Άννα Κωνσταντινοπούλου', 95],
    ['Arabic', 'كريم نديم الحسيني', 90],
    ['diacritics', 'Hans Müller-Luderitz', 100],
    ['umlaut written out', 'Hans Mueller Luederitz', 100],
    ['one typing error', 'Hans Muller Luderits', 90],
    ['two typing errors', 'Ivan Sergeyevitsh Petrovskij', 90],
    ['swapped letters', 'Anna Konstantinopuolou', 90],
    ['alias', 'Karim el-Housseini', 100],
    ['alias with apostrophes', 'Abu Umar', 100],
    ['linking words', 'Pilar Cruz y Mendizabal', 100],
    ['full width', 'Ｐｉｌａｒ　ｄｅ　ｌａ　Ｃｒｕｚ　Ｍｅｎｄｉｚａｂａｌ', 100],
    ['legal form', 'ООО «Volga Trading House»', 100],
    ['company typed badly', 'Volga Tradng House Ltd.', 95],
    ['company alias', 'VTH Group GmbH', 100],
    ['Spanish legal form', 'Cecomar SA', 100],
    ['one long word with an error', 'Nordhwinder AG', 90],
    ['vessel', 'Blue-Heron', 100],
    ['written in one word', 'Volgatradinghouse OOO', 97],
    ['Latin for Arabic', 'Yusuf al-Bustani', 90],
    ['short name', 'Wei Li', 100],
    ['unknown kind', 'KALABRESE, Josefina', 100],
  ])('%s: %s', (_, name, least) => {
    expect(screen([name])?.score).toBeGreaterThanOrEqual(least);
  });
});

describe('createScreener: somebody else', () => {
  it.each([
    ['same family name', 'Pyotr Petrovsky'],
    ['same family name, like first name', 'Alla Konstantinopoulou'],
    ['family name alone', 'Petrovsky'],
    ['first names alone', 'Ivan Sergeyevich'],
    ['company with the family name', 'Petrovsky Bakery Ltd'],
    ['same common words', 'Volga Trading'],
    ['initial for the first name', 'I. Petrovsky'],
    ['other first word', 'Onega Trading House'],
    ['more words', 'Volga Trading House Logistics'],
    ['short name, one letter off', 'Wei Lu'],
    ['short name, other first name', 'Wen Li'],
    ['one word of two', 'Heron'],
    ['one short word, one letter off', 'Cecomir SA'],
    ['Arabic, another first name', 'طارق الحسيني'],
    ['nothing', ''],
    ['no letters', '— … !'],
    ['only a legal form', 'GmbH'],
  ])('%s: %s', (_, name) => {
    expect(screen([name])).toBeUndefined();
  });
});

describe('createScreener', () => {
  it('gives the best of several names', () => {
    const match = screen(['Bakery Ltd', 'Hans Muller Luderits', 'Wei Li', 'LI WEI']);
    expect(match).toEqual({ entry: LIST[4], matchedName: 'LI, Wei', queriedName: 'Wei Li', score: 100 });
    expect(screen([])).toBeUndefined();
  });

  it('tells which alias matched', () => {
    expect(screen(['karim EL-HOUSSEINI'])?.matchedName).toBe('EL HOUSSEINI, Karim');
  });

  it('depends on the list and the threshold', () => {
    expect(createScreener([])(['Wei Li'])).toBeUndefined();
    expect(createScreener([entry('Wei Lu')])(['Wei Lu'])?.score).toBe(100);
    expect(createScreener(LIST, { threshold: 93 })(['Ivan Petrovsky'])).toBeUndefined();
    expect(createScreener(LIST, { threshold: 100 })(['Wei Li'])?.score).toBe(100);
  });

  it.each([0, -1, 101, Number.NaN])('refuses the threshold %d', (threshold) => {
    expect(() => createScreener(LIST, { threshold })).toThrow(RangeError);
  });

  it('finds every listed name whatever its order and case', () => {
    const names = LIST.filter(({ kind }) => kind === 'individual').map(({ name }) => name);
    const parts = fc
      .constantFrom(...names)
      .chain((name) => fc.shuffledSubarray(name.split(/[ ,-]+/), { minLength: name.split(/[ ,-]+/).length }));
    fc.assert(
      fc.property(parts, fc.boolean(), (words, upper) => {
        const query = words.join(' ');
        expect(screen([upper ? query.toUpperCase() : query.toLowerCase()])?.score).toBe(100);
      }),
    );
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const match = screen([text]);
        if (match !== undefined) expect(match.queriedName).toBe(text);
      }),
    );
  });
});

describe('the invented merchants on the shipped watchlist', () => {
  it('finds the true hits and m-9001-BAD, and nobody else', async () => {
    const shipped = createScreener(await readWatchlistFile(SHIPPED_WATCHLIST));
    for (const { name, owner } of TRUE_HITS) expect(shipped([name, owner]), owner).toBeDefined();
    for (const { name, owner } of NEAR_MISSES) expect(shipped([name, owner]), owner).toBeUndefined();
    for (const seed of [1, 2, 3]) {
      const hits = generateMerchants({ seed }).filter(({ name, owner }) => shipped([name, owner]) !== undefined);
      const expected = generateMerchants({ seed }).filter(
        (one) => TRUE_HITS.some(({ name }) => name === one.name) || one.id === LISTED_MERCHANT_ID,
      );
      expect(hits).toEqual(expected);
    }
  });

  it('finds others with another list', async () => {
    const merchants = generateMerchants();
    const other = createScreener([entry(merchants[0]?.owner ?? '', 'unknown')]);
    expect(other([merchants[0]?.owner ?? ''])).toBeDefined();
    expect(other([merchants.at(-1)?.owner ?? ''])).toBeUndefined();
  });
});

describe('normaliseName', () => {
  it.each([
    ['MÜLLER, Dr. Hans', false, 'hans muler'],
    ["O'Brien, Seán", false, 'sean obren'],
    ['Acme S.A. de C.V.', true, 'acme'],
    ['ТОО «Степной мёд»', true, 'stepnoi miod'],
    ['Ευάγγελος Μπούρας', false, 'evangelos buras'],
    ['van der Berg', false, 'van der berg'],
    ['Smith, Jr.', false, 'smit'],
    ['Ltd', true, 'ltd'],
  ])('%s', (name, company, expected) => {
    expect(normaliseName(name, company).tokens.join(' ')).toBe(expected);
  });
});

describe('tokenSimilarity', () => {
  it('lets more errors through in longer words, and none in numbers', () => {
    expect(tokenSimilarity('anna', 'anna')).toBe(100);
    expect(tokenSimilarity('jon', 'jan')).toBe(0);
    expect(tokenSimilarity('petrov', 'petrof')).toBeGreaterThan(80);
    expect(tokenSimilarity('petrov', 'potrof')).toBe(0);
    expect(tokenSimilarity('brian', 'brain')).toBe(80);
    expect(tokenSimilarity('plant2011', 'plant2012')).toBe(0);
  });

  it('is symmetric', () => {
    const word = fc.stringMatching(/^[ab]{3,10}$/);
    fc.assert(fc.property(word, word, (left, right) => tokenSimilarity(left, right) === tokenSimilarity(right, left)));
  });
});
