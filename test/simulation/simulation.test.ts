import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

test('some seeds', async () => {
  const started = performance.now();
  let picks = 0,
    commits = 0,
    lives = 0,
    calls = 0;
  const from = Number(process.env['FROM'] ?? 1),
    to = Number(process.env['TO'] ?? 50);
  const kinds = new Map<string, number[]>();
  for (let seed = from; seed <= to; seed += 1) {
    const result = await simulate(seed);
    picks += result.picks;
    commits += result.commits;
    lives += result.lives;
    calls += result.calls;
    if (result.violation) {
      const list = kinds.get(result.violation.invariant) ?? [];
      kinds.set(result.violation.invariant, [...list, seed]);
      if (list.length < 1 || process.env['ALL'])
        console.log(
          seed,
          result.violation.message,
          process.env['ALL'] ? '\n' + result.trace.slice(-Number(process.env['ALL'])).join('\n') : '',
        );
    }
  }
  const n = to - from + 1;
  console.log(
    kinds,
    'seeds/s',
    n / ((performance.now() - started) / 1000),
    'picks',
    picks / n,
    'commits',
    commits / n,
    'lives',
    lives / n,
    'calls',
    calls / n,
  );
  expect(1).toBe(1);
}, 600_000);
