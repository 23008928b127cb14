import { expect, test } from 'vitest';
import { FreeSpace, measureFree } from '../../src/storage/free-space.ts';
import { settle } from '../runtime/manual-clock.ts';
import { temporaryFolder } from './folders.ts';

function bench(answers: (number | Error)[]) {
  let nowMs = 0;
  let asked = 0;
  const measure = async (): Promise<number> => {
    asked += 1;
    const answer = answers.shift() ?? 0;
    await settle(1);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const space = new FreeSpace({ path: '/disk', measure, monotonicMs: () => nowMs, holdsMs: 1_000 });
  return { space, pass: (ms: number) => (nowMs += ms), asked: () => asked };
}

test('what was measured holds for its time; asking never waits, and measures once in the background', async () => {
  const { space, pass, asked } = bench([100, 50]);
  expect(await space.measure()).toBe(100);
  pass(999);
  expect(space.latest()).toBe(100);
  expect(asked()).toBe(1);
  pass(1);
  expect([space.latest(), space.latest(), space.latest()]).toEqual([100, 100, 100]);
  await settle();
  expect(asked()).toBe(2);
  expect(space.latest()).toBe(50);
});

test('where it cannot be measured nothing is known', async () => {
  const { space, pass } = bench([100, new Error('no statfs here')]);
  await space.measure();
  pass(1_000);
  space.latest();
  await settle();
  expect(space.latest()).toBeUndefined();
});

test('the real file system says how much this user may still write', async () => {
  expect(await measureFree(await temporaryFolder())).toBeGreaterThan(0);
});
