import { describe, expect, test } from 'vitest';
import { plantedFaults } from './planted-faults.ts';
import { simulate } from './simulate.ts';

const seedsMax = 2_000;

describe('planted faults', () => {
  test.each(plantedFaults.map((fault) => [fault.name, fault] as const))('a runtime that %s is found', async (_, fault) => {
    const undo = fault.plant();
    try {
      for (let seed = 1; seed <= seedsMax; seed += 1) {
        const { violation, picks } = await simulate(seed);
        if (violation === undefined) continue;
        console.log(`${fault.name}: seed ${seed}, pick ${picks}, ${violation.message}`);
        return;
      }
    } finally {
      undo();
    }
    expect.fail(`not found within ${seedsMax} seeds`);
  });
});
