/** Bits that turn over in LevelDB's tables, whose checksums it does not compare when it reads: records have their own. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Level } from 'level';
import { expect, onTestFinished, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import { openLevelStore } from '../../src/storage/open-level-store.ts';
import { createRandom } from '../simulation/seeded-random.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { copyStore, temporaryFolder } from './folders.ts';
import { flip, sampleActivity, sampleBatch, sampleCommit, sampleTimer } from './samples.ts';
import type { Answers } from './table-answers.ts';

const flips = isSoak ? 1_000 : 100;
const workflows = 12;
const steps = 12;
const random = createRandom(seed);
const addressOf = (number: number) => rootAddress(`order-${number}`, 1);

/** A closed store of which everything is in tables and nothing in the log. */
async function compacted(): Promise<string> {
  const path = join(await temporaryFolder(), 'store');
  const store = await openLevelStore({ path });
  let commit = 1;
  await store.write({
    firstCommit: commit,
    commits: [],
    definitions: [{ machine: { id: 'order', version: '1', structureHash: 'aa' }, structure: { id: 'order' } }],
  });
  for (let sequence = 1; sequence <= steps; sequence += 1) {
    for (let number = 0; number < workflows; number += 1) {
      // Little of it can be compressed, so that blocks are many.
      const text = Array.from({ length: 30 }, () => random.next().toString(36)).join('');
      const chart = { ...sampleCommit(1).record.chart, context: { text } };
      const timer = sampleTimer(1, 5_000 + number);
      const address = addressOf(number);
      const pending = { activities: [{ n: 1, childId: '1.order.paying' }], timers: [timer] };
      const isFirst = sequence === 1;
      const armed = isFirst ? { activitiesPut: [sampleActivity(1)], timersArmed: [timer] } : {};
      const message = {
        workflowId: address.workflowId,
        messageId: `m-${sequence}`,
        run: 1,
        sequence,
        outcome: 'applied',
        atMs: 0,
      } as const;
      await store.write(sampleBatch(commit, [sampleCommit(sequence, { address, record: { chart, ...pending }, ...armed, message })]));
      commit += 1;
    }
  }
  await store.close();
  const level = new Level<Uint8Array, Uint8Array>(join(path, 'level'), { keyEncoding: 'view', valueEncoding: 'view' });
  await level.open();
  // The types of `level` are those of every platform; here it is LevelDB.
  const native = level as unknown as { readonly compactRange: (from: Uint8Array, to: Uint8Array) => Promise<void> };
  await native.compactRange.call(level, Uint8Array.of(0), Uint8Array.of(0xff));
  await level.close();
  return path;
}

/** Asks stores in another process, one after the other, and starts a new one when LevelDB has ended it. */
class Asker {
  #child: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  /** @returns undefined if the process ended over it */
  async ask(path: string): Promise<Answers | undefined> {
    const { stdin } = this.#child ?? this.#start();
    stdin?.write(`${path}\n`);
    const line = await this.#lines?.next();
    if (line?.done === false) return JSON.parse(line.value) as Answers;
    this.#child = undefined;
    return undefined;
  }

  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.stdin?.end();
    await once(child, 'exit');
  }

  #start(): ChildProcess {
    const program = fileURLToPath(new URL('./table-answers.ts', import.meta.url));
    const args = ['--import', 'tsx', '--conditions=perdure-source', program, String(workflows), String(steps)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    // What is written to a process that has just ended is told by its missing answer.
    child.stdin.on('error', () => undefined);
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return child;
  }
}

const refusals = ['refused: RECORD_DAMAGED', 'refused: STORE_DAMAGED', 'refused: STORE_UNAVAILABLE'];

test(
  `of ${flips} bits turned over in tables none makes another answer`,
  async () => {
    const sound = await compacted();
    const tables = (await readdir(join(sound, 'level'))).filter((name) => name.endsWith('.ldb'));
    expect(tables.length).toBeGreaterThan(0);
    const asker = new Asker();
    onTestFinished(() => asker.end());
    const folder = await temporaryFolder();
    const copy = join(folder, 'copy');
    const askCopy = async (harm: () => Promise<void>): Promise<Answers | undefined> => {
      await copyStore(sound, copy);
      await harm();
      const answers = await asker.ask(copy);
      await rm(copy, { recursive: true });
      return answers;
    };
    const expected = (await askCopy(() => Promise.resolve())) ?? {};
    expect(Object.keys(expected)).toHaveLength(4 * workflows + 1);
    let found = 0;
    for (let number = 0; number < flips; number += 1) {
      const name = random.pick(tables);
      const bit = random.below((await stat(join(sound, 'level', name))).size * 8);
      const answers = await askCopy(async () => {
        const file = join(copy, 'level', name);
        await writeFile(file, flip(await readFile(file), bit));
      });
      // A process that ended gave no answer.
      const others = Object.entries(answers ?? {}).filter(([what, answer]) => JSON.stringify(answer) !== JSON.stringify(expected[what]));
      const where = `bit ${bit} of ${name}; ${replayOf('table-flips.test.ts')}`;
      for (const [what, answer] of others) expect(refusals, `${what} after ${where}`).toContain(answer);
      if (answers === undefined || others.length > 0) found += 1;
    }
    expect(found).toBeGreaterThan(flips / 4);
  },
  isSoak ? 3_600_000 : 120_000,
);
