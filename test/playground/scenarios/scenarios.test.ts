/** Each scenario as its audience plays it: the command, in a process of its own. */
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, test, vi } from 'vitest';
import type { Ended } from '../onboarding/playground-process.ts';
import { runPlayground, startPlayground } from '../onboarding/playground-process.ts';

const names = ['late-hit', 'deferred-undo', 'slow-settlement', 'five-bugs', 'bad-item'];

interface Told {
  readonly scenario: string;
  readonly verified: boolean;
  readonly claims: readonly { readonly claim: string; readonly holds: boolean }[];
  readonly [fact: string]: unknown;
}

/** The line it ends with; nothing else may be on standard output. */
function toldIn({ code, stdout, stderr }: Ended): Told {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  const told = JSON.parse(stdout) as Told;
  expect(told.claims.filter(({ holds }) => !holds)).toEqual([]);
  expect(told.claims.length).toBeGreaterThan(3);
  for (const { claim } of told.claims) expect(stderr).toContain(`✓ ${claim}`);
  return told;
}

const allSteps = [
  ...['document.fetch', 'kyc.verify', 'sanctions.screen', 'profile.create', 'settlement.open'],
  ...['credentials.issue', 'risk-limits.set', 'dashboard.seed', 'widget.seed', 'welcome.send'],
];

describe('npm start -- scenario', () => {
  test('late-hit: a hit after the account exists unwinds everything, the newest first', async () => {
    expect(toldIn(await runPlayground('scenario', 'late-hit', '--json'))).toMatchObject({
      scenario: 'late-hit',
      verified: true,
      ...{ status: 'failed', value: 'rejected', failure: 'SanctionsHit', compensation: 'done' },
      done: allSteps,
      undone: [
        ...['on-hold.send', 'dashboard.take-down', 'sanctions.unscreen-payments', 'credentials.revoke'],
        ...['settlement.close', 'profile.delete', 'sanctions.unwatch'],
      ],
      ...{ owed: [], stands: [], queue: 0 },
      told: ['merchant.created', 'merchant.live', 'merchant.retracted'],
    });
  }, 60_000);

  test('deferred-undo: what a provider that is down cannot undo is owed, the account is closed, and a person has it retried', async () => {
    const undone = ['dashboard.take-down', 'credentials.revoke', 'settlement.close', 'profile.delete'];
    expect(toldIn(await runPlayground('scenario', 'deferred-undo', '--json'))).toMatchObject({
      scenario: 'deferred-undo',
      verified: true,
      whenItClosed: {
        ...{ status: 'cancelled', failure: 'Cancelled', compensation: 'deferred', queue: 2 },
        undone,
        owed: ['sanctions.screen', 'risk-limits.set'],
        told: ['merchant.created', 'merchant.retracted'],
      },
      ...{ status: 'cancelled', compensation: 'done', owed: [], stands: [], queue: 0 },
      undone: expect.arrayContaining([...undone, 'sanctions.unscreen-payments', 'sanctions.unwatch']),
      retriedBy: ['Olga', 'Olga'],
    });
  }, 60_000);

  test('slow-settlement: the deadline decides while a hop would wait, and what was done is undone', async () => {
    const told = toldIn(await runPlayground('scenario', 'slow-settlement', '--json'));
    expect(told).toMatchObject({
      scenario: 'slow-settlement',
      verified: true,
      ...{ status: 'failed', value: 'failed', failure: 'DeadlineExceeded', compensation: 'done' },
      undone: ['settlement.close', 'profile.delete', 'sanctions.unwatch'],
      told: ['merchant.created', 'merchant.retracted'],
      ...{ owed: [], stands: [], queue: 0, hopStillWaits: true, usual: 'live' },
    });
    expect(told['storySeconds']).toBeGreaterThanOrEqual(60);
    expect(told['storySeconds']).toBeLessThan(90);
  }, 60_000);

  test('bad-item: three of ten thousand stores that refuse are tolerated, or everything goes again', async () => {
    const told = toldIn(await runPlayground('scenario', 'bad-item', '--json'));
    expect(told).toMatchObject({
      scenario: 'bad-item',
      verified: true,
      within: {
        ...{ status: 'completed', total: 10_000, succeeded: 9_997, failed: 3 },
        refused: [1_234, 4_321, 7_007].map((store) => ({ store, cause: `StoreRefused: store ${store} has no licence for widgets` })),
      },
      beyond: { status: 'failed', total: 10_000, failed: 3, takenDown: 1 },
    });
    const { succeeded, failed, cancelled, waiting } = told['beyond'] as { readonly [count: string]: number };
    expect(Number(succeeded) + Number(failed) + Number(cancelled) + Number(waiting)).toBe(10_000);
  }, 60_000);

  test('five-bugs: each is there in a hand-rolled coordinator, and not in Perdure', async () => {
    const { verified, bugs } = toldIn(await runPlayground('scenario', 'five-bugs', '--json'));
    expect(verified).toBe(true);
    const seen = (bugs as readonly Record<string, unknown>[]).map(({ bug, isThere, isAbsent }) => [bug, isThere, isAbsent]);
    expect(seen).toEqual(
      ['lost timer', 'double-fired activity', 'resumption race', 'version skew', 'fan-out blow-up'].map((bug) => [bug, true, true]),
    );
  }, 120_000);

  test('without --json is told on standard output, with a table of what became of each step', async () => {
    const { code, stdout, stderr } = await runPlayground('scenario', 'late-hit');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^late-hit: a sanctions hit after the account exists unwinds it all\n/);
    expect(stdout).toContain('another one says "your account is on hold"');
    expect(stdout).toMatch(/│ settlement\.open +│ undone/);
    expect(stdout).toMatch(/│ kyc\.verify +│ stands: it was decided that there is nothing to undo/);
  }, 60_000);

  test('--list names each with a line', async () => {
    const { code, stdout } = await runPlayground('scenario', '--list');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(names);
    for (const line of lines) expect(line).toMatch(/^[a-z-]+ {2,}\S.{20,}$/);
  });

  test.each([
    [['nobody'], 'There is no scenario "nobody". There are:\n'],
    [[], 'Name a scenario. There are:\n'],
  ])('refuses %j with the list, and exit code 2', async (parameters, problem) => {
    const { code, stdout, stderr } = await runPlayground('scenario', ...parameters);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(problem);
    for (const name of names) expect(stderr).toContain(`\n${name} `);
  });

  test('Ctrl-C ends one at once, and leaves nothing behind', async () => {
    const before = await leftovers();
    const playing = startPlayground(['scenario', 'slow-settlement']);
    await vi.waitFor(async () => expect((await leftovers()).length).toBe(before.length + 1), { timeout: 20_000 });
    playing.signal('SIGINT');
    const { code, stdout } = await playing.ended;
    expect(code).toBe(130);
    expect(stdout).toContain('Interrupted; nothing is left of it.');
    expect((await leftovers()).length).toBe(before.length);
  }, 60_000);
});

async function leftovers(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('perdure-scenario-'));
}
