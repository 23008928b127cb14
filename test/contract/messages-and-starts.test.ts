import { expect } from 'vitest';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { counter, sleeper } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { contractGroup } from './contract-group.ts';

const machines = [counter(), sleeper];
const machine = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });
const finish = { type: 'FINISH' as const };

async function opened(host: ContractHost): Promise<ContractRuntime> {
  return host.open(machines);
}

async function started(host: ContractHost, id = 'sum', from = 0): Promise<ContractRuntime> {
  const runtime = await opened(host);
  await runtime.start(machine, { id, input: { from } });
  return runtime;
}

async function totalOf(runtime: ContractRuntime, id = 'sum'): Promise<unknown> {
  const { context, sequence } = await runtime.describe(id);
  return { context, sequence };
}

contractGroup('messages-and-starts', ({ contractCase, everywhere }) => {
  everywhere('A message id that an earlier run of the id was sent is new to the run that follows.', async (host) => {
    const runtime = await started(host);
    const first = await runtime.send('sum', add(5), { messageId: 'web-1' });
    await runtime.start(machine, { id: 'sum', input: { from: 100 }, onExisting: 'terminate-existing' });
    expect(await runtime.send('sum', add(5), { messageId: 'web-1' })).toEqual(first);
    expect(await totalOf(runtime)).toEqual({ context: { total: 105 }, sequence: 2 });
    await host.crash();
    const next = await opened(host);
    await next.send('sum', add(5), { messageId: 'web-1' });
    expect(await totalOf(next)).toEqual({ context: { total: 105 }, sequence: 2 });
  });

  contractCase(1, {
    'one that is accepted while the workflow is open is processed, although the end is decided in the same batch': async (host) => {
      const runtime = await started(host);
      host.holdWrites();
      const signals = [add(5), add(7), finish].map((event) => runtime.send('sum', event));
      await host.settled();
      host.releaseWrites();
      expect(await Promise.all(signals)).toEqual([2, 3, 4].map((sequence) => ({ sequence, outcome: 'applied' })));
      const handle = await runtime.get<typeof machine>('sum');
      expect(await handle.result()).toEqual({ total: 12 });
    },

    'one that arrives after the end is refused and leaves nothing behind': async (host) => {
      const runtime = await started(host);
      await runtime.send('sum', finish);
      const error = await refusalOf(runtime.send('sum', add(1)), 'WORKFLOW_CLOSED');
      expect(error.details).toEqual({ id: 'sum', status: 'completed' });
      await refusalOf(runtime.send('sum', add(1), { messageId: 'late' }), 'WORKFLOW_CLOSED');
      expect((await runtime.history('sum')).map(({ kind }) => kind)).toEqual(['start', 'signal']);
      await host.crash();
      const next = await opened(host);
      await refusalOf(next.send('sum', add(1)), 'WORKFLOW_CLOSED');
      expect(await totalOf(next)).toEqual({ context: { total: 0 }, sequence: 2 });
    },

    'nobody is refused because of an end that is not on disk': async (host) => {
      const runtime = await started(host);
      host.holdWrites();
      const end = watch(runtime.send('sum', finish));
      const late = watch(runtime.send('sum', add(1)));
      await host.settled();
      expect([end.state, late.state]).toEqual(['pending', 'pending']);
      await host.crash('lost');
      const next = await opened(host);
      expect(await next.send('sum', add(1))).toEqual({ sequence: 2, outcome: 'applied' });
      host.holdWrites();
      watch(next.send('sum', finish));
      const refused = watch(next.send('sum', add(1)));
      await host.settled();
      host.releaseWrites();
      await host.settled();
      expect(refused).toMatchObject({ state: 'rejected', error: { code: 'WORKFLOW_CLOSED' } });
    },
  });

  contractCase(2, async (host) => {
    await started(host);
    await host.close();
    const before = await host.stored();
    const runtime = await opened(host);
    const error = await refusalOf(runtime.send('nobody', add(1)), 'WORKFLOW_NOT_FOUND');
    expect(error.details).toEqual({ id: 'nobody' });
    await refusalOf(runtime.send('nobody', add(1), { messageId: 'm' }), 'WORKFLOW_NOT_FOUND');
    await refusalOf(runtime.get('nobody'), 'WORKFLOW_NOT_FOUND');
    await refusalOf(runtime.describe('nobody'), 'WORKFLOW_NOT_FOUND');
    await refusalOf(runtime.history('nobody'), 'WORKFLOW_NOT_FOUND');
    await host.close();
    expect(await host.stored()).toBe(before);
    const next = await opened(host);
    await next.start(machine, { id: 'nobody', input: { from: 1 } });
    expect(await next.send('nobody', add(1), { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'applied' });
  });

  contractCase(4, {
    'one after the other, whatever the second one carries': async (host) => {
      const runtime = await started(host);
      const first = await runtime.send('sum', add(5), { messageId: 'm-1' });
      expect(first).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await runtime.send('sum', add(7))).toEqual({ sequence: 3, outcome: 'applied' });
      expect(await runtime.send('sum', add(5), { messageId: 'm-1' })).toEqual(first);
      expect(await runtime.send('sum', finish, { messageId: 'm-1' })).toEqual(first);
      expect(await totalOf(runtime)).toEqual({ context: { total: 12 }, sequence: 3 });
    },

    'a hundred at once': async (host) => {
      const runtime = await started(host);
      const results = await Promise.all(Array.from({ length: 100 }, () => runtime.send('sum', add(1), { messageId: 'm' })));
      expect(new Set(results.map((result) => JSON.stringify(result)))).toEqual(new Set(['{"sequence":2,"outcome":"applied"}']));
      expect(await totalOf(runtime)).toEqual({ context: { total: 1 }, sequence: 2 });
    },

    'the second one waits for the commit of the first': async (host) => {
      const runtime = await started(host);
      host.holdWrites();
      const both = [1, 2].map(() => watch(runtime.send('sum', add(5), { messageId: 'm' })));
      await host.settled();
      expect(both.map(({ state }) => state)).toEqual(['pending', 'pending']);
      host.releaseWrites();
      await host.settled();
      expect(both.map(({ value }) => value)).toEqual([
        { sequence: 2, outcome: 'applied' },
        { sequence: 2, outcome: 'applied' },
      ]);
    },

    'an outcome that was lost with the process is found again': async (host) => {
      const runtime = await started(host);
      host.holdWrites();
      const lost = watch(runtime.send('sum', add(5), { messageId: 'm' }));
      await host.settled();
      await host.crash('kept');
      const next = await opened(host);
      expect(await next.send('sum', add(5), { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await totalOf(next)).toEqual({ context: { total: 5 }, sequence: 2 });
      expect(lost.state).toBe('pending');
    },

    'one that never reached the disk is applied when it is repeated': async (host) => {
      const runtime = await started(host);
      host.holdWrites();
      watch(runtime.send('sum', add(5), { messageId: 'm' }));
      await host.settled();
      await host.crash('lost');
      const next = await opened(host);
      expect(await totalOf(next)).toEqual({ context: { total: 0 }, sequence: 1 });
      expect(await next.send('sum', add(5), { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await next.send('sum', add(5), { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await totalOf(next)).toEqual({ context: { total: 5 }, sequence: 2 });
    },

    'also if it was not handled, if it closed the workflow, and in each workflow on its own': async (host) => {
      const runtime = await started(host);
      await runtime.start(machine, { id: 'other', input: { from: 0 } });
      const unhandled = { sequence: 2, outcome: 'unhandled' };
      expect(await runtime.send('sum', { type: 'OTHER' }, { messageId: 'm' })).toEqual(unhandled);
      expect(await runtime.send('sum', add(5), { messageId: 'm' })).toEqual(unhandled);
      expect(await runtime.send('other', add(5), { messageId: 'm' })).toEqual({ sequence: 2, outcome: 'applied' });
      const end = { sequence: 3, outcome: 'applied' };
      expect(await runtime.send('sum', finish, { messageId: 'end' })).toEqual(end);
      expect(await runtime.send('sum', finish, { messageId: 'end' })).toEqual(end);
      expect(await runtime.send('sum', add(5), { messageId: 'm' })).toEqual(unhandled);
    },
  });

  contractCase(5, async (host) => {
    const runtime = await opened(host);
    host.holdWrites();
    const start = watch(runtime.start(machine, { id: 'sum', input: { from: 10 } }));
    const sent = watch(runtime.send('sum', add(5), { messageId: 'm' }));
    await host.settled();
    expect([start.state, sent.state]).toEqual(['pending', 'pending']);
    const later = watch(runtime.send('sum', add(7)));
    await host.settled();
    expect(later.state).toBe('pending');
    host.releaseWrites();
    await host.settled();
    expect(start.state).toBe('fulfilled');
    expect([sent.value, later.value]).toEqual([2, 3].map((sequence) => ({ sequence, outcome: 'applied' })));
    const history = await runtime.history('sum');
    expect(history.map(({ kind, sequence }) => [kind, sequence])).toEqual([
      ['start', 1],
      ['signal', 2],
      ['signal', 3],
    ]);
    expect(await totalOf(runtime)).toEqual({ context: { total: 22 }, sequence: 3 });
  });

  contractCase(7, {
    'same machine and input return the existing workflow, whatever the order of keys': async (host) => {
      const runtime = await opened(host);
      await runtime.start(sleeper, { id: 'nap', input: { delayMs: 500, isAwake: true } });
      await runtime.send('nap', { type: 'LEAVE' });
      const again = await runtime.start(sleeper, { id: 'nap', input: { isAwake: true, delayMs: 500 } });
      expect(again.id).toBe('nap');
      expect((await runtime.describe('nap')).sequence).toBe(2);
      await host.crash();
      const next = await opened(host);
      await next.start(sleeper, { id: 'nap', input: { isAwake: true, delayMs: 500 } });
      expect(await next.describe('nap')).toMatchObject({ run: 1, sequence: 2 });
    },

    'another input, or another machine, is refused': async (host) => {
      const runtime = await started(host);
      for (const attempt of [
        () => runtime.start(machine, { id: 'sum', input: { from: 1 } }),
        () => runtime.start(machine, { id: 'sum', input: { from: 1 }, onExisting: 'same-input' }),
      ]) {
        const { details } = await refusalOf(attempt(), 'WORKFLOW_EXISTS');
        expect(details).toEqual({ id: 'sum', status: 'running', reason: 'input' });
      }
      const { details } = await refusalOf(runtime.start(sleeper, { id: 'sum', input: { delayMs: 0 } }), 'WORKFLOW_EXISTS');
      expect(details.reason).toBe('machine');
      expect(await totalOf(runtime)).toEqual({ context: { total: 0 }, sequence: 1 });
    },

    '`fail` refuses also the same input': async (host) => {
      const runtime = await started(host);
      const { details } = await refusalOf(runtime.start(machine, { id: 'sum', input: { from: 0 }, onExisting: 'fail' }), 'WORKFLOW_EXISTS');
      expect(details.reason).toBe('policy');
      await runtime.start(machine, { id: 'fresh', input: { from: 0 }, onExisting: 'fail' });
      expect((await runtime.describe('fresh')).sequence).toBe(1);
    },

    '`use-existing` returns it whatever the input, but not another machine': async (host) => {
      const runtime = await started(host);
      await runtime.send('sum', add(5));
      const handle = await runtime.start(machine, { id: 'sum', input: { from: 99 }, onExisting: 'use-existing' });
      expect(handle.getSnapshot().context).toEqual({ total: 5 });
      await refusalOf(runtime.start(sleeper, { id: 'sum', input: { delayMs: 0 }, onExisting: 'use-existing' }), 'WORKFLOW_EXISTS');
      expect(await totalOf(runtime)).toEqual({ context: { total: 5 }, sequence: 2 });
    },

    '`terminate-existing` ends it and starts a new run': async (host) => {
      const runtime = await started(host);
      await runtime.send('sum', add(5));
      const old = await runtime.get<typeof machine>('sum');
      const ended = refusalOf(old.result(), 'WORKFLOW_FAILED');
      const fresh = await runtime.start(machine, { id: 'sum', input: { from: 0 }, onExisting: 'terminate-existing' });
      expect((await ended).details).toMatchObject({ id: 'sum', status: 'terminated', failure: { class: 'Terminated' } });
      expect(fresh.getSnapshot().context).toEqual({ total: 0 });
      expect(await runtime.describe('sum')).toMatchObject({ run: 2, sequence: 1, status: 'running' });
      await host.crash();
      const next = await opened(host);
      expect(await next.describe('sum')).toMatchObject({ run: 2, sequence: 1, status: 'running' });
    },

    '`terminate-existing` is all or nothing': async (host) => {
      for (const fate of ['lost', 'kept'] as const) {
        const runtime = await opened(host);
        const id = `sum-${fate}`;
        await runtime.start(machine, { id, input: { from: 0 } });
        host.holdWrites();
        watch(runtime.start(sleeper, { id, input: { delayMs: 500 }, onExisting: 'terminate-existing' }));
        await host.settled();
        expect(host.heldWrites).toBe(1);
        await host.crash(fate);
        const next = await opened(host);
        const expected = fate === 'lost' ? { run: 1, machine: { id: 'counter' } } : { run: 2, machine: { id: 'sleeper' } };
        expect(await next.describe(id)).toMatchObject({ ...expected, status: 'running', sequence: 1 });
        await host.close();
      }
    },

    '`terminate-existing` leaves the old run alone if the new one cannot begin': async (host) => {
      const runtime = await started(host);
      const start = runtime.start(sleeper, { id: 'sum', input: { delayMs: Number.NaN }, onExisting: 'terminate-existing' });
      await refusalOf(start, 'STEP_FAILED');
      expect(await runtime.describe('sum')).toMatchObject({ run: 1, sequence: 1, status: 'running' });
    },

    'of a thousand racing starts one wins, and nobody is told before it is on disk': async (host) => {
      const runtime = await opened(host);
      host.holdWrites();
      const races = Array.from({ length: 1_000 }, (_item, from) => watch(runtime.start(machine, { id: 'sum', input: { from } })));
      await host.settled();
      expect(new Set(races.map(({ state }) => state))).toEqual(new Set(['pending']));
      host.releaseWrites();
      await host.settled();
      const winners = races.flatMap(({ state }, from) => (state === 'fulfilled' ? [from] : []));
      expect(winners).toHaveLength(1);
      expect(races.filter(({ error }) => (Object(error) as { code?: unknown }).code === 'WORKFLOW_EXISTS')).toHaveLength(999);
      expect(await totalOf(runtime)).toEqual({ context: { total: winners[0] }, sequence: 1 });
    },

    'a thousand racing starts of one input are one workflow': async (host) => {
      const runtime = await opened(host);
      const handles = await Promise.all(Array.from({ length: 1_000 }, () => runtime.start(machine, { id: 'sum', input: { from: 3 } })));
      expect(new Set(handles.map(({ id }) => id))).toEqual(new Set(['sum']));
      expect(await totalOf(runtime)).toEqual({ context: { total: 3 }, sequence: 1 });
    },
  });
});
