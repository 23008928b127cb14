import { access, chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../storage/folders.ts';
import { newCase, runPlayground, startPlayground, summaryOf } from './playground-process.ts';

/** Root may do anything, so another user tries. */
const anotherUser = process.getuid?.() === 0 ? 65_534 : undefined;

const summaryKeys = [
  ...['announced', 'byState', 'byStatus', 'crashes', 'failures', 'halfMade', 'lost', 'merchants', 'owed', 'reruns', 'seconds', 'undone'],
];

describe('npm start', () => {
  test('onboards every merchant, ends with one line of JSON, and finds everything done when it is run again', async () => {
    const { merchants, data } = await newCase(8);
    const first = await runPlayground('--merchants', merchants, '--data', data, '--json');
    const summary = summaryOf(first);
    expect(first.code).toBe(0);
    expect(Object.keys(summary).sort()).toEqual(summaryKeys);
    expect(summary).toMatchObject({
      merchants: 8,
      byStatus: { completed: 7, failed: 1 },
      byState: { live: 7, rejected: 1 },
      failures: { SanctionsHit: 1 },
      crashes: 0,
      reruns: 0,
      lost: 0,
      announced: 14,
    });
    expect(first.stderr).toContain(`Others were told 14 things: ${join(data, 'announcements.jsonl')}`);
    expect(typeof summary.seconds).toBe('number');
    expect(first.stderr).toContain('8/8 merchants');
    expect(first.stderr).toContain(
      'never killed; by the outside ledger: 0 activities run again after their record or signals applied twice, 0 merchants or signals lost; 1 steps undone, 0 owed, 0 left half-made.',
    );
    const again = await runPlayground('--merchants', merchants, '--data', data, '--json');
    expect(summaryOf(again)).toEqual({ ...summary, seconds: summaryOf(again).seconds });
  }, 60_000);

  test('killed three times on the way, closes every merchant, loses none and runs nothing again', async () => {
    const { merchants, data } = await newCase(16);
    const ended = await runPlayground('--merchants', merchants, '--data', data, '--crash', '3', '--json');
    expect(ended.code).toBe(0);
    const summary = summaryOf(ended);
    expect(Object.keys(summary).sort()).toEqual(summaryKeys);
    expect(summary).toMatchObject({ merchants: 16, byStatus: { completed: 15, failed: 1 }, crashes: 3, reruns: 0, lost: 0, announced: 30 });
    expect(ended.stderr).toContain('killed 3 times');
  }, 60_000);

  test('with another watchlist comes to another result', async () => {
    const { merchants, data, folder } = await newCase(8);
    const watchlist = join(folder, 'watchlist.txt');
    await writeFile(watchlist, 'Somebody Entirely Different\n');
    const ended = await runPlayground('--merchants', merchants, '--watchlist', watchlist, '--data', data, '--json');
    expect(ended.code).toBe(0);
    expect(summaryOf(ended)).toMatchObject({ byStatus: { completed: 8 }, byState: { live: 8 }, failures: {} });
  });

  test('with --machine five-step takes them through the five steps, killed on the way or not, in a store of its own', async () => {
    const { merchants, data } = await newCase(8);
    const fiveSteps = ['--merchants', merchants, '--data', data, '--machine', 'five-step', '--json'];
    const ended = await runPlayground(...fiveSteps, '--crash', '2');
    expect(ended.code).toBe(0);
    const expected = { byState: { done: 7, failed: 1 }, failures: { SanctionsHit: 1 }, reruns: 0, lost: 0 };
    expect(summaryOf(ended)).toMatchObject({ ...expected, crashes: 2 });
    expect(summaryOf(await runPlayground(...fiveSteps))).toMatchObject({ ...expected, crashes: 0 });
    expect((await runPlayground('where', 'm-6001', '--data', data)).stdout).toMatch(/^m-6001 is done \(completed\) since /);
    const other = await runPlayground('--merchants', merchants, '--data', data);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('\nThe store was filled with other merchants, or through another --machine. ');
  }, 60_000);

  test('with a larger --time-scale waits less for people', async () => {
    const { merchants, data } = await newCase(1);
    const hours = await runPlayground('--merchants', merchants, '--data', data, '--time-scale', '1e9', '--json');
    expect(summaryOf(hours)).toMatchObject({ byState: { rejected: 1 }, failures: { SanctionsHit: 1 } });
    const history = (await runPlayground('where', 'm-9001-BAD', '--data', data)).stdout;
    // Eight hours pass before anybody can decide.
    expect(history).toMatch(
      / timer +awaitingDecision\.escalated\n.* signal +rejected  REJECT\n.* undo-next +rejected\n.* undo-ended +rejected\n/,
    );
  });
});

describe('npm start -- five-step', () => {
  test('shows one merchant done, one failed, and one with a retry', async () => {
    const { code, stdout, stderr } = await runPlayground('five-step');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'm-7731 done in 5 steps',
      '  pending > kyc > sanctions > settle > dash > done',
      'm-9001-BAD failed (SanctionsHit) in 2 steps',
      '  pending > kyc > failed > undo-ended',
      'm-7732 done in 6 steps, 1 transient retry',
      '  pending > kyc > sanctions > attempt-failed > attempt-due > settle > dash > done',
    ]);
  });

  test('as JSON gives one line for each', async () => {
    const { stdout } = await runPlayground('five-step', '--json');
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([
      { id: 'm-7731', state: 'done', failure: null, steps: 5, retries: 0 },
      { id: 'm-9001-BAD', state: 'failed', failure: 'SanctionsHit', steps: 2, retries: 0 },
      { id: 'm-7732', state: 'done', failure: null, steps: 6, retries: 1 },
    ]);
  });
});

