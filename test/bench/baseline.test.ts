import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { betterOf, complaintsOf, readBaseline, updateBaseline } from '../../bench/baseline.ts';
import type { Finding } from '../../bench/finding.ts';

function found(name: string, value: number, better: Finding['better'], unit: Finding['unit'] = 'ratio'): Finding {
  return { name, meaning: 'one / the other', value, spread: 0, bestQuarter: value, unit, better };
}

const speed = (value: number): Finding => found('signal/speed', value, 'higher');
const time = (value: number): Finding => found('signal/time', value, 'lower');
const baseline = { 'signal/speed': { value: 0.8, better: 'higher' }, 'signal/time': { value: 1.2, better: 'lower' } } as const;
const complaints = (...findings: Finding[]): string[] => complaintsOf(findings, baseline, ['signal']).map(({ message }) => message);

describe('compared with the baseline', () => {
  test('what is better, the same or a little worse is passed', () => {
    expect(complaints(speed(0.8), time(1.2))).toEqual([]);
    expect(complaints(speed(2), time(0.1))).toEqual([]);
    expect(complaints(speed(0.7), time(1.37))).toEqual([]);
  });

  test('what is more than 15 % worse is named with both values', () => {
    expect(complaints(speed(0.69), time(1.2))).toEqual([
      'signal/speed is 16 % worse: 0.690, the baseline has 0.8 (higher is better; one / the other).',
    ]);
    expect(complaints(speed(0.8), time(1.5))).toEqual([
      'signal/time is 25 % worse: 1.50, the baseline has 1.2 (lower is better; one / the other).',
    ]);
  });

  test('what is worse in the median is passed while a quarter of its rounds was not', () => {
    expect(complaints({ ...speed(0.5), bestQuarter: 0.8 }, { ...time(3), bestQuarter: 1.2 })).toEqual([]);
    expect(complaints({ ...speed(0.5), bestQuarter: 0.79 }, { ...time(3), bestQuarter: 1.21 })).toHaveLength(2);
  });

  test('a ratio that only one of the two has is named', () => {
    expect(complaints(speed(0.8), time(1.2), found('signal/new', 1, 'lower'))).toEqual([
      'signal/new is not in the baseline: write it with --update.',
    ]);
    expect(complaints(speed(0.8))).toEqual(['signal/time is in the baseline and is not measured any more: take it out.']);
  });

  test('ratios of what was not measured this time, and seconds, are left alone', () => {
    expect(complaintsOf([], baseline, ['history'])).toEqual([]);
    expect(complaints(speed(0.8), time(1.2), found('signal/p99', 99, 'lower', 'ms'))).toEqual([]);
  });

  test('of two runs the better value of each ratio counts', () => {
    expect(betterOf([speed(0.5), time(2)], [speed(0.6), time(3)])).toEqual([speed(0.6), time(2)]);
    expect(betterOf([speed(0.5)], [])).toEqual([speed(0.5)]);
  });
});

describe('the file of the baseline', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'perdure-baseline-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('takes in the ratios of a run and keeps the others', async () => {
    const file = join(folder, 'kept.json');
    updateBaseline(file, [speed(0.81234), time(1.2), found('signal/p99', 99, 'lower', 'ms')]);
    updateBaseline(file, [time(1.1)]);
    expect(readBaseline(file)).toEqual({
      'signal/speed': { value: 0.812, better: 'higher' },
      'signal/time': { value: 1.1, better: 'lower' },
    });
    expect(await readFile(file, 'utf8')).toMatch(/\}\n$/);
  });

  test.each(['', '[1]', '{"a":1}', '{"a":{"value":0,"better":"lower"}}', '{"a":{"value":1,"better":"sideways"}}'])(
    'is refused with the remedy when it says %j',
    async (content) => {
      const file = join(folder, 'wrong.json');
      await writeFile(file, content);
      expect(() => readBaseline(file)).toThrow('Write one with --update.');
    },
  );

  test('is refused with the remedy when it is not there', () => {
    expect(() => readBaseline(join(folder, 'absent.json'))).toThrow('Write one with --update.');
  });
});
