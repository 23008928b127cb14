import { expect, test } from 'vitest';
import { encodeEvent } from '../../src/kernel/event-check.ts';
import { decodeValue } from '../../src/kernel/value-decoding.ts';
import { thrownBy } from './thrown.ts';

test('an event is encoded with all it carries', () => {
  const event = { type: 'PAID', at: new Date(5), amounts: new Map([['EUR', 125n]]), note: undefined };
  expect(decodeValue(encodeEvent(event))).toStrictEqual(event);
});

test.each(['', '*', 'xstate.', 'xstate.done.actor.kyc', 'xstate.stop', 'workflow.', 'workflow.cancel'])(
  'the event type %j is the engine’s own',
  (type) => {
    const error = thrownBy(() => encodeEvent({ type }));
    expect(error).toMatchObject({ code: 'EVENT_TYPE_RESERVED', details: { type } });
    expect((error as Error).message).toContain(JSON.stringify(type));
    expect((error as Error).message).toContain('choose another');
  },
);

test.each(['GO', 'a.*', 'xstate', 'XSTATE.done', 'workflow', 'my.xstate.event', ' ', '__proto__'])('the event type %j is free', (type) => {
  expect(encodeEvent({ type })).toEqual({ type });
});

test.each<[unknown, string]>([
  ['GO', 'a string'],
  [undefined, 'a undefined'],
  [null, 'null'],
  [7, 'a number'],
  [{}, 'an object whose type is no string'],
  [{ type: 7 }, 'an object whose type is no string'],
  [Object.assign(() => 1, { type: 'GO' }), 'a function'],
])('%s is no event, and the refusal shows one', (event, found) => {
  const error = thrownBy(() => encodeEvent(event));
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toBe(`An event is an object with a string "type", for example { type: 'GO' }; found ${found}.`);
});

test('what an event carries is refused with its path', () => {
  expect(thrownBy(() => encodeEvent({ type: 'GO', onDone: () => 1 }))).toMatchObject({
    code: 'PAYLOAD_NOT_SERIALIZABLE',
    details: { path: 'event.onDone' },
  });
  expect(thrownBy(() => encodeEvent({ type: 'GO', file: new Uint8Array(2_000_000) }))).toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    details: { path: 'event.file' },
  });
});
