import { expect } from 'vitest';
import type { ContractHost, ContractRuntime } from '../support/contract-host.ts';
import { counter, errand, sleeper } from '../support/machines.ts';
import { refusalOf, watch } from '../support/outcomes.ts';
import { World } from '../support/world.ts';
import { contractGroup } from './contract-group.ts';

const machine = counter();
const add = (amount: number) => ({ type: 'ADD' as const, amount });
const finish = { type: 'FINISH' as const };

async function opened(host: ContractHost): Promise<ContractRuntime> {
  return host.open([machine, sleeper]);
}

contractGroup('starts-again', ({ contractCase }) => {
  contractCase(6, {
    'what is absent is started and told, what is there is told, whatever it was started with': async (host) => {
      const runtime = await opened(host);
      const { handle, sent } = await runtime.signalWithStart(machine, { id: 'sum', input: { from: 1 }, event: add(5) });
      expect(sent).toEqual({ sequence: 2, outcome: 'applied' });
      expect(handle.getSnapshot().context).toEqual({ total: 6 });
      const again = await runtime.signalWithStart(machine, { id: 'sum', input: { from: 99 }, event: add(5) });
      expect(again.sent).toEqual({ sequence: 3, outcome: 'applied' });
      expect(await runtime.describe('sum')).toMatchObject({ run: 1, context: { total: 11 } });
      const other = { id: 'sum', input: { delayMs: 1 }, event: { type: 'LEAVE' as const } };
      await refusalOf(runtime.signalWithStart(sleeper, other), 'WORKFLOW_EXISTS');
    },

    'both are on disk or neither': async (host) => {
      for (const fate of ['lost', 'kept'] as const) {
        const runtime = await opened(host);
        const id = `sum-${fate}`;
        host.holdWrites();
        watch(runtime.signalWithStart(machine, { id, input: { from: 0 }, event: add(5) }));
        await host.settled();
        expect(host.heldWrites).toBe(1);
        await host.crash(fate);
        const next = await opened(host);
        if (fate === 'lost') await refusalOf(next.describe(id), 'WORKFLOW_NOT_FOUND');
        else expect(await next.describe(id)).toMatchObject({ sequence: 2, context: { total: 5 } });
        await host.close();
      }
    },

    'repeated with its message id it changes nothing, also where the policy would start another run': async (host) => {
      const runtime = await opened(host);
      const call = { id: 'sum', input: { from: 0 }, event: add(5), messageId: 'm', onExisting: 'terminate-existing' as const };
      const first = watch(runtime.signalWithStart(machine, call));
      const second = watch(runtime.signalWithStart(machine, call));
      await host.settled();
      expect([first.value?.sent, second.value?.sent]).toEqual([1, 2].map(() => ({ sequence: 2, outcome: 'applied' })));
      await host.crash();
      const next = await opened(host);
      expect((await next.signalWithStart(machine, call)).sent).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await next.describe('sum')).toMatchObject({ run: 1, sequence: 2, context: { total: 5 } });
    },

    'nothing is started for an event that is refused': async (host) => {
      const runtime = await opened(host);
      const reserved = { id: 'sum', input: { from: 0 }, event: { type: 'xstate.stop' } as never };
      await refusalOf(runtime.signalWithStart(machine, reserved), 'EVENT_TYPE_RESERVED');
      await refusalOf(runtime.get('sum'), 'WORKFLOW_NOT_FOUND');
      await runtime.start(machine, { id: 'sum', input: { from: 0 } });
      await runtime.send('sum', finish);
      await refusalOf(runtime.signalWithStart(machine, { id: 'sum', input: { from: 0 }, event: add(5) }), 'WORKFLOW_CLOSED');
      const allowed = { id: 'sum', input: { from: 0 }, event: add(5), onExisting: 'allow' as const };
      expect((await runtime.signalWithStart(machine, allowed)).sent).toEqual({ sequence: 2, outcome: 'applied' });
      expect(await runtime.describe('sum')).toMatchObject({ run: 2, context: { total: 5 } });
    },

    'a paused workflow stores it': async (host) => {
      const runtime = await opened(host);
      await runtime.start(machine, { id: 'sum', input: { from: 0 } });
      await runtime.pause('sum');
      const { sent } = await runtime.signalWithStart(machine, { id: 'sum', input: { from: 0 }, event: add(5) });
      expect(sent).toEqual({ sequence: 3, outcome: 'queued' });
    },
  });

  contractCase(8, {
    'the same machine and input return it, anything else is refused': async (host) => {
      const runtime = await opened(host);
      await runtime.start(machine, { id: 'sum', input: { from: 1 } });
      await runtime.send('sum', finish);
      for (const reopen of [false, true]) {
        if (reopen) await host.crash();
        const life = reopen ? await opened(host) : runtime;
        const handle = await life.start(machine, { id: 'sum', input: { from: 1 } });
        expect(await handle.result()).toEqual({ total: 1 });
        await refusalOf(life.start(machine, { id: 'sum', input: { from: 2 } }), 'WORKFLOW_EXISTS');
        expect(await life.describe('sum')).toMatchObject({ run: 1, sequence: 2 });
      }
    },

    '`allow` starts another run, `allow-after-failure` only if it did not complete': async (host) => {
      const world = new World();
      const machines = [machine, errand(world, 'errand', { maximumAttempts: 1 })] as const;
      const runtime = await host.open(machines);
      await runtime.start(machine, { id: 'sum', input: { from: 1 } });
      await runtime.send('sum', finish);
      const failing = { id: 'e', input: { item: 'lamp' }, onExisting: 'allow-after-failure' as const };
      await runtime.start(machines[1], failing);
      await host.settled();
      world.last('fetch').fail(new Error('sold out'));
      await host.settled();

      await refusalOf(runtime.start(machine, { id: 'sum', input: { from: 2 }, onExisting: 'allow-after-failure' }), 'WORKFLOW_EXISTS');
      const fresh = await runtime.start(machine, { id: 'sum', input: { from: 2 }, onExisting: 'allow' });
      expect(fresh.getSnapshot().context).toEqual({ total: 2 });
      await runtime.start(machines[1], failing);
      await host.settled();
      expect(world.calls.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['e:1::1', 'e:2::1']);
      for (const id of ['sum', 'e']) expect(await runtime.describe(id)).toMatchObject({ run: 2, status: 'running', sequence: 1 });
    },

    'an open one is what it is to both of them': async (host) => {
      const runtime = await opened(host);
      await runtime.start(machine, { id: 'sum', input: { from: 1 } });
      for (const onExisting of ['allow', 'allow-after-failure'] as const) {
        expect((await runtime.start(machine, { id: 'sum', input: { from: 1 }, onExisting })).id).toBe('sum');
        await refusalOf(runtime.start(machine, { id: 'sum', input: { from: 2 }, onExisting }), 'WORKFLOW_EXISTS');
      }
      expect(await runtime.describe('sum')).toMatchObject({ run: 1, sequence: 1 });
    },
  });
});
