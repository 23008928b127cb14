import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../storage/folders.ts';

const program = fileURLToPath(new URL('./full-disk-process.ts', import.meta.url));

/** A disk of its own, seen by nobody but the process and gone with it. */
const onSmallDisk = ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=120m tmpfs "$1" && shift && exec "$@"', 'sh'];
const canMount = spawnSync('unshare', [...onSmallDisk, '/mnt', 'true']).status === 0;

test.skipIf(!canMount)(
  'on a disk that is full a runtime refuses writes, goes on by itself with the room of its reserve, and takes new work when there is room',
  async () => {
    const node = [process.execPath, '--conditions=perdure-source', '--import', 'tsx', program];
    const folder = await temporaryFolder();
    const { stdout } = await promisify(execFile)('unshare', [...onSmallDisk, folder, ...node, folder]);
    const { messages, ...report } = JSON.parse(stdout) as { readonly messages: readonly string[] };
    expect(report).toEqual({
      failure: 'STORE_UNAVAILABLE',
      state: 'recovering',
      described: 'running',
      reserve: false,
      afterRelease: 'degraded',
      start: 'STORE_SPACE_LOW',
      startWithRoom: 'fine',
      isComplete: true,
    });
    expect(messages).toEqual(
      expect.arrayContaining([
        'The store failed: nothing is written until it is opened again.',
        'The disk is full: the reserve was released.',
        'The store is open again.',
      ]),
    );
  },
  60_000,
);
