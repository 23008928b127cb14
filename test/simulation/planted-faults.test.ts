/** The board: every planted fault has to be found, and says by which seed and invariant it was. */
import { afterAll, describe, expect, test } from 'vitest';
import { plantedFaultsOfLists } from './planted-faults-of-lists.ts';
import { plantedFaultsOfOutbox } from './planted-faults-of-outbox.ts';
import { plantedFaultsOfTrees } from './planted-faults-of-trees.ts';
import { plantedFaultsOfUndos } from './planted-faults-of-undos.ts';
import { plantedFaults } from './planted-faults.ts';
import { simulate, simulateTwice } from './simulate.ts';

const seedsMax = 10_000;
const testTimeoutMs = 120_000;

describe.skipIf(process.env['PERDURE_SEED'] !== undefined || process.env['PERDURE_SEEDS'] !== undefined)('a runtime that', () => {
  const board: string[] = [];
  afterAll(() => console.log(board.join('\n')));

  test.each(
    [...plantedFaults, ...plantedFaultsOfTrees, ...plantedFaultsOfLists, ...plantedFaultsOfUndos, ...plantedFaultsOfOutbox].map(
      (fault) => [fault.name, fault] as const,
    ),
  )('%s is found', { timeout: testTimeoutMs }, async (name, fault) => {
    const run = fault.isOnlySeenTwice === true ? simulateTwice : (each: number) => simulate(each, fault.world);
    const undo = fault.plant();
    try {
      for (let seed = 1; seed <= seedsMax; seed += 1) {
        const { violation, picks } = await run(seed);
        if (violation === undefined) continue;
        board.push(`${name}: seed ${seed}, pick ${picks}, ${violation.invariant}`);
        return;
      }
    } finally {
      undo();
    }
    expect.fail(`not found within ${seedsMax} seeds`);
  });

  test('has no fault any more is clean again', async () => {
    for (let seed = 1; seed <= 20; seed += 1) expect((await simulate(seed)).violation).toBeUndefined();
  });
});
