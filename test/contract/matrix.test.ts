import { readFile, readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { backendNames } from '../support/contract-host.ts';
import { cannotHold, cases, groups, parkingHarms } from './matrix.ts';

const folder = new URL('.', import.meta.url);

it('every case is run by one file, which declares it as its own', async () => {
  const numbers = Object.keys(cases).map(Number);
  expect(
    Object.values(groups)
      .flat()
      .toSorted((a, b) => a - b),
  ).toEqual(numbers);
  for (const [group, own] of Object.entries(groups)) {
    const text = await readFile(new URL(`${group}.test.ts`, folder), 'utf8');
    expect(text).toContain(`contractGroup('${group}'`);
    expect([...text.matchAll(/contractCase\(\s*(\d+),/g)].map(([, number]) => Number(number))).toEqual(own);
  }
});

it('every file that runs cases is in the matrix', async () => {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.test.ts'));
  const texts = await Promise.all(files.map(async (name) => [name, await readFile(new URL(name, folder), 'utf8')] as const));
  const running = texts.filter(([, text]) => /^contractGroup\(/m.test(text)).map(([name]) => name.slice(0, -'.test.ts'.length));
  expect(running.sort()).toEqual(Object.keys(groups).sort());
});

it('every gap names a case, a backend and a reason, once, and every case is held by some backend', () => {
  const places = cannotHold.map(({ number, backend }) => `${number} on ${backend}`);
  expect(new Set(places).size).toBe(places.length);
  for (const { number, backend, why } of cannotHold) {
    expect(cases).toHaveProperty(String(number));
    expect(backendNames).toContain(backend);
    expect(why).toMatch(/\w+ \w+ \w+/);
  }
  for (const number of Object.keys(cases).map(Number)) {
    expect(cannotHold.filter((gap) => gap.number === number).length).toBeLessThan(backendNames.length);
  }
  expect(Object.keys(parkingHarms).sort()).toEqual([...backendNames].sort());
});
