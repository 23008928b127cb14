import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';
import { encodeValue } from './value-encoding.ts';
import { limits } from './limits.ts';

/** An error on its way into a chart, with what people are shown of it. */
export interface FailedOutcome {
  /** The error as the chart will see it, encoded. */
  readonly error: Json;
  readonly failure: FailureRecord;
}

const fieldMax = limits.failureBytesMax / 16;
const stackMax = limits.failureBytesMax / 4;

/**
 * Reads a failure off anything that can be thrown: strings, null, proxies, errors whose getters throw. Never throws.
 * Sizes are cut so that the record stays within its limit whatever the script of the text.
 */
export function failureOf(thrown: unknown): FailureRecord {
  const stack = readText(thrown, 'stack');
  const causes = causesOf(thrown);
  return boundFailure({
    class: cut(className(thrown), fieldMax / 4),
    message: cut(messageOf(thrown), fieldMax),
    ...(stack === undefined ? {} : { stack: cut(stack, stackMax) }),
    ...(causes.length === 0 ? {} : { causes }),
  });
}

/** The record within its limit: text that needs several bytes a character, or a large state value, can outgrow it. What matters most is kept. */
export function boundFailure(failure: FailureRecord): FailureRecord {
  if (isWithinLimit(failure)) return failure;
  const { stack: _stack, causes: _causes, ...shorter } = failure;
  if (isWithinLimit(shorter)) return shorter;
  const { state: _state, ...brief } = shorter;
  return brief;
}

function isWithinLimit(failure: FailureRecord): boolean {
  return new TextEncoder().encode(JSON.stringify(failure)).length <= limits.failureBytesMax;
}

/** A thrown value as an event's `error`: the value itself if it can be stored, otherwise an error of the same name and message. */
export function failedOutcome(thrown: unknown): FailedOutcome {
  const failure = failureOf(thrown);
  try {
    const error = encodeValue(thrown, 'error');
    if (JSON.stringify(error).length <= limits.payloadBytesMax / 4) return { error, failure };
  } catch {
    // Not storable as it is; its name and message are, below.
  }
  return { error: { $type: 'Error', name: failure.class, message: failure.message, stack: failure.stack ?? '' }, failure };
}

function causesOf(thrown: unknown): { class: string; message: string }[] {
  const causes: { class: string; message: string }[] = [];
  let cause = read(thrown, 'cause');
  while (cause !== undefined && cause !== null && causes.length < limits.failureCausesMax) {
    causes.push({ class: cut(className(cause), fieldMax / 4), message: cut(messageOf(cause), fieldMax / 2) });
    cause = read(cause, 'cause');
  }
  return causes;
}

function className(thrown: unknown): string {
  return readText(thrown, 'name') ?? 'Error';
}

function messageOf(thrown: unknown): string {
  return isObject(thrown) ? (readText(thrown, 'message') ?? 'an object without a message was thrown') : String(thrown);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function readText(thrown: unknown, key: string): string | undefined {
  const value = read(thrown, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function read(thrown: unknown, key: string): unknown {
  try {
    return isObject(thrown) ? (thrown as Record<string, unknown>)[key] : undefined;
  } catch {
    return undefined;
  }
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
