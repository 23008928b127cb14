import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import { fromCallback, setup } from 'xstate';
import { formatPlace } from '../../src/kernel/address.ts';
import { VolatileRunner } from '../../src/runtime/volatile-runner.ts';
import { Family } from '../kernel/families.ts';

interface Socket {
  readonly say: (event: EventObject) => void;
  readonly heard: string[];
  isOpen: boolean;
}

function begin() {
  const sockets: Socket[] = [];
  const machine = setup({
    actors: {
      socket: fromCallback(({ sendBack, receive }) => {
        const socket: Socket = { say: sendBack, heard: [], isOpen: true };
        sockets.push(socket);
        receive(({ type }) => void socket.heard.push(type));
        return () => void (socket.isOpen = false);
      }),
    },
  }).createMachine({ id: 'm', version: '1', invoke: { src: 'socket', id: 'socket' } });
  const { root } = new Family(machine);
  const told: string[] = [];
  const runner = new VolatileRunner(({ path }, envelope) => told.push(`${formatPlace(path)}:${envelope.kind}`));
  return { runner, root, row: root.activities.get(1)!, sockets, told, place: { ...root.record.address, path: [1] } };
}

describe('a volatile child', () => {
  test('runs once, however often its row is met', () => {
    const { runner, root, row, sockets } = begin();
    runner.start(root, row);
    runner.start(root, row);
    expect(sockets).toHaveLength(1);
  });

  test('tells its parent, and hears what is sent to it and to nobody else', () => {
    const { runner, root, row, sockets, told, place } = begin();
    runner.start(root, row);
    sockets[0]?.say({ type: 'NEWS' });
    expect(told).toEqual([':message']);
    runner.tell(place, { type: 'HELLO' }, root);
    runner.tell({ ...place, path: [2] }, { type: 'OTHER' }, root);
    expect(sockets[0]?.heard).toEqual(['HELLO']);
  });

  test('of a workflow that is held begins when that is released, and hears then what it was told', () => {
    const { runner, root, row, sockets, told, place } = begin();
    runner.hold(place.workflowId);
    runner.start(root, row);
    runner.tell(place, { type: 'HELLO' }, root);
    runner.start(root, row);
    expect(sockets).toEqual([]);
    runner.release(place.workflowId);
    expect(sockets.map(({ heard }) => heard)).toEqual([['HELLO']]);
    runner.release(place.workflowId);
    runner.tell(place, { type: 'AGAIN' }, root);
    sockets[0]?.say({ type: 'NEWS' });
    expect([told, sockets[0]?.heard]).toEqual([[':message'], ['HELLO', 'AGAIN']]);
  });

  test('does not begin if it was stopped or shut down while it was held; those of other workflows are not held', () => {
    const { runner, root, row, sockets, place } = begin();
    runner.hold(place.workflowId);
    runner.start(root, row);
    runner.stop(root.record.address, 1);
    runner.release(place.workflowId);
    expect(sockets).toEqual([]);
    runner.hold('another');
    runner.start(root, row);
    expect(sockets).toHaveLength(1);
    runner.stop(root.record.address, 1);
    runner.hold(place.workflowId);
    runner.start(root, row);
    runner.shutDown();
    runner.release(place.workflowId);
    expect(sockets).toHaveLength(1);
  });

  test('is not heard after it was stopped, and hears nothing', () => {
    const { runner, root, row, sockets, told, place } = begin();
    runner.start(root, row);
    runner.stop(root.record.address, 1);
    expect(sockets[0]?.isOpen).toBe(false);
    sockets[0]?.say({ type: 'NEWS' });
    runner.tell(place, { type: 'HELLO' }, root);
    expect([told, sockets[0]?.heard]).toEqual([[], []]);
    runner.stop(root.record.address, 1);
  });

  test('ends with the process, and none begins after that', () => {
    const { runner, root, row, sockets, told } = begin();
    runner.start(root, row);
    runner.shutDown();
    expect(sockets[0]?.isOpen).toBe(false);
    sockets[0]?.say({ type: 'NEWS' });
    runner.start(root, row);
    expect([sockets.length, told]).toEqual([1, []]);
  });

  test('that cannot begin has failed', () => {
    const { runner, root, row, told } = begin();
    runner.start(root, { ...row, input: { $type: 'Future' } });
    expect(told).toEqual([':child-failed']);
  });
});
