/** What case 50 says of lists and counts. */
import type { ListOptions, WorkflowFilter } from 'perdure';
import { expect } from 'vitest';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { brittle, counter, errand } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World, errorOf } from '../support/world.ts';

type Claims = Readonly<Record<string, (host: ContractHost) => Promise<void>>>;

const machine = counter();
const finish = { type: 'FINISH' as const };
const input = { from: 0 };

async function idsOf(runtime: ContractRuntime, filter?: WorkflowFilter, options?: ListOptions): Promise<string[]> {
  return (await runtime.list(filter, options)).workflows.map(({ id }) => id);
}

/** What is listed and counted, of everything there is. */
async function lookAt(runtime: ContractRuntime) {
  const [{ workflows }, byStatus, byState, { value }] = await Promise.all([
    runtime.list({}, { sort: 'id' }),
    runtime.count({}, { groupBy: 'status' }),
    runtime.count({ machine: 'counter' }, { groupBy: 'state' }),
    runtime.count(),
  ]);
  return {
    listed: workflows.map(({ id, status, value: state }) => `${id} ${status} ${JSON.stringify(state)}`),
    byStatus: byStatus.groups,
    byState: byState.groups,
    value,
  };
}

export const listingClaims: Claims = {
  'lists and counts change with a commit, as a whole': async (host) => {
    const runtime = await host.open([machine]);
    await runtime.start(machine, { id: 'a', input });
    const before = { listed: ['a running "open"'], byStatus: { running: 1 }, byState: { open: 1 }, value: 1 };
    expect(await lookAt(runtime)).toEqual(before);
    host.holdWrites();
    watch(runtime.send('a', finish));
    watch(runtime.start(machine, { id: 'b', input }));
    await host.settled();
    expect(await lookAt(runtime)).toEqual(before);
    host.releaseWrites();
    await host.settled();
    const after = {
      listed: ['a completed "closed"', 'b running "open"'],
      byStatus: { completed: 1, running: 1 },
      byState: { closed: 1, open: 1 },
      value: 2,
    };
    expect(await lookAt(runtime)).toEqual(after);
    await host.close();
    expect(await lookAt(await host.open([machine]))).toEqual(after);
  },

  'whatever became of a write, lists and counts agree with what is there': async (host) => {
    for (const fate of ['lost', 'kept'] as const) {
      const runtime = await host.open([machine]);
      await runtime.start(machine, { id: `${fate}-1`, input });
      host.holdWrites();
      watch(runtime.send(`${fate}-1`, finish));
      watch(runtime.start(machine, { id: `${fate}-2`, input }));
      await host.settled();
      await host.crash(fate);
      const next = await host.open([machine]);
      const { listed, byStatus, value } = await lookAt(next);
      const described = await Promise.all(
        listed.map(async (line) => {
          const { id, status, value: state } = await next.describe(line.split(' ')[0]!);
          return `${id} ${status} ${JSON.stringify(state)}`;
        }),
      );
      expect(listed).toEqual(described);
      expect(value).toBe(listed.length);
      expect(Object.values(byStatus).reduce((sum, n) => sum + n, 0)).toBe(value);
      await host.close();
    }
  },

  'they go by status, machine, version, state, failure, time and id': async (host) => {
    const world = new World();
    const fetch = errand(world, 'errand', { maximumAttempts: 1 });
    const runtime = await host.open([machine, counter('2'), fetch, brittle(world)]);
    const beganAtMs = host.clock.now();
    await runtime.start(machine, { id: 'sum-1', input });
    host.clock.advance(1_000);
    await runtime.start(counter('2'), { id: 'sum-2', input });
    host.clock.advance(1_000);
    await runtime.start(fetch, { id: 'errand-1', input: { item: 'lamp' } });
    await runtime.start(brittle(world), { id: 'frail', input: { isBroken: false } });
    await host.settled();
    world.last('fetch').fail(errorOf('OutOfStock', 'none left'));
    await runtime.send('sum-1', finish);
    await runtime.send('frail', { type: 'PRESS' });
    await host.settled();
    expect(await idsOf(runtime)).toEqual(['frail', 'errand-1', 'sum-2', 'sum-1']);
    expect(await idsOf(runtime, {}, { order: 'ascending', limit: 2 })).toEqual(['sum-1', 'sum-2']);
    expect(await idsOf(runtime, {}, { sort: 'id' })).toEqual(['errand-1', 'frail', 'sum-1', 'sum-2']);
    expect((await idsOf(runtime, {}, { sort: 'closed' })).sort()).toEqual(['errand-1', 'sum-1']);
    expect(await idsOf(runtime, { status: ['running', 'parked'] })).toEqual(['frail', 'sum-2']);
    expect(await idsOf(runtime, { machine: 'counter', version: '2' })).toEqual(['sum-2']);
    expect(await idsOf(runtime, { state: 'open' })).toEqual(['sum-2']);
    expect(await idsOf(runtime, { failureClass: 'OutOfStock' })).toEqual(['errand-1']);
    expect(await idsOf(runtime, { idPrefix: 'sum-' })).toEqual(['sum-2', 'sum-1']);
    expect(await idsOf(runtime, { started: { from: beganAtMs, to: beganAtMs + 1_000 } })).toEqual(['sum-1']);
    expect(await idsOf(runtime, { closed: { from: new Date(beganAtMs) }, machine: 'errand' })).toEqual(['errand-1']);
    const { workflows } = await runtime.list({ idPrefix: 'frail' });
    expect(workflows).toMatchObject([
      { run: 1, machine: { id: 'brittle', version: '1' }, status: 'parked', parkedReason: 'poison', value: 'whole' },
    ]);
    expect(workflows[0]).not.toHaveProperty('context');
    expect((await runtime.count({ status: 'failed' }, { groupBy: 'failureClass' })).groups).toEqual({ OutOfStock: 1 });
    expect(await runtime.count({ closed: { from: beganAtMs }, failureClass: 'OutOfStock' })).toEqual({ value: 1, exact: true });
    expect((await runtime.count({}, { groupBy: 'machine' })).groups).toEqual({ brittle: 1, counter: 2, errand: 1 });
    expect(await runtime.count({ started: { from: beganAtMs + 1 }, state: 'failed' })).toEqual({ value: 1, exact: true });
  },

  'a page goes on where the one before ended, whatever came and went meanwhile': async (host) => {
    const runtime = await host.open([machine]);
    const stayed = Array.from({ length: 9 }, (_item, index) => `stays-${index}`);
    for (const id of stayed) {
      await runtime.start(machine, { id, input });
      await runtime.start(machine, { id: `goes-${id}`, input });
      await runtime.send(`goes-${id}`, finish);
    }
    for (const sort of ['started', 'id'] as const) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await runtime.list({}, { sort, limit: 4, cursor });
        expect(page.workflows.length).toBeLessThanOrEqual(4);
        seen.push(...page.workflows.map(({ id }) => id));
        cursor = page.next;
        const gone = `goes-stays-${seen.length % 9}`;
        await runtime.delete(gone).catch(() => undefined);
        await runtime.start(machine, { id: `comes-${sort}-${seen.length}`, input });
      } while (cursor !== undefined);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((id) => stayed.includes(id)).sort()).toEqual(stayed);
    }
  },

  'of an id its latest run is listed, and what is deleted is in no list': async (host) => {
    const runtime = await host.open([machine]);
    await runtime.start(machine, { id: 'again', input });
    await runtime.send('again', finish);
    await runtime.start(machine, { id: 'again', input, onExisting: 'allow' });
    await runtime.start(machine, { id: 'again', input: { from: 1 }, onExisting: 'terminate-existing' });
    await runtime.start(machine, { id: 'gone', input });
    await runtime.send('gone', finish);
    await runtime.delete('gone');
    expect(await lookAt(runtime)).toEqual({ listed: ['again running "open"'], byStatus: { running: 1 }, byState: { open: 1 }, value: 1 });
    expect((await runtime.list()).workflows).toMatchObject([{ id: 'again', run: 3 }]);
    expect(await runtime.list({}, { sort: 'closed' })).toEqual({ workflows: [] });
    expect((await runtime.count({}, { groupBy: 'failureClass' })).groups).toEqual({});
  },

  'what waits for its machine is listed and counted as parked, as it is described': async (host) => {
    const runtime = await host.open([machine]);
    for (const id of ['a', 'b']) await runtime.start(machine, { id, input });
    await runtime.send('b', finish);
    await host.close();
    const other = await host.open([counter('2')]);
    expect(await lookAt(other)).toMatchObject({
      listed: ['a parked "open"', 'b completed "closed"'],
      byStatus: { completed: 1, parked: 1 },
    });
    expect((await other.list({ status: 'parked' })).workflows).toMatchObject([{ id: 'a', parkedReason: 'version-missing' }]);
    expect(await other.describe('a')).toMatchObject({ status: 'parked', parked: { reason: 'version-missing' } });
    expect(await other.count({ status: ['running'] })).toEqual({ value: 0, exact: true });
  },

  'what cannot be read is listed as parked, and keeps nobody else out': async (host) => {
    const runtime = await host.open([machine]);
    for (const id of ['a', 'b', 'c']) await runtime.start(machine, { id, input });
    await host.close();
    await host.harm('b', 'record');
    const next = await host.open([machine]);
    const { workflows } = await next.list({}, { sort: 'id' });
    expect(workflows.map(({ id, status, parkedReason }) => [id, status, parkedReason])).toEqual([
      ['a', 'running', undefined],
      ['b', 'parked', 'record-damaged'],
      ['c', 'running', undefined],
    ]);
    await refusalOf(next.describe('b'), 'WORKFLOW_PARKED');
  },

  'a cursor of another list is refused, and so is what is none': async (host) => {
    const runtime = await host.open([machine]);
    for (const id of ['a', 'b']) await runtime.start(machine, { id, input });
    const { next: cursor } = await runtime.list({}, { limit: 1 });
    if (cursor === undefined) throw new Error('There is a second page.');
    expect(await idsOf(runtime, {}, { limit: 7, cursor })).toEqual(['a']);
    expect((await refusalOf(runtime.list({ status: 'running' }, { cursor }), 'CURSOR_INVALID')).details).toEqual({ reason: 'other-list' });
    expect((await refusalOf(runtime.list({}, { cursor: cursor.slice(1) }), 'CURSOR_INVALID')).details).toEqual({ reason: 'unreadable' });
    await expect(runtime.list({ state: '' })).rejects.toThrow(TypeError);
  },
};
