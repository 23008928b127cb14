import { activity } from 'perdure/authoring';
import type { ActivityOptions } from 'perdure/authoring';
import { expect } from 'vitest';
import { assign, setup } from 'xstate';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { refusalOf } from '../support/outcomes.ts';
import { World, errorOf } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const who = { by: 'ada', note: 'the bank was closed' };

/** Pays once it is told to; what the bank answers is the test's. */
function payment(world: World, options: ActivityOptions<{ readonly to: string }, unknown> = {}) {
  const pay = activity<{ readonly to: string }, unknown>({
    name: 'pay',
    deadLetter: true,
    retry: { maximumAttempts: 2, initialInterval: '1s', jitter: 'none' },
    run: (scope) => world.call('pay', scope),
    ...options,
  });
  const context: { paid?: unknown; error?: string } = {};
  return setup({ types: { context }, actors: { pay } }).createMachine({
    id: 'payment',
    version: '1',
    context,
    initial: 'paying',
    states: {
      paying: {
        on: { LEAVE: 'left' },
        invoke: {
          src: 'pay',
          input: { to: 'bob' },
          onDone: { target: 'paid', actions: assign({ paid: ({ event }) => event.output }) },
          onError: { target: 'failed', actions: assign({ error: ({ event }) => (event.error as Error).message }) },
        },
      },
      left: { on: { AGAIN: 'paying' } },
      paid: {},
      failed: {},
    },
  });
}

/** Fails both of its attempts. */
async function exhaust(host: ContractHost, world: World): Promise<void> {
  world.last('pay').fail(errorOf('BankClosed', 'come again'));
  await host.settled();
  host.clock.advance(1_000);
  await host.settled();
  world.last('pay').fail(errorOf('BankClosed', 'still closed'));
  await host.settled();
}

async function exhausted(host: ContractHost, world: World, machine = payment(world)): Promise<{ runtime: ContractRuntime; item: string }> {
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'p' });
  await host.settled();
  await exhaust(host, world);
  const [item] = (await runtime.queue.list()).items;
  return { runtime, item: item!.id };
}

/** Its transitions break as long as the world does. */
function fragile(world: World) {
  const use = activity<unknown, string>({ name: 'use', run: (scope) => world.call('use', scope) });
  const check = (): boolean => {
    if (world.isBroken) throw new RangeError('broke in the guard');
    return true;
  };
  return setup({ types: { context: {} as { readonly touches: number } }, actors: { use }, guards: { check } }).createMachine({
    id: 'fragile',
    version: '1',
    context: { touches: 0 },
    initial: 'whole',
    states: {
      whole: {
        after: { 5_000: { guard: 'check', target: 'worn' } },
        invoke: { src: 'use', onDone: { guard: 'check', target: 'used' } },
        on: { PRESS: { guard: 'check', target: 'broken' }, TOUCH: { actions: assign({ touches: ({ context }) => context.touches + 1 }) } },
      },
      worn: {},
      used: {},
      broken: {},
    },
  });
}

async function poisoned(host: ContractHost, world: World): Promise<{ runtime: ContractRuntime; item: string }> {
  const machine = fragile(world);
  const runtime = await host.open([machine]);
  await runtime.start(machine, { id: 'f' });
  await runtime.send('f', { type: 'PRESS', hard: true } as { type: string });
  await runtime.send('f', { type: 'TOUCH' });
  const [item] = (await runtime.queue.list()).items;
  return { runtime, item: item!.id };
}

/** A lawyer and an accountant decide, each on their own. */
const review = setup({}).createMachine({
  id: 'review',
  version: '1',
  initial: 'draft',
  states: {
    draft: { on: { SUBMIT: 'review' } },
    review: {
      type: 'parallel',
      on: { WITHDRAW: 'draft' },
      states: {
        law: { initial: 'open', states: { open: { tags: 'needs-decision', on: { LEGAL: 'done' } }, done: { type: 'final' } } },
        sums: { initial: 'open', states: { open: { tags: 'needs-decision', on: { SOUND: 'done' } }, done: { type: 'final' } } },
      },
      onDone: 'over',
    },
    over: { type: 'final' },
  },
});

