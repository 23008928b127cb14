/**
 * A process on a small disk, which it fills under its own runtime and makes room on again. Its argument is a directory on that disk;
 * it prints what came of each step as one line of JSON.
 */
import { appendFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRuntime, PerdureError } from 'perdure';
import { assign, setup } from 'xstate';

const machine = setup({
  types: { context: {} as { count: number; last: string }, events: {} as { type: 'ADD'; filler: string } },
}).createMachine({
  id: 'counter',
  version: '1',
  context: { count: 0, last: '' },
  on: { ADD: { actions: assign({ count: ({ context }) => context.count + 1, last: ({ event }) => event.filler }) } },
});

const [disk = ''] = process.argv.slice(2);
const path = join(disk, 'store');
const ballast = join(disk, 'ballast');
const reserve = join(path, 'reserve');
const report: Record<string, unknown> = {};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

function fill(): void {
  writeFileSync(ballast, '');
  for (let piece = 1_048_576; piece >= 4_096;) {
    try {
      appendFileSync(ballast, Buffer.alloc(piece, 'x'));
    } catch {
      piece /= 2;
    }
  }
}

/** The code with which a promise rejects, or that it did not. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'fine';
  } catch (error) {
    if (error instanceof PerdureError) return (error as PerdureError).code;
    throw error;
  }
}

mkdirSync(path, { recursive: true });
const messages: string[] = [];
const log = (_data: object, message: string): void => void messages.push(message);
const runtime = await openRuntime({ path, machines: [machine], logger: { debug: log, info: log, warn: log, error: log } });
const handle = await runtime.start(machine, { id: 'a' });
let acknowledged = 0;
let number = 0;
const add = async (): Promise<void> => {
  number += 1;
  await handle.send({ type: 'ADD', filler: `${number} `.repeat(5_000) }, { messageId: `m${number}` });
  acknowledged += 1;
};
await until(() => existsSync(reserve) && statSync(reserve).size === 16_777_216);

fill();
let code = 'fine';
while (code === 'fine') code = await codeOf(add());
report['failure'] = code;
report['state'] = runtime.health().state;
report['described'] = (await runtime.describe('a')).status;

await until(() => runtime.health().state !== 'recovering');
report['reserve'] = existsSync(reserve);
report['afterRelease'] = runtime.health().state;
await handle.send({ type: 'ADD', filler: '' }, { messageId: `m${number}` });
acknowledged += 1;
await add();
report['start'] = await codeOf(runtime.start(machine, { id: 'b' }));

rmSync(ballast);
await until(() => runtime.health().state === 'open');
report['startWithRoom'] = await codeOf(runtime.start(machine, { id: 'b' }));
await until(() => existsSync(reserve) && statSync(reserve).size === 16_777_216);
await runtime.close();

const again = await openRuntime({ path, machines: [machine] });
const { context } = await again.describe('a');
report['isComplete'] = (context as { count: number }).count === acknowledged;
await again.close();
report['messages'] = [...new Set(messages)];
process.stdout.write(`${JSON.stringify(report)}\n`);
