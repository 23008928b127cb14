import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_COUNT, generateMerchants, LISTED_MERCHANT_ID, merchantsToCsv } from '../../../playground/inputs/merchant-generator.ts';
import { NEAR_MISSES, TRUE_HITS } from '../../../playground/inputs/merchant-lookalikes.ts';
import type { Merchant } from '../../../playground/inputs/merchant.ts';
import { readMerchantsFile } from '../../../playground/inputs/merchants-file.ts';
import { mulberry32, pick } from '../../../playground/inputs/seeded-random.ts';
import { temporaryFiles } from './temp-files.ts';

const files = temporaryFiles();
const seeds = fc.integer({ min: 0, max: 0xffff_ffff });

describe('generateMerchants', () => {
  it('invents 1,847 merchants from m-6001 to m-7846 and m-9001-BAD', () => {
    const ids = generateMerchants().map(({ id }) => id);
    expect(ids).toHaveLength(DEFAULT_COUNT);
    expect(ids[0]).toBe('m-6001');
    expect(ids.slice(-2)).toEqual(['m-7846', LISTED_MERCHANT_ID]);
    expect(ids.indexOf('m-7732')).toBe(ids.indexOf('m-7731') + 1);
  });

  it('gives the same bytes for the same seed, and others for another', () => {
    fc.assert(
      fc.property(seeds, seeds, fc.integer({ min: 20, max: 200 }), (seed, other, count) => {
        const bytes = merchantsToCsv(generateMerchants({ seed, count }));
        expect(merchantsToCsv(generateMerchants({ seed, count }))).toBe(bytes);
        if (seed !== other) expect(merchantsToCsv(generateMerchants({ seed: other, count }))).not.toBe(bytes);
      }),
      { numRuns: 30 },
    );
  });

  it('only adds merchants when the count grows', () => {
    fc.assert(
      fc.property(seeds, fc.nat(300), fc.nat(300), (seed, left, right) => {
        const [few, many] = left < right ? [left, right] : [right, left];
        const plain = (count: number): Merchant[] => generateMerchants({ seed, count }).filter(({ id }) => id !== LISTED_MERCHANT_ID);
        expect(plain(many).slice(0, Math.max(few - 1, 0))).toEqual(plain(few));
      }),
      { numRuns: 30 },
    );
  });

  it.each([0, 1, 2, 3000, 3001, 3002, 3003, 4000])('gives exactly %i merchants with ids of their own', (count) => {
    const ids = generateMerchants({ count }).map(({ id }) => id);
    expect(new Set(ids).size).toBe(count);
    expect(ids).toHaveLength(count);
    expect(ids.includes(LISTED_MERCHANT_ID)).toBe(count > 0);
    if (count > 3002) expect(ids[ids.indexOf(LISTED_MERCHANT_ID) - 1]).toBe('m-9001');
  });

  it('mixes in one to two per cent of lookalikes, never at m-7731 and m-7732', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const merchants = generateMerchants({ seed });
        const alike = merchants.filter(({ email }) => email.includes('@lookalike-') && email !== merchants.at(-1)?.email);
        expect(alike.length).toBeGreaterThanOrEqual(25);
        expect(alike.length).toBeLessThanOrEqual(TRUE_HITS.length + NEAR_MISSES.length);
        expect(alike.map(({ id }) => id)).not.toContain('m-7731');
        expect(alike.map(({ id }) => id)).not.toContain('m-7732');
      }),
      { numRuns: 20 },
    );
  });

  it('writes names in several scripts and fills every pattern', () => {
    const all = merchantsToCsv(generateMerchants());
    for (const script of [/\p{Script=Cyrillic}/u, /\p{Script=Greek}/u, /\p{Script=Arabic}/u, /\p{Script=Hebrew}/u, /[äöüñžłşø]/u]) {
      expect(all).toMatch(script);
    }
    expect(all).not.toMatch(/[{}]|undefined/);
    expect(all).toContain('""');
  });

  it.each([{ seed: -1 }, { seed: 1.5 }, { seed: 2 ** 32 }, { seed: Number.NaN }, { count: -1 }, { count: 0.5 }, { count: 1_000_001 }])(
    'refuses %o',
    (options) => {
      expect(() => generateMerchants(options)).toThrow(RangeError);
    },
  );
});

describe('merchantsToCsv', () => {
  it('can be read back: the invented merchants', async () => {
    const merchants = generateMerchants({ seed: 7 });
    await expect(readMerchantsFile(await files.write(merchantsToCsv(merchants)))).resolves.toEqual(merchants);
  });

  it('can be read back: any values without blanks at the ends and carriage returns', async () => {
    const value = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll('\r', '').trim());
    const tricky = fc.constantFrom('a,b', 'say "hi"', '"', 'two\nlines', "=1+1'", '#x', '');
    const text = fc.oneof(value, tricky);
    const filled = text.filter((candidate) => candidate !== '');
    const merchant = fc.record({ id: filled, name: filled, country: text, owner: text, email: text });
    const list = fc.uniqueArray(merchant, { selector: ({ id }) => id, minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(list, async (merchants) => {
        await expect(readMerchantsFile(await files.write(merchantsToCsv(merchants)))).resolves.toEqual(merchants);
      }),
      { numRuns: 60 },
    );
  });
});

describe('mulberry32', () => {
  it('gives the numbers of the published algorithm', () => {
    const random = mulberry32(0);
    expect([random(), random(), random()]).toEqual([0.26642920868471265, 0.0003297457005828619, 0.2232720274478197]);
  });

  it('stays in its range', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const value = mulberry32(seed)();
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(1);
      }),
    );
  });

  it('picks nothing from nothing', () => {
    expect(() => pick(mulberry32(1), [])).toThrow(RangeError);
  });
});
