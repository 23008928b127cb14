import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLedger } from '../../../playground/onboarding/ledger.ts';
import { ledgerPath } from '../../../playground/onboarding/run.ts';
import { newCase, runPlayground, startPlayground, summaryOf, untilLedger } from './playground-process.ts';

/** Enough to meet a provider that hangs and people who are waited for: no run is over before it is interrupted. */
const many = 400;

describe('Ctrl-C', () => {
  test('stops cleanly with exit code 130; where tells what is unfinished; the next start finishes it', async () => {
    const { merchants, data } = await newCase(many);
    const parameters = ['--merchants', merchants, '--data', data, '--json'];
    const interrupted = startPlayground(parameters);
    await untilLedger(data, 'started', 10);
    interrupted.signal('SIGINT');
    const { code, stdout, stderr } = await interrupted.ended;
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toContain('Stopped cleanly. The same command goes on where it stopped.');

    const unfinished = await runPlayground('where', 'm-6003', '--data', data);
    expect(unfinished.code).toBe(0);
    expect(unfinished.stdout).toMatch(/^m-6003 is [a-z]+[A-Z]\w+ \(running\) since /);
    expect(unfinished.stdout).toMatch(/\nwaits for (activity "|the merchant to )/);

    // Two different signals: of two equal ones that come at once the second would be swallowed.
    const calls = (await readLedger(ledgerPath(data))).filter(({ kind }) => kind === 'call').length;
    const twice = startPlayground(parameters);
    await untilLedger(data, 'call', calls + 10);
    twice.signal('SIGINT');
    twice.signal('SIGTERM');
    expect((await twice.ended).code).toBe(130);

    const finished = await runPlayground(...parameters);
    expect(finished.code).toBe(0);
    const { byStatus, ...rest } = summaryOf(finished);
    expect((byStatus['completed'] ?? 0) + (byStatus['failed'] ?? 0)).toBe(many);
    expect(rest).toMatchObject({ merchants: many, crashes: 0, reruns: 0, lost: 0 });
  }, 60_000);

  test('stops a run that is being killed on the way, and leaves no process behind', async () => {
    const { merchants, data } = await newCase(many);
    const interrupted = startPlayground(['--merchants', merchants, '--data', data, '--crash', '1']);
    await untilLedger(data, 'started', 10);
    interrupted.signal('SIGINT');
    const { code, stderr } = await interrupted.ended;
    expect(code).toBe(130);
    expect(stderr).not.toContain('Error');
    // The store is free.
    expect((await runPlayground('where', 'm-6001', '--data', data)).code).toBe(0);
  });
});

test('a second copy is refused while the first runs, and the first is unharmed', async () => {
  const { merchants, data } = await newCase(many);
  const first = startPlayground(['--merchants', merchants, '--data', data]);
  await untilLedger(data, 'started', 10);
  for (const parameters of [
    ['--merchants', merchants],
    ['where', 'm-6001'],
  ]) {
    const { code, stderr } = await runPlayground(...parameters, '--data', data);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^The store at ${join(data, 'store')} is in use by process ${first.pid} on [^\n]*\n$`));
  }
  first.signal('SIGINT');
  expect((await first.ended).code).toBe(130);
});