describe('npm start -- where', () => {
  test('tells of a merchant that is closed, as the run that closed it says, and says clearly that one is unknown', async () => {
    const { merchants, data } = await newCase(2);
    const run = await runPlayground('--merchants', merchants, '--data', data);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/│ rejected +│ SanctionsHit +│ +1 │/);
    expect(run.stdout).toContain('0 merchants or signals lost; 1 steps undone, 0 owed, 0 left half-made.');
    expect(run.stdout).toContain(`npm start -- where m-6001 --data ${data}`);
    const done = await runPlayground('where', 'm-6001', '--data', data);
    expect(done.code).toBe(0);
    expect(done.stdout).toMatch(/^m-6001 is live \(completed\) since \d{4}-\d\d-\d\d /);
    expect(done.stdout).toMatch(/attempt-completed +screeningSanctions\n/);
    const failed = await runPlayground('where', 'm-9001-BAD', '--data', data, '--json');
    expect(JSON.parse(failed.stdout)).toMatchObject({
      ...{ id: 'm-9001-BAD', status: 'failed', value: 'rejected', failure: { class: 'SanctionsHit' }, waitsFor: [] },
      ...{ attempts: expect.any(Number), nextTimer: null, deadlineAtMs: null },
    });
    const unknown = await runPlayground('where', 'm-1', '--data', data);
    expect(unknown).toEqual({ code: 1, stdout: '', stderr: 'There is no workflow "m-1" in this store; start it first.\n' });
  }, 60_000);

  test.skipIf(process.platform === 'win32')('where the store may not be read says so', async () => {
    const { merchants, data, folder } = await newCase(1);
    await runPlayground('--merchants', merchants, '--data', data);
    await chmod(folder, 0o755);
    const store = join(data, 'store');
    await chmod(store, 0o000);
    const { code, stdout, stderr } = await startPlayground(['where', 'm-9001-BAD', '--data', data], anotherUser).ended;
    await chmod(store, 0o700);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^The store at \S+ cannot be opened: this user may not write there \(EACCES: permission denied, [^\n]*\n$/);
  });

  test('where there is no store says so, and makes none', async () => {
    const folder = await temporaryFolder();
    const data = join(folder, 'data');
    const { code, stderr } = await runPlayground('where', 'm-6001', '--data', data);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `There is no store at ${join(data, 'store')}; name the directory a runtime was opened on.\nRun npm start first, or name it with --data DIR.\n`,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('what cannot be used is refused in plain words, before a store is made', () => {
  test('a merchants file with bad lines', async () => {
    const { merchants, data } = await newCase(2);
    await writeFile(merchants, 'id,name\nm-1,Bakery\nm-1,Café\nm-2,\nm-3,a,b\n');
    const { code, stdout, stderr } = await runPlayground('--merchants', merchants, '--data', data);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toEqual([
      `The merchants file "${merchants}" cannot be used: 3 problems.`,
      '  line 3: the id "m-1" was already used on line 2. Give each merchant its own id.',
      '  line 4: the name is empty. Give every merchant a name.',
      '  line 5: the row has 3 fields where the header has 2. Put a value that has a comma in it in quotes.',
    ]);
    await expect(access(data)).rejects.toThrow('ENOENT');
  });

  test('a merchants file that is not there, also when it is to be killed on the way', async () => {
    const { data, folder } = await newCase(1);
    const missing = join(folder, 'none.csv');
    const { code, stderr } = await runPlayground('--merchants', missing, '--data', data, '--crash', '1');
    expect(code).toBe(1);
    expect(stderr).toBe(
      `The merchants file "${missing}" cannot be used: 1 problem.\n  there is no such file. Check the path and the folder the command runs in.\n`,
    );
    await expect(access(data)).rejects.toThrow('ENOENT');
  });

  test('a watchlist with a bad line', async () => {
    const { merchants, data, folder } = await newCase(1);
    const watchlist = join(folder, 'watchlist.csv');
    await writeFile(watchlist, Buffer.from([...Buffer.from('A Name\n'), 0xff, 0x0a]));
    const { code, stderr } = await runPlayground('--merchants', merchants, '--watchlist', watchlist, '--data', data);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `The watchlist "${watchlist}" cannot be used: 1 problem.\n  line 2: some bytes are not valid UTF-8. Save it again as UTF-8 (a spreadsheet calls this "CSV UTF-8").\n`,
    );
    await expect(access(data)).rejects.toThrow('ENOENT');
  });

  test.each(['0', '1'])('a data directory that is a file, with --crash %s', async (crash) => {
    const { merchants, folder } = await newCase(1);
    const { code, stderr } = await runPlayground('--merchants', merchants, '--data', merchants, '--crash', crash);
    expect(code).toBe(1);
    expect(stderr).toBe(`The directory ${merchants} cannot be used: it is, or lies below, a file. Name another with --data DIR.\n`);
    expect(await readdir(folder)).toEqual(['merchants.csv']);
  });

  test.skipIf(process.platform === 'win32')('a data directory this user may not write to', async () => {
    const { merchants, folder } = await newCase(1);
    await chmod(folder, 0o555);
    const data = join(folder, 'data');
    const { code, stderr } = await startPlayground(['--merchants', merchants, '--data', data], anotherUser).ended;
    expect(code).toBe(1);
    expect(stderr).toBe(`The directory ${data} cannot be used: this user may not write there. Name another with --data DIR.\n`);
    expect(await readdir(folder)).toEqual(['merchants.csv']);
    await chmod(folder, 0o755);
  });

  test('other merchants under ids that the store knows', async () => {
    const { merchants, data } = await newCase(2);
    await runPlayground('--merchants', merchants, '--data', data);
    await writeFile(merchants, 'id,name\nm-6001,Quite Another Bakery\n');
    const { code, stderr } = await runPlayground('--merchants', merchants, '--data', data);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /m-6001.*\nThe store was filled with other merchants, or through another --machine\. Name another with --data DIR, or delete it\.\n$/,
    );
  }, 60_000);

  test.each([
    ['--crash <n>', 'often', 'Give a whole number from 0 to 4294967295.'],
    ['--time-scale <n>', '0.5', 'Give a number from 1 to 1000000000.'],
    ['--machine <name>', 'six-step', 'Allowed choices are merchant-onboarding, five-step.'],
  ])('parameters that make no sense: %s %s', async (option, value, remedy) => {
    const { code, stdout, stderr } = await runPlayground(option.split(' ')[0] ?? '', value);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`option '${option}' argument '${value}' is invalid. ${remedy}`);
    expect(stderr).toContain('Usage: npm start --');
  });
});

test('--help names every command and option, and what happens, with examples', async () => {
  const { code, stdout } = await runPlayground('--help');
  expect(code).toBe(0);
  for (const word of [
    'onboard',
    'where [options] <id>',
    'five-step',
    'npm start -- --crash 5',
    'Ctrl-C',
    'its 24 h take 2 s',
    'deadline',
  ]) {
    expect(stdout).toContain(word);
  }
  const onboard = await runPlayground('onboard', '--help');
  const options = ['--merchants', '--watchlist', '--data', '--crash', '--seed', '--machine', '--time-scale', '--batch', '--json'];
  for (const option of options) {
    expect(stdout).toContain(`  ${option} `);
    expect(onboard.stdout).toContain(`  ${option} `);
  }
});
