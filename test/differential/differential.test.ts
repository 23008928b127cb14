/**
 * Each case runs on the durable runtime and on a plain `createActor` under one clock; after each step everything there is to see
 * of the root and its children is the same, and so is every emitted event and every call of a custom action. Where the runtime
 * differs by decision, the case names the difference and what is so instead.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isSame } from '../support/values.ts';
import type { DifferentialCase, Facts, Picture } from './differential-case.ts';
import { knownDifferences } from './differential-case.ts';
import { groups } from './groups.ts';
import { factsOf } from './pictures.ts';
import { playDurable } from './play-durable.ts';
import { playPlain } from './play-plain.ts';

const cases = Object.values(groups).flat();

// XState says on the console which events reach nobody any more: some cases are about just that. Anything else is not expected.
const warnings: string[] = [];
beforeEach(() => {
  warnings.length = 0;
  vi.spyOn(console, 'warn').mockImplementation((...said) => void warnings.push(said.join(' ')));
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(warnings.filter((said) => !said.includes('was sent to stopped actor'))).toEqual([]);
});

function holds(picture: Picture | undefined, facts: Facts): boolean {
  try {
    expect(picture === undefined ? {} : factsOf(picture)).toMatchObject(facts);
    return true;
  } catch {
    return false;
  }
}

/** A life that began anew is told in `lives`: not to be compared where the process died. */
function comparable(pictures: readonly Picture[], isKilled: boolean): unknown[] {
  return isKilled ? pictures.map(({ lives: _lives, ...rest }) => rest) : [...pictures];
}

async function compare(played: DifferentialCase, isKilled: boolean): Promise<void> {
  const plain = await playPlain(played);
  const durable = await playDurable(played, isKilled);
  const [left, right] = [comparable(durable.pictures, isKilled), comparable(plain, isKilled)];
  if (played.difference !== undefined) {
    expect(durable.facts).toMatchObject(played.difference.durable);
    expect(isSame([left, durable.facts.refusals], [right, []])).toBe(false);
    return;
  }
  expect(durable.facts.refusals).toEqual([]);
  if (!isSame(left, right)) expect(left).toEqual(right);
  expect(isSame(left, right)).toBe(true);
}

describe.each(Object.entries(groups))('%s', (_group, members) => {
  describe.each(members.map((played) => [played.title, played] as const))('%s', (_title, played) => {
    it('comes to what it should on a plain actor', async () => {
      const pictures = await playPlain(played);
      expect(factsOf(pictures.at(-1)!)).toMatchObject(played.expected);
      // Facts that were so before the script would tell nothing of it.
      if (played.script.length > 0) expect(holds(pictures[0], played.expected)).toBe(false);
    });

    const meaning = played.difference === undefined ? 'does the same as a workflow' : `differs as a workflow: ${played.difference.of}`;
    it(meaning, async () => compare(played, false));

    if (played.isSpoiltByCrashes === true || played.difference !== undefined) return;
    it('does the same if the process is killed after each step', async () => compare(played, true));
  });
});

describe('the suite', () => {
  it('gives every case a title of its own', () => {
    const titles = cases.map(({ title }) => title);
    expect(titles).toEqual([...new Set(titles)]);
  });

  it('shows every difference that is known', () => {
    const shown = new Set(cases.flatMap(({ difference }) => (difference === undefined ? [] : [difference.of])));
    expect(knownDifferences.filter((known) => !shown.has(known))).toEqual([]);
  });

  it('is as large as it says', () => {
    expect(cases.length).toBeGreaterThanOrEqual(290);
  });
});