contractGroup('queue', ({ everywhere }) => {
  everywhere('an activity that asks for a person waits when no attempt follows, and says so also after a crash', async (host) => {
    const world = new World();
    const { item } = await exhausted(host, world);
    await host.crash();
    const runtime = await host.open([payment(world)]);
    host.clock.advance(60_000);
    await host.settled();
    expect(world.calls).toHaveLength(2);
    const { items } = await runtime.queue.list({ kind: 'dead-letter' });
    const failure = { class: 'BankClosed', message: 'still closed', activity: 'pay', attempt: 2, state: 'paying' };
    expect(items).toMatchObject([
      {
        id: item,
        cause: 'activity',
        workflow: 'p',
        run: 1,
        path: [],
        name: 'pay',
        machine: { id: 'payment', version: '1' },
        ageMs: 60_000,
        failure,
        attempts: 2,
      },
    ]);
    const details = {
      id: item,
      acts: ['retry', 'settle', 'discard'],
      input: { to: 'bob' },
      status: 'running',
      value: 'paying',
      idempotencyKey: 'p:1::1',
    };
    expect(await runtime.queue.get(item)).toMatchObject({
      ...details,
      what: expect.stringContaining('after 2 attempts: BankClosed: still closed'),
    });
    expect(await runtime.describe('p')).toMatchObject({
      status: 'running',
      activities: [{ state: 'exhausted', attempt: 2, lastFailure: failure }],
      queue: [{ id: item, kind: 'dead-letter', name: 'pay' }],
      waitsFor: [expect.stringContaining('waits for a person'), expect.any(String)],
    });
  });

  everywhere('retried it begins anew, with its key and the attempts its policy allows', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.queue.retry(item, who);
    await host.settled();
    expect(world.calls.map(({ attempt, idempotencyKey }) => [attempt, idempotencyKey])).toEqual([1, 2, 3].map((n) => [n, 'p:1::1']));
    expect((await runtime.history('p')).filter(({ kind }) => kind === 'activity-retried')).toMatchObject([who]);
    expect((await runtime.queue.list()).items).toEqual([]);
    await refusalOf(runtime.queue.retry(item), 'QUEUE_ITEM_NOT_FOUND');

    await exhaust(host, world);
    const [next] = (await runtime.queue.list()).items;
    expect(next).toMatchObject({ attempts: 4 });
    expect(next!.id).not.toBe(item);
    await refusalOf(runtime.queue.settle(item, who), 'QUEUE_ITEM_NOT_FOUND');
    await runtime.queue.retry(next!.id);
    await host.settled();
    world.last('pay').succeed('receipt');
    await host.settled();
    expect(await runtime.describe('p')).toMatchObject({ value: 'paid', context: { paid: 'receipt' }, queue: [] });
  });

  everywhere('retried with another input it has another key, and keeps both', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.queue.retry(item, { input: { to: 'eve' } });
    await host.settled();
    expect(world.last('pay')).toMatchObject({ attempt: 3, input: { to: 'eve' }, idempotencyKey: 'p:1::1:retry:2' });
    world.last('pay').fail(errorOf('BankClosed', 'come again'));
    await host.settled();
    await host.crash();
    await host.open([payment(world)]);
    host.clock.advance(1_000);
    await host.settled();
    expect(world.last('pay')).toMatchObject({ attempt: 4, input: { to: 'eve' }, idempotencyKey: 'p:1::1:retry:2' });
  });

  everywhere('the input it had is no other input', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.queue.retry(item, { input: { to: 'bob' } });
    await host.settled();
    expect(world.last('pay')).toMatchObject({ attempt: 3, idempotencyKey: 'p:1::1' });
  });

  everywhere('settled, it is completed with what was said', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.queue.settle(item, { output: 'by cheque', ...who });
    expect(await runtime.describe('p')).toMatchObject({ value: 'paid', context: { paid: 'by cheque' }, queue: [], activities: [] });
    expect((await runtime.history('p')).at(-1)).toMatchObject({ kind: 'activity-completed', ...who });
    expect(await runtime.queue.count()).toEqual({ value: 0, exact: true });
  });

  everywhere('discarded, it fails with its last error', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.queue.discard(item, who);
    expect(await runtime.describe('p')).toMatchObject({ value: 'failed', context: { error: 'still closed' }, queue: [], activities: [] });
    expect((await runtime.history('p')).at(-1)).toMatchObject({ kind: 'activity-failed', failure: { class: 'BankClosed' }, ...who });
  });

  everywhere('what ends it otherwise takes it out of the queue', async (host) => {
    const world = new World();
    const { runtime } = await exhausted(host, world);
    await runtime.send('p', { type: 'LEAVE' });
    expect((await runtime.queue.list()).items).toEqual([]);
    await runtime.send('p', { type: 'AGAIN' });
    await host.settled();
    await exhaust(host, world);
    expect(await runtime.queue.count()).toMatchObject({ value: 1 });
    await runtime.activities.completeBy('p', 2, 'in cash', who);
    expect(await runtime.describe('p')).toMatchObject({ value: 'paid', queue: [] });
    expect(await runtime.queue.count()).toMatchObject({ value: 0 });
  });

  everywhere('a workflow that ends takes it along', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.terminate('p');
    expect((await runtime.queue.list()).items).toEqual([]);
    await refusalOf(runtime.queue.get(item), 'QUEUE_ITEM_NOT_FOUND');
    await refusalOf(runtime.queue.retry(item), 'QUEUE_ITEM_NOT_FOUND');
  });

  everywhere('while its workflow is paused it can be retried, and begins when that goes on', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.pause('p');
    await runtime.queue.retry(item, who);
    await host.settled();
    expect(world.calls).toHaveLength(2);
    expect((await runtime.queue.list()).items).toEqual([]);
    await runtime.resume('p');
    await host.settled();
    expect(world.last('pay')).toMatchObject({ attempt: 3 });
  });

  everywhere('settled while its workflow is paused, it waits for nothing but that', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world);
    await runtime.pause('p');
    await runtime.queue.settle(item, { output: 'by cheque', ...who });
    expect((await runtime.queue.list()).items).toEqual([]);
    await refusalOf(runtime.queue.discard(item, who), 'QUEUE_ITEM_NOT_FOUND');
    await host.crash();
    const next = await host.open([payment(world)]);
    await next.resume('p');
    await host.settled();
    expect(await next.describe('p')).toMatchObject({ value: 'paid', context: { paid: 'by cheque' } });
  });

  everywhere('the time it has as a whole begins anew with it', async (host) => {
    const world = new World();
    const { runtime, item } = await exhausted(host, world, payment(world, { scheduleToCloseTimeout: '10s' }));
    host.clock.advance(20_000);
    await host.settled();
    expect(await runtime.queue.count()).toMatchObject({ value: 1 });
    await runtime.queue.retry(item);
    await host.settled();
    host.clock.advance(9_000);
    await host.settled();
    expect((await runtime.describe('p')).activities).toMatchObject([{ state: 'running', attempt: 3 }]);
    host.clock.advance(1_000);
    await host.settled();
    expect((await runtime.queue.list()).items).toMatchObject([{ failure: { class: 'ScheduleToCloseTimeout' }, attempts: 3 }]);
  });

  for (const fate of ['lost', 'kept'] as const) {
    everywhere(`an act on its way to the disk when the process dies is ${fate}, whole`, async (host) => {
      const world = new World();
      const { runtime, item } = await exhausted(host, world);
      host.holdWrites();
      runtime.queue.retry(item, who).catch(() => undefined);
      await host.settled();
      expect(host.heldWrites).toBe(1);
      await host.crash(fate);
      const next = await host.open([payment(world)]);
      await host.settled();
      expect((await next.queue.list()).items.map(({ id }) => id)).toEqual(fate === 'lost' ? [item] : []);
      expect((await next.describe('p')).activities).toMatchObject([{ state: fate === 'lost' ? 'exhausted' : 'running' }]);
      expect(world.calls).toHaveLength(fate === 'lost' ? 2 : 3);
    });
  }

  everywhere('what made a chart throw waits, and is redone when it is retried', async (host) => {
    const world = new World();
    const { item } = await poisoned(host, world);
    await host.crash();
    const runtime = await host.open([fragile(world)]);
    const failure = { message: expect.stringContaining('broke in the guard') };
    expect((await runtime.queue.list()).items).toMatchObject([{ id: item, kind: 'dead-letter', cause: 'event', workflow: 'f', failure }]);
    const details = { acts: ['retry', 'discard'], status: 'parked', value: 'whole', event: { type: 'PRESS', hard: true } };
    expect(await runtime.queue.get(item)).toMatchObject({ ...details, what: expect.stringContaining('broke in the guard') });
    expect(await runtime.describe('f')).toMatchObject({ queue: [{ id: item, cause: 'event' }] });

    await runtime.queue.retry(item, who);
    await host.settled();
    const [again] = (await runtime.queue.list()).items;
    expect(again).toMatchObject({ cause: 'event', failure });
    world.mend();
    await runtime.queue.retry(again!.id, who);
    await host.settled();
    expect(await runtime.describe('f')).toMatchObject({ status: 'running', value: 'broken', queue: [] });
    expect((await runtime.history('f')).filter(({ kind }) => kind === 'unpark')).toMatchObject([who, who]);
  });

  everywhere('without an event that was discarded the workflow goes on, also after a crash', async (host) => {
    const world = new World();
    const { runtime, item } = await poisoned(host, world);
    await runtime.queue.discard(item, who);
    await host.settled();
    const after = { status: 'running', value: 'whole', context: { touches: 1 }, queued: 0, queue: [] };
    expect(await runtime.describe('f')).toMatchObject(after);
    const discarded = { kind: 'event-discarded', event: { type: 'PRESS', hard: true }, status: 'running', value: 'whole' };
    expect((await runtime.history('f')).filter(({ kind }) => kind === 'event-discarded')).toMatchObject([{ ...discarded, ...who }]);
    await refusalOf(runtime.queue.discard(item, who), 'QUEUE_ITEM_NOT_FOUND');
    await host.crash();
    const next = await host.open([fragile(world)]);
    await host.settled();
    expect(await next.describe('f')).toMatchObject(after);
  });

  everywhere('a timer that is discarded is disarmed', async (host) => {
    const world = new World();
    const runtime = await host.open([fragile(world)]);
    await runtime.start(fragile(world), { id: 'f' });
    await host.settled();
    host.clock.advance(5_000);
    await host.settled();
    const [item] = (await runtime.queue.list()).items;
    expect(await runtime.queue.get(item!.id)).toMatchObject({
      acts: ['retry', 'discard'],
      event: { type: expect.stringContaining('xstate.after.') },
    });
    await runtime.queue.discard(item!.id, who);
    await host.settled();
    expect(await runtime.describe('f')).toMatchObject({ status: 'running', value: 'whole', timers: [] });
    await host.crash();
    const next = await host.open([fragile(world)]);
    host.clock.advance(10_000);
    await host.settled();
    expect(await next.describe('f')).toMatchObject({ status: 'running', value: 'whole', timers: [], queue: [] });
  });

  everywhere('an outcome cannot be left out', async (host) => {
    const world = new World();
    const runtime = await host.open([fragile(world)]);
    await runtime.start(fragile(world), { id: 'f' });
    await host.settled();
    world.last('use').succeed('worn');
    await host.settled();
    const [item] = (await runtime.queue.list()).items;
    expect(await runtime.queue.get(item!.id)).toMatchObject({ acts: ['retry'] });
    const refused = await refusalOf(runtime.queue.discard(item!.id, who), 'QUEUE_ACT_NOT_ALLOWED');
    expect(refused.details).toEqual({ item: item!.id, act: 'discard', acts: ['retry'] });
    expect(refused.message).toContain('retry, or terminate');
    await refusalOf(runtime.queue.retry(item!.id, { input: 1 }), 'QUEUE_ACT_NOT_ALLOWED');
    world.mend();
    await runtime.queue.retry(item!.id);
    await host.settled();
    expect(await runtime.describe('f')).toMatchObject({ value: 'used', queue: [] });
  });

  everywhere('unparking or terminating takes what made it throw out of the queue', async (host) => {
    const world = new World();
    const { runtime } = await poisoned(host, world);
    world.mend();
    await runtime.unpark('f');
    expect((await runtime.queue.list()).items).toEqual([]);
    world.breakAgain();
    await runtime.start(fragile(world), { id: 'g' });
    await runtime.send('g', { type: 'PRESS' });
    expect(await runtime.queue.count({ workflow: 'g' })).toMatchObject({ value: 1 });
    await runtime.terminate('g');
    expect(await runtime.queue.count()).toMatchObject({ value: 0 });
  });

  everywhere('a decision waits as long as its state is active, and is made by an event', async (host) => {
    const first = await host.open([review]);
    await first.start(review, { id: 'r' });
    expect(await first.queue.count()).toMatchObject({ value: 0 });
    await first.send('r', { type: 'SUBMIT' });
    await host.crash();
    const runtime = await host.open([review]);
    const { items } = await runtime.queue.list({ kind: 'decision' });
    expect(items).toMatchObject([{ name: 'review.law.open' }, { name: 'review.sums.open' }]);
    const [law, sums] = items;
    expect(await runtime.queue.get(law!.id)).toMatchObject({ acts: [], accepts: ['LEGAL', 'SOUND', 'WITHDRAW'], status: 'running' });
    const refused = await refusalOf(runtime.queue.settle(law!.id, who), 'QUEUE_ACT_NOT_ALLOWED');
    expect(refused.details).toEqual({ item: law!.id, act: 'settle', acts: [], accepts: ['LEGAL', 'SOUND', 'WITHDRAW'] });
    expect(refused.message).toContain('"LEGAL"');

    await runtime.send('r', { type: 'LEGAL' });
    expect((await runtime.queue.list()).items.map(({ id }) => id)).toEqual([sums!.id]);
    await runtime.send('r', { type: 'WITHDRAW' });
    expect((await runtime.queue.list()).items).toEqual([]);
    await runtime.send('r', { type: 'SUBMIT' });
    const again = (await runtime.queue.list()).items.map(({ id }) => id);
    expect(again).toHaveLength(2);
    for (const { id } of items) expect(again).not.toContain(id);
    await runtime.cancel('r');
    expect((await runtime.queue.list()).items).toEqual([]);
    expect(await runtime.describe('r')).toMatchObject({ status: 'cancelled', queue: [] });
  });

  everywhere('it is listed by kind, oldest first, a page at a time, and counted', async (host) => {
    const world = new World();
    const machines = [review, payment(world), fragile(world)] as const;
    const runtime = await host.open(machines);
    const ids = ['c', 'a\0:b', 'b'];
    for (const id of ids) {
      await runtime.start(review, { id });
      await runtime.send(id, { type: 'SUBMIT' });
      await runtime.send(id, { type: 'LEGAL' });
      host.clock.advance(1_000);
      await host.settled();
    }
    await runtime.start(machines[1], { id: 'p' });
    await host.settled();
    await exhaust(host, world);
    const { items } = await runtime.queue.list();
    expect(items.map(({ workflow }) => workflow)).toEqual(['p', ...ids]);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await runtime.queue.list({}, { limit: 1, cursor });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen).toEqual(items.map(({ id }) => id));
    for (const { id } of items) expect(await runtime.queue.get(id)).toMatchObject({ id });

    const idsOf = async (filter: Parameters<typeof runtime.queue.list>[0]) =>
      (await runtime.queue.list(filter)).items.map(({ workflow }) => workflow);
    const third = items[2]!.sinceAtMs;
    expect(await idsOf({ workflow: 'a\0:b' })).toEqual(['a\0:b']);
    expect(await idsOf({ since: { from: third }, kind: 'decision' })).toEqual(['a\0:b', 'b']);
    expect(await idsOf({ since: { to: third } })).toEqual(['c']);
    expect(await idsOf({ cause: 'activity' })).toEqual(['p']);
    expect(await idsOf({ name: 'review.sums.open', machine: 'review' })).toEqual(ids);
    expect(await idsOf({ failureClass: 'BankClosed' })).toEqual(['p']);
    expect(await idsOf({ workflow: 'p', kind: 'decision' })).toEqual([]);
    expect(await runtime.queue.count({}, { groupBy: 'kind' })).toEqual({ groups: { 'dead-letter': 1, decision: 3 }, exact: true });
    expect(await runtime.queue.count({ kind: 'decision' }, { groupBy: 'machine' })).toEqual({ groups: { review: 3 }, exact: true });
    const other = await runtime.queue.list({ kind: 'decision' }, { limit: 1 });
    await refusalOf(runtime.queue.list({}, { cursor: other.next }), 'CURSOR_INVALID');
  });
});
