/** A disk that turns over a bit: whatever was on that place, no answer is made of it. */
import { expect, test } from 'vitest';
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import { PerdureError } from '../../src/kernel/errors.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import type { Entry, Operation } from '../../src/storage/database.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { createRandom } from '../simulation/seeded-random.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { flip } from '../storage/samples.ts';
import { counter, errand, sleeper } from '../support/machines.ts';
import { World } from '../support/world.ts';
import { ManualClock } from './manual-clock.ts';

const flips = isSoak ? 1_000 : 200;
const whole = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) };
const napMs = 60_000;
/** A haul is an errand whose input is too large for the record of its actor: it has a row of its own. */
const kinds = ['sum', 'nap', 'errand', 'haul'] as const;
const sum = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });

interface Life {
  readonly runtime: Runtime;
  readonly clock: ManualClock;
  readonly world: World;
  end(): Promise<void>;
}

async function begin(database: Awaited<ReturnType<typeof createMemoryDatabase>>): Promise<Life> {
  const world = new World();
  const clock = new ManualClock();
  const store = await openStoreOn(database, { location: 'memory', storeId: 'test' });
  const registry = createRegistry([sum, sleeper, errand(world, 'errand', {})]);
  const runtime = await assembleRuntime({ store, registry, clock, random: () => 0.5, maxConcurrentAttempts: 100 });
  const end = async (): Promise<void> => {
    const closed = runtime.close({ grace: 0 });
    await clock.pass(1);
    await closed;
  };
  return { runtime, clock, world, end };
}

/** Two workflows of each kind, in the middle of what they do. */
async function written(): Promise<readonly Entry[]> {
  const database = await createMemoryDatabase();
  const { runtime, world, end } = await begin(database);
  const fetch = errand(world, 'errand', {});
  for (const name of ['harmed', 'other']) {
    await runtime.start(sum, { id: `${name}-sum`, input: { from: 0 } });
    await runtime.send(`${name}-sum`, add(1), { messageId: 'one' });
    await runtime.send(`${name}-sum`, add(2));
    await runtime.start(sleeper, { id: `${name}-nap`, input: { delayMs: napMs } });
    await runtime.start(fetch, { id: `${name}-errand`, input: { item: 'lamp' } });
    await runtime.start(fetch, { id: `${name}-haul`, input: { item: 'lamp '.repeat(200) } });
  }
  await end();
  return database.reopen().entries(whole);
}

/** The code of a refusal stands for the answer. */
async function answerOf(asked: Promise<unknown>): Promise<unknown> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof PerdureError)) throw error;
    const { reason } = error.details as { readonly reason?: unknown };
    return error.code === 'WORKFLOW_PARKED' ? `refused: ${error.code} ${String(reason)}` : `refused: ${error.code}`;
  }
}

/** Everything that can be asked of the workflows of one name, and where they go from here. */
async function answersOf({ runtime, clock, world }: Life, names: readonly string[]): Promise<Map<string, readonly unknown[]>> {
  const answers = new Map<string, unknown[]>();
  const ask = async (place: string, asked: Promise<unknown>): Promise<void> => {
    answers.set(place, [...(answers.get(place) ?? []), await answerOf(asked)]);
  };
  const everywhere = async (question: (id: string) => Promise<unknown>): Promise<void> => {
    for (const name of names) for (const kind of kinds) await ask(`${name}-${kind}`, question(`${name}-${kind}`));
  };
  // Who cannot be read is in the lists, too.
  await ask(
    'harmed-listed',
    runtime.list().then(({ workflows }) => workflows.map(({ id }) => id)),
  );
  await ask('harmed-listed', runtime.count({}, { groupBy: 'machine' }));
  await ask('other-listed', runtime.list({ idPrefix: 'other' }));
  await ask('other-listed', runtime.count({ idPrefix: 'other', state: 'fetching' }));
  await everywhere(async (id) => void (await runtime.get(id)));
  await everywhere((id) => runtime.describe(id));
  // Commit numbers depend on what others do; the rest of a history does not.
  await everywhere(async (id) => (await runtime.history(id)).map((entry) => ({ ...entry, commit: 0 })));
  for (const name of names) {
    await ask(`${name}-sum`, runtime.send(`${name}-sum`, add(1), { messageId: 'one' }));
    await ask(`${name}-sum`, runtime.send(`${name}-sum`, add(4), { messageId: 'two' }));
  }
  await clock.pass(napMs - 1);
  await everywhere((id) => runtime.describe(id));
  for (const call of world.calls) call.succeed(call.idempotencyKey);
  await clock.pass(1);
  await everywhere((id) => runtime.describe(id));
  return answers;
}

type What = 'value' | 'key';

interface Target {
  readonly title: string;
  readonly space: string;
  readonly what: What;
}

