/** Every public function that takes options refuses one that does not exist, and what is no object of options. */
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { activity, child, closeOnSignals, implement, openReader, openRuntime } from '../../src/index.ts';
import type { Runtime, WorkflowHandle } from '../../src/index.ts';
import { openTestRuntime } from '../runtime/local-runtime.ts';

const machine = setup({}).createMachine({ id: 'm', version: '1', initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } });

/** Callers without types. */
type Untyped = never;
type Call = (options: Untyped) => unknown;

async function refusalOf(call: () => unknown): Promise<unknown> {
  return Promise.resolve()
    .then(call)
    .then(
      () => 'accepted',
      (error: unknown) => (error instanceof TypeError ? error.message : error),
    );
}

function expectRefused(doors: (runtime: Runtime, handle: WorkflowHandle) => readonly [string, Call, string, string][]): void {
  test.each(doors(undefined as Untyped, undefined as Untyped).map(([place], index) => [place, index] as const))('%s', async (_, index) => {
    const { runtime } = await openTestRuntime({ machines: [machine] });
    const handle = await runtime.start(machine, { id: 'w' });
    const [place, call, misspelt, meant] = doors(runtime, handle)[index]!;
    const remedy = meant === '' ? '' : ` Did you mean ${meant}?`;
    const sentence = `${place}: there is no option "${misspelt}".${remedy} Known: `;
    expect(await refusalOf(() => call({ [misspelt]: 'x' } as Untyped))).toContain(sentence);
    for (const [options, found] of [
      [null, 'null'],
      [7, '7'],
      [[], 'an array'],
    ] as const) {
      const message = await refusalOf(() => call(options as Untyped));
      expect(message).toContain(`${place}: give an object of options such as {`);
      expect(message).toContain(`; found ${found}.`);
    }
    expect(await runtime.describe('w')).toMatchObject({ status: 'running', sequence: 1 });
    expect(runtime.health().state).toBe('open');
  });
}

describe('a misspelt option, and what is no object of options, is refused and does nothing', () => {
  expectRefused((runtime, handle) => [
    ['activity', (options) => activity(options), 'startToClose', 'startToCloseTimeout'],
    ['activity: retry', (retry) => activity({ retry }), 'maxAttempts', 'maximumAttempts'],
    ['activity: rateLimit', (rateLimit) => activity({ rateLimit }), 'perMs', 'per'],
    ['implement', (code) => implement(activity({}), code), 'retry', ''],
    ['child', (options) => child(machine, options), 'closePolicy', 'parentClosePolicy'],
    ['openRuntime', async (options) => openRuntime(options), 'machine', 'machines'],
    ['openRuntime: rateLimit', async (rateLimit) => openRuntime({ path: '/nowhere', machines: [], rateLimit }), 'counts', 'count'],
    ['openReader', async (options) => openReader(options), 'paths', 'path'],
    ['closeOnSignals', (options) => closeOnSignals(runtime, options), 'graceMs', 'grace'],
    ['start', async (options) => runtime.start(machine, options), 'onExist', 'onExisting'],
    ['signalWithStart', async (options) => runtime.signalWithStart(machine, options), 'messageID', 'messageId'],
    ['send', async (options) => runtime.send('w', { type: 'GO' }, options), 'messageID', 'messageId'],
    ['send', async (options) => handle.send({ type: 'GO' }, options), 'messageID', 'messageId'],
    ['update', async (options) => runtime.update('w', { type: 'GO' }, options), 'messageID', 'messageId'],
    ['update', async (options) => handle.update({ type: 'GO' }, options), 'messageID', 'messageId'],
    ['waitFor', async (options) => handle.waitFor(() => true, options), 'timeoutMs', 'timeout'],
    ['pause', async (options) => runtime.pause('w', options), 'notes', 'note'],
    ['resume', async (options) => runtime.resume('w', options), 'reason', ''],
    ['unpark', async (options) => runtime.unpark('w', options), 'BY', 'by'],
    ['history', async (options) => runtime.history('w', options), 'limits', 'limit'],
    ['activities.update', async (options) => runtime.activities.update('w', 1, options), 'startToClose', 'startToCloseTimeout'],
    ['activities.update: retry', async (retry) => runtime.activities.update('w', 1, { retry }), 'initialIntervalMs', 'initialInterval'],
    ['activities.runNow', async (options) => runtime.activities.runNow('w', 1, options), 'notes', 'note'],
    ['activities.completeBy', async (options) => runtime.activities.completeBy('w', 1, 1, options), 'notes', 'note'],
    ['activities.failBy', async (options) => runtime.activities.failBy('w', 1, 1, options), 'notes', 'note'],
    ['close', async (options) => runtime.close(options), 'graceMs', 'grace'],
  ]);
});
