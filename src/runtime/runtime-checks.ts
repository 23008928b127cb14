/** What is checked of what users give to a runtime. */
import { checkId } from '../kernel/address.ts';
import { encodeEvent } from '../kernel/event-check.ts';
import type { OptionNames } from '../kernel/options.ts';
import type { StartRequest } from '../kernel/start.ts';
import type { AnyStateMachine, EventObject } from '../kernel/xstate-seam.ts';
import type { SignalWithStartOptions, StartOptions } from './runtime-door.ts';
import type { SendOptions } from './workflow-handle.ts';

export const sendOptions: OptionNames<SendOptions> = { messageId: true };
export const startOptions: OptionNames<StartOptions<AnyStateMachine>> = { id: true, onExisting: true, deadline: true, input: true };
export const signalWithStartOptions: OptionNames<SignalWithStartOptions<AnyStateMachine>> = {
  ...startOptions,
  event: true,
  messageId: true,
};

export function signalOf(event: EventObject, messageId: string | undefined): NonNullable<StartRequest['signal']> {
  if (messageId !== undefined) checkId(messageId, 'message id');
  return { kind: 'signal', event: encodeEvent(event), ...(messageId === undefined ? {} : { messageId }) };
}

/** Callers without types get told, too. */
export function checkMachine(door: string, machine: unknown): void {
  if (typeof machine !== 'object' || machine === null || !('version' in machine)) {
    throw new TypeError(
      `${door}: give a machine that was registered with openRuntime; found ${machine === null ? 'null' : typeof machine}.`,
    );
  }
}