/** Every kind of row. */
const targets: readonly Target[] = [
  { title: 'actor', space: 'a', what: 'value' },
  { title: 'journal record', space: 'j', what: 'value' },
  { title: 'activity', space: 'y', what: 'value' },
  { title: 'timer', space: 't', what: 'value' },
  { title: 'message', space: 'm', what: 'value' },
  { title: 'twin of a message', space: 'w', what: 'value' },
  { title: 'definition', space: 'd', what: 'value' },
  { title: 'head', space: 's', what: 'value' },
  { title: 'index', space: 'o', what: 'value' },
  { title: 'count', space: 'n', what: 'value' },
  { title: 'actor', space: 'a', what: 'key' },
  { title: 'journal record', space: 'j', what: 'key' },
  { title: 'activity', space: 'y', what: 'key' },
  { title: 'timer', space: 't', what: 'key' },
  { title: 'message', space: 'm', what: 'key' },
  { title: 'twin of a message', space: 'w', what: 'key' },
  { title: 'definition', space: 'd', what: 'key' },
  { title: 'head', space: 's', what: 'key' },
  { title: 'index', space: 'o', what: 'key' },
  { title: 'count', space: 'n', what: 'key' },
];

/** Answers that a workflow gives which is not harmed, or is harmed where it can be told without the harmed row. */
const refusals = ['refused: WORKFLOW_PARKED record-damaged', 'refused: RECORD_DAMAGED'];

test(
  `of ${flips} bits turned over in every kind of record none makes another answer, and only the workflow that was hit is stopped`,
  async () => {
    const rows = await written();
    const random = createRandom(seed);
    const sound = await answersAfter(rows, []);
    expect([...(sound as Map<string, unknown>).keys()]).toHaveLength(2 * kinds.length + 2);
    let refused = 0;
    for (let number = 0; number < flips; number += 1) {
      const target = targets[number % targets.length]!;
      const own = rows.filter(({ key, value }) => key[0] === target.space.charCodeAt(0) && isHarmed(key) && value.length > 0);
      const { key, value } = random.pick(own);
      const bit = random.below((target.what === 'key' ? key : value).length * 8);
      const operations: Operation[] =
        target.what === 'value'
          ? [{ kind: 'put', key, value: flip(value, bit) }]
          : [
              { kind: 'delete', key },
              { kind: 'put', key: flip(key, bit), value },
            ];
      const where = `bit ${bit} of the ${target.what} of ${target.title} ${Buffer.from(key).toString('latin1')}; ${replayOf('bit-flips.test.ts')}`;
      const answers = await answersAfter(rows, operations);
      if (target.space === 's') {
        expect(answers, where).toBe('refused: STORE_DAMAGED');
        refused += 1;
        continue;
      }
      refused += expectSound(answers as Answers, sound as Answers, where, target);
    }
    expect(refused).toBeGreaterThan(flips / 3);
  },
  isSoak ? 600_000 : 60_000,
);

type Answers = Map<string, readonly unknown[]>;

/** The rows that belong to nobody are anybody's. */
function isHarmed(key: Uint8Array): boolean {
  return ['d', 'n', 's'].includes(String.fromCharCode(key[0] ?? 0)) || Buffer.from(key).includes('harmed');
}

/** What a workflow answers that was parked when damage was met; its state is sound, and `describe` tells it. */
function isOfParked(answer: unknown): boolean {
  const { outcome, parked } = Object(answer) as { readonly outcome?: unknown; readonly parked?: { readonly reason: unknown } };
  return outcome === 'queued' || parked?.reason === 'record-damaged';
}

/** @returns 1 if anything was refused */
function expectSound(answers: Answers, sound: Answers, where: string, { space, what }: Target): number {
  let refused = 0;
  for (const [id, own] of answers) {
    const expected = sound.get(id) ?? [];
    if (id.startsWith('other')) expect(own, `${id} after ${where}`).toEqual(expected);
    const isRefused = own.some((answer) => refusals.includes(String(answer)));
    if (isRefused) refused = 1;
    own.forEach((answer, index) => {
      if (refusals.includes(String(answer)) || (isRefused && isOfParked(answer))) return;
      const due = expected[index];
      // What does not run any more has the beginning of its history.
      const comparable = isRefused && Array.isArray(answer) && Array.isArray(due) ? due.slice(0, answer.length) : due;
      expect(answer, `answer ${index + 1} of ${id} after ${where}`).toEqual(comparable);
    });
  }
  // Timers, definitions, lists and counts are written in the actors, too, twins in their messages; everything else is missed.
  if (!['t', 'w', 'd', 'n', 'o'].includes(space)) expect(refused, `nothing was refused after the ${what} changed: ${where}`).toBe(1);
  return refused;
}

async function answersAfter(rows: readonly Entry[], operations: readonly Operation[]): Promise<unknown> {
  const database = await createMemoryDatabase();
  await database.write(rows.map(({ key, value }) => ({ kind: 'put' as const, key, value })));
  await database.write(operations);
  let life: Life;
  try {
    life = await begin(database);
  } catch (error) {
    return `refused: ${(error as PerdureError).code}`;
  }
  const answers = await answersOf(life, ['harmed', 'other']);
  await life.end();
  return answers;
}
