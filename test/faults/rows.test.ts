import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { cases } from '../contract/matrix.ts';
import { faults } from './rows.ts';

const rows = Object.entries(faults).map(([number, row]) => ({ number: Number(number), ...row }));

test('every fault is listed, with what shows it or what is missing', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 72 }, (_, index) => index + 1));
  for (const { number, shownBy, lacks } of rows) {
    if (shownBy.length === 0) expect(lacks, `row ${number} has neither tests nor a reason`).toMatch(/\w+ \w+/);
  }
});

describe('a fault is shown by tests that exist:', () => {
  test.each(rows.filter(({ shownBy }) => shownBy.length > 0).map((row) => [row.number, row.fault, row] as const))(
    '%d, %s',
    async (_number, _fault, { shownBy }) => {
      for (const shown of shownBy) {
        if ('contractCase' in shown) expect(cases).toHaveProperty(String(shown.contractCase));
        else {
          const text = await readFile(new URL(`../${shown.file}.test.ts`, import.meta.url), 'utf8');
          expect(shown.titles.length).toBeGreaterThan(0);
          const declarations = text.replaceAll('\\', '');
          for (const title of shown.titles) expect(declarations, shown.file).toContain(title);
        }
      }
    },
  );
});
