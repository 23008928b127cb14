import { appendFile, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { jsonLinesFile } from '../../src/hosts/local/json-lines-file.ts';
import type { OutboxMessage } from '../../src/kernel/outbox-consumer.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perdure-lines-'));
  path = join(folder, 'said.jsonl');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function message(id: string, event: object = { type: 'SAID' }): OutboxMessage {
  return {
    event: event as OutboxMessage['event'],
    workflowId: 'w',
    run: 1,
    machine: { id: 'm', version: '1' },
    messageId: id,
    commit: 7,
    atMs: 5,
    attempt: 1,
    signal: new AbortController().signal,
  };
}

async function idsIn(file = path): Promise<unknown[]> {
  const text = await readFile(file, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { messageId: string }).messageId);
}

describe('a file of messages', () => {
  test('has one whole line for each, with everything but what belongs to the attempt, for this user only', async () => {
    const take = jsonLinesFile(path);
    await take(message('a', { type: 'SAID', at: new Date(5), word: 'zwei\nZeilen' }));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const [line] = (await readFile(path, 'utf8')).split('\n');
    expect(JSON.parse(line ?? '')).toEqual({
      messageId: 'a',
      workflowId: 'w',
      run: 1,
      machine: { id: 'm', version: '1' },
      commit: 7,
      atMs: 5,
      event: { type: 'SAID', at: { $type: 'Date', value: expect.anything() }, word: 'zwei\nZeilen' },
    });
  });

  test('has those that came at once in the order they came', async () => {
    const take = jsonLinesFile(path);
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => take(message(id))));
    expect(await idsIn()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('loses what was torn off in the middle of a line, and nothing else', async () => {
    await jsonLinesFile(path)(message('a'));
    await appendFile(path, '{"messageId":"b","wor');
    const take = jsonLinesFile(path);
    await take(message('b'));
    await take(message('c'));
    expect(await idsIn()).toEqual(['a', 'b', 'c']);
  });

  test('has a message once that is delivered again, in the same process or the next', async () => {
    const take = jsonLinesFile(path);
    await take(message('a'));
    await take(message('b'));
    await take(message('b'));
    const again = jsonLinesFile(path);
    await Promise.all(['a', 'b', 'c', 'c'].map((id) => again(message(id))));
    expect(await idsIn()).toEqual(['a', 'b', 'c']);
  });

  test('finds the end of the last whole line behind a very long torn one', async () => {
    await jsonLinesFile(path)(message('a'));
    await appendFile(path, 'x'.repeat(3_000_000));
    await jsonLinesFile(path)(message('b'));
    expect(await idsIn()).toEqual(['a', 'b']);
  });

  test('goes on in a new file when it was moved away', async () => {
    const take = jsonLinesFile(path);
    await take(message('a'));
    await rename(path, `${path}.old`);
    await take(message('b'));
    expect([await idsIn(`${path}.old`), await idsIn()]).toEqual([['a'], ['b']]);
  });

  test('is no place for a message while it cannot be written, and takes it again later', async () => {
    const take = jsonLinesFile(join(folder, 'missing', 'said.jsonl'));
    await expect(take(message('a'))).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(path, 'not ours\n');
    const other = jsonLinesFile(path);
    await other(message('a'));
    expect(await readFile(path, 'utf8')).toMatch(/^not ours\n\{"messageId":"a".*\}\n$/);
  });

  test.each([[''], [undefined], [5]])('has a path: %j is none', (given) => {
    expect(() => jsonLinesFile(given as string)).toThrow(/jsonLinesFile: give the path of a file/);
  });
});
