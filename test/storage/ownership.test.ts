import { readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { openLevelStore } from '../../src/storage/open-level-store.ts';
import { claimOwnership } from '../../src/storage/ownership.ts';
import { temporaryFolder } from './folders.ts';
import { openInProcess, openInThread } from './others.ts';
import { sampleBatch, sampleCommit } from './samples.ts';

const isLocked = (error: unknown): boolean => hasErrorCode(error, 'STORE_LOCKED');
const address = sampleCommit(1).record.address;

async function openHere(path: string): Promise<Store> {
  const store = await openLevelStore({ path });
  if (store.lastCommit === 0) await store.write(sampleBatch(1, [sampleCommit(1)]));
  return store;
}

/** That the owner still has the lock, and that what it writes is there for the next one. */
async function expectUnharmed(store: Store, path: string): Promise<void> {
  const process = await openInProcess(path);
  expect(process.opened.code).toBe('STORE_LOCKED');
  await process.close();
  await store.write(sampleBatch(2, [sampleCommit(2)]));
  await store.close();
  const again = await openLevelStore({ path });
  expect((await again.readTree(address))?.root.record.sequence).toBe(2);
  await again.close();
}

test('a second open in the same process is refused, the first is unharmed', async () => {
  const path = await temporaryFolder();
  const store = await openHere(path);
  await expect(openLevelStore({ path })).rejects.toSatisfy(isLocked);
  await expect(openLevelStore({ path })).rejects.toThrow(`in use by this process (process ${process.pid} on `);
  await expectUnharmed(store, path);
});

test('a second open through a symbolic link is refused, the first is unharmed', async () => {
  const path = await temporaryFolder();
  const link = join(await temporaryFolder(), 'link');
  await symlink(path, link);
  const store = await openHere(path);
  await expect(openLevelStore({ path: link })).rejects.toSatisfy(isLocked);
  await expectUnharmed(store, path);
});

test('of two opens at once in one thread one is refused', async () => {
  const path = await temporaryFolder();
  const [first, second] = await Promise.allSettled([openLevelStore({ path }), openLevelStore({ path })]);
  expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
  for (const open of [first, second]) {
    if (open.status === 'fulfilled') await open.value.close();
    else expect(isLocked(open.reason)).toBe(true);
  }
});

test('a second open in a worker thread is refused, the first is unharmed', async () => {
  const path = await temporaryFolder();
  const store = await openHere(path);
  const thread = await openInThread(path);
  expect(thread.opened).toMatchObject({ code: 'STORE_LOCKED' });
  expect(thread.opened.message).toContain(`another thread of this process (process ${process.pid} on `);
  await thread.close();
  await expectUnharmed(store, path);
});

test('a store that a worker thread has open is refused here, and free when the thread closed it', async () => {
  const path = await temporaryFolder();
  const thread = await openInThread(path);
  expect(thread.opened.code).toBe('open');
  await expect(openLevelStore({ path })).rejects.toSatisfy(isLocked);
  await thread.close();
  await (await openHere(path)).close();
});

test('a store whose worker thread was terminated is refused in this process and free for another', async () => {
  const path = await temporaryFolder();
  const thread = await openInThread(path);
  expect(thread.opened.code).toBe('open');
  await thread.kill();
  await expect(openLevelStore({ path })).rejects.toSatisfy(isLocked);
  const other = await openInProcess(path);
  expect(other.opened.code).toBe('open');
  await other.close();
});

test('while one thread is opening a store, no other touches it', async () => {
  const path = await temporaryFolder();
  const claim = await claimOwnership(path);
  const thread = await openInThread(path);
  expect(thread.opened).toMatchObject({ code: 'STORE_LOCKED' });
  expect(await readdir(path)).toHaveLength(1);
  await claim.release();
  await thread.close();
  expect(await readdir(path)).toEqual([]);
});

test('a second process is refused and told who has the store, the first is unharmed', async () => {
  const path = await temporaryFolder();
  const store = await openHere(path);
  const other = await openInProcess(path);
  expect(other.opened.code).toBe('STORE_LOCKED');
  expect(other.opened.message).toMatch(new RegExp(`in use by process ${process.pid} on \\S+, running since \\d{4}-\\d\\d-\\d\\dT`));
  await other.close();
  await expectUnharmed(store, path);
});

test('a store that another process has open is refused here, and free when that process closed it', async () => {
  const path = await temporaryFolder();
  const other = await openInProcess(path);
  expect(other.opened.code).toBe('open');
  await expect(openLevelStore({ path })).rejects.toSatisfy(isLocked);
  await other.close();
  await (await openHere(path)).close();
});

test('an owner that was killed is no obstacle, and what it had acknowledged is there', async () => {
  const path = await temporaryFolder();
  const other = await openInProcess(path);
  await other.kill();
  expect(await readdir(path)).toContain('owner.json');
  const store = await openLevelStore({ path });
  expect(store.lastCommit).toBe(1);
  await store.close();
});

test('who waits gets the store when it is free', async () => {
  const path = await temporaryFolder();
  const other = await openInProcess(path);
  const waiting = openLevelStore({ path, onLocked: 'wait' });
  await other.close();
  const store = await waiting;
  expect(store.lastCommit).toBe(1);
  await store.close();
});

test('who waits looks at nothing but the lock until that is free', async () => {
  const path = await temporaryFolder();
  const other = await openInProcess(path);
  const level = join(path, 'level');
  // LevelDB begins a new LOG whenever it is asked.
  const log = async (): Promise<string> => {
    const { ino, ctimeMs } = await stat(join(level, 'LOG'));
    return `${ino} ${ctimeMs}`;
  };
  const askedAgain = async (): Promise<void> => {
    const before = await log();
    await vi.waitFor(async () => expect(await log()).not.toBe(before), 5_000);
  };
  const asked = askedAgain();
  let outcome: unknown;
  const waiting = openLevelStore({ path, onLocked: 'wait' }).catch((error: unknown) => (outcome = error));
  await asked;
  // Whoever reads the logs finds a damaged one.
  const [name] = (await readdir(level)).filter((file) => file.endsWith('.log'));
  const bytes = await readFile(join(level, name!));
  bytes[8]! ^= 1;
  await writeFile(join(level, '999999.log'), bytes);
  for (let time = 0; time < 3; time += 1) await askedAgain();
  expect(outcome).toBeUndefined();
  await other.close();
  await waiting;
  expect(outcome).toSatisfy((error) => hasErrorCode(error, 'STORE_DAMAGED'));
  expect(outcome).toHaveProperty('message', expect.stringContaining('999999.log is damaged'));
});

test('an owner that comes and goes while another is between its claim and LevelDB leaves that its claim', async () => {
  const path = await temporaryFolder();
  const claim = await claimOwnership(path);
  const owner = await openInProcess(path);
  expect(owner.opened.code).toBe('open');
  await owner.close();
  const thread = await openInThread(path);
  expect(thread.opened.code).toBe('STORE_LOCKED');
  await thread.close();
  await claim.confirm();
  expect(JSON.parse(await readFile(join(path, 'owner.json'), 'utf8'))).toMatchObject({ pid: process.pid });
  await claim.withdraw();
  await claim.release();
  expect((await readdir(path)).sort()).toEqual(['level', 'perdure.json']);
});

test('who closes takes its name away before another can have written its own', async () => {
  const path = await temporaryFolder();
  const claim = await claimOwnership(path);
  await claim.confirm();
  await claim.withdraw();
  expect(await readdir(path)).not.toContain('owner.json');
  // Between LevelDB's end and the release another process may be let in; other threads of this one are not.
  await writeFile(join(path, 'owner.json'), 'of the next one');
  const thread = await openInThread(path);
  expect(thread.opened.code).toBe('STORE_LOCKED');
  await thread.close();
  await claim.release();
  expect(await readFile(join(path, 'owner.json'), 'utf8')).toBe('of the next one');
});

test('who waits can give up', async () => {
  const path = await temporaryFolder();
  const store = await openHere(path);
  const giveUp = new AbortController();
  const waiting = openLevelStore({ path, onLocked: 'wait', signal: giveUp.signal });
  giveUp.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(openLevelStore({ path, onLocked: 'wait', signal: giveUp.signal })).rejects.toThrow('enough');
  await expectUnharmed(store, path);
});

test('after closing, nobody is named as the owner and the store can be opened again', async () => {
  const path = await temporaryFolder();
  for (let time = 0; time < 3; time += 1) {
    const store = await openHere(path);
    expect(JSON.parse(await readFile(join(path, 'owner.json'), 'utf8'))).toMatchObject({
      pid: process.pid,
      processStartedAtMs: performance.timeOrigin,
    });
    await store.close();
    expect((await readdir(path)).sort()).toEqual(['level', 'perdure.json']);
  }
});

test.each([
  ['is of another process with this id', JSON.stringify({ pid: process.pid, processStartedAtMs: 1, host: 'here' })],
  ['was torn', '{"pid":'],
  ['is empty', ''],
])('an owner.json that %s is no obstacle', async (_what, text) => {
  const path = await temporaryFolder();
  await (await openHere(path)).close();
  await writeFile(join(path, 'owner.json'), text);
  await writeFile(join(path, 'owner.json.77-1'), '');
  const longAgo = Date.now() / 1000 - 100_000;
  await utimes(join(path, 'owner.json.77-1'), longAgo, longAgo);
  const store = await openHere(path);
  expect((await readdir(path)).sort()).toEqual(['level', 'owner.json', 'perdure.json']);
  await store.close();
});

test('closing leaves the owner.json of whoever came next', async () => {
  const path = await temporaryFolder();
  const store = await openHere(path);
  const next = JSON.stringify({ pid: 1, processStartedAtMs: 1, host: 'elsewhere' });
  await writeFile(join(path, 'owner.json'), next);
  await store.close();
  expect(await readFile(join(path, 'owner.json'), 'utf8')).toBe(next);
});

test('an open that failed leaves no claim behind', async () => {
  const path = await temporaryFolder();
  await (await openHere(path)).close();
  await rm(join(path, 'level', 'CURRENT'));
  for (let time = 0; time < 2; time += 1) {
    await expect(openLevelStore({ path })).rejects.toSatisfy((error) => hasErrorCode(error, 'STORE_DAMAGED'));
  }
  expect((await readdir(path)).sort()).toEqual(['level', 'perdure.json']);
});
