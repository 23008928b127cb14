/**
 * Runs in a process of its own, since LevelDB ends the process at some damage: for each path on its input, says on one line what
 * the store there answers, or with which code it is refused.
 */
import { createInterface } from 'node:readline';
import { rootAddress } from '../../src/kernel/address.ts';
import { PerdureError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/kernel/ports.ts';
import { openLevelStore } from '../../src/storage/open-level-store.ts';

/** A refusal stands for the answer. */
export type Answers = Readonly<Record<string, unknown>>;

function refusalOf(error: unknown): string {
  if (error instanceof PerdureError) return `refused: ${error.code}`;
  return `unexpected: ${String(error)}`;
}

async function latestRun(store: Store, id: string): Promise<number | undefined> {
  const run = await store.readLatestRun(id);
  if (run !== undefined) await store.readTree(rootAddress(id, run));
  return run;
}

/** Which message ids are known. */
async function messages(store: Store, id: string, steps: number): Promise<boolean[]> {
  const found = Array.from({ length: steps }, async (_item, index) => (await store.readMessage(id, `m-${index + 1}`)) !== undefined);
  return Promise.all(found);
}

async function answersOf(store: Store, workflows: number, steps: number): Promise<Answers> {
  const answers: Record<string, unknown> = { 'last commit': store.lastCommit };
  const ask = async (what: string, asked: Promise<unknown>): Promise<void> => {
    answers[what] = await asked.catch(refusalOf);
  };
  for (let number = 0; number < workflows; number += 1) {
    const address = rootAddress(`order-${number}`, 1);
    // A run is found by a key alone, and nothing is done about it before its record was read.
    await ask(`run of ${number}`, latestRun(store, address.workflowId));
    await ask(`tree of ${number}`, store.readTree(address));
    await ask(`journal of ${number}`, store.readJournal(address, 1, 100));
    await ask(`messages of ${number}`, messages(store, address.workflowId, steps));
  }
  return answers;
}

const [workflows, steps] = [Number(process.argv[2]), Number(process.argv[3])];
for await (const path of createInterface({ input: process.stdin })) {
  let answers: Answers;
  try {
    const store = await openLevelStore({ path });
    answers = await answersOf(store, workflows, steps);
    await store.close();
  } catch (error) {
    answers = { opening: refusalOf(error) };
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
