/** What a chart asked for, taken over into the commit that is being put together. */
import { childAddress, numberOf, pathOf } from './address.ts';
import { scheduleActions } from './custom-actions.ts';
import type { Draft } from './draft.ts';
import { disarmTimer, dropActivity, putActivity, scheduleActivity, tooMany } from './draft.ts';
import { armTimer } from './arm-timer.ts';
import { PerdureError } from './errors.ts';
import { isUnwinder, mayHaveUndos, tellCounts } from './ledger.ts';
import { unwindingInput } from './unwinding-input.ts';
import { undoRetried, unwindingSource } from './unwinding-machine.ts';
import type { Json } from './json.ts';
import { limits } from './limits.ts';
import type { ChildRecord } from './record.ts';
import type { RegisteredChild, RegisteredMachine } from './registered-machine.ts';
import { encodePayload, encodeValue } from './value-encoding.ts';
import type { ChartAction } from './xstate-chart-action.ts';

type Spawn = Extract<ChartAction, { kind: 'spawn' }>;

/** In the order in which the chart asked. */
export function applyActions(draft: Draft, actions: readonly ChartAction[], stateValue: Json): void {
  draft.stateValue = stateValue;
  for (const action of actions) apply(draft, action);
  scheduleActions(
    draft,
    actions.filter((action) => action.kind === 'act'),
  );
}

function apply(draft: Draft, action: ChartAction): void {
  switch (action.kind) {
    case 'schedule':
      armTimer(draft, action);
      break;
    case 'cancel':
      for (const timer of draft.timers.now.values()) if (timer.id === action.id && timer.isDeadline !== true) disarmTimer(draft, timer);
      break;
    case 'spawn':
      spawn(draft, action);
      break;
    case 'stop':
      stop(draft, action.n);
      break;
    case 'send':
      say(draft, pathOf(action.to, draft.address), encodePayload(action.event, 'event'));
      break;
    case 'emit':
      draft.emitted.push(encodePayload(action.event, 'emitted event'));
      break;
    case 'log':
      draft.effects.push({
        kind: 'log',
        ...(action.label === undefined ? {} : { label: action.label }),
        value: encodeLogged(action.value),
      });
      break;
    case 'act':
      // Taken together: they run in order, after the commit.
      break;
  }
}

/** Tells another actor something; callbacks and observables hear it from the host, in the order in which they are started and stopped. */
export function say(draft: Draft, to: readonly number[], event: Json): void {
  const { path } = draft.address;
  const n = numberOf(to);
  const isOwn = to.length === path.length + 1 && path.every((part, index) => part === to[index]);
  if (isOwn && draft.activities.now.get(n)?.kind === 'volatile') draft.effects.push({ kind: 'tell-volatile', n, event });
  else draft.messages.push({ to, envelope: { kind: 'message', event, from: path } });
}

/**
 * A child's end, told by it: the chart may go on referring to it.
 *
 * @param stillborn what it failed with, if it was never born: no record says so
 */
export function endChild(draft: Draft, child: ChildRecord, stillborn: Json | undefined): void {
  const { isActor: _, ...named } = child;
  putChild(draft, stillborn === undefined ? { ...child, isEnded: true } : { ...named, isEnded: true, error: stillborn });
}

export function forgetChild(draft: Draft, n: number): void {
  const wasPut = draft.children.delete(n);
  const position = draft.born.indexOf(n);
  if (position !== -1) draft.born.splice(position, 1);
  if (position === -1 || !wasPut) draft.childrenRemoved.push(n);
}

/** For an actor that ends with everybody below it. */
export function forgetChildren(draft: Draft): void {
  for (const n of draft.children.now.keys()) forgetChild(draft, n);
}

/** Stops every child that is not let go already: for an actor that ends without its chart saying so. */
export function stopChildren(draft: Draft): void {
  for (const child of draft.children.now.values()) if (child.isDetached !== true) stopChild(draft, child);
}

function spawn(draft: Draft, action: Spawn): void {
  const activity = draft.machine.activities.get(action.src);
  if (activity !== undefined) {
    scheduleActivity(draft, action, activity);
    return;
  }
  const registered = draft.machine.children.get(action.src);
  if (registered === undefined) {
    throw new PerdureError('IMPLEMENTATION_MISSING', `The chart spawned "${action.src}", which has no code; add it to setup({ actors }).`, {
      missing: [`actor "${action.src}"`],
    });
  }
  if (registered.kind === 'actor') bearChild(draft, action, registered);
  else beginVolatile(draft, action, registered.name);
}

function bearChild(draft: Draft, action: Spawn, registered: Extract<RegisteredChild, { kind: 'actor' }>): void {
  const { n, childId, src, systemId, isWatched } = action;
  // What undoes is no child that a chart asked for, and must not fail.
  const isUnwinding = registered.machine.isUnwinding === true;
  if (!isUnwinding && draft.children.now.size >= limits.childrenMax) throw tooMany('children', limits.childrenMax);
  const named = systemId === undefined ? {} : { systemId };
  putChild(draft, { n, childId, src, ...named, isActor: true });
  draft.born.push(n);
  const { parentClosePolicy } = registered;
  const birth = {
    childId,
    lineage: [...draft.lineage, src],
    ...named,
    ...(isWatched ? { isWatched } : {}),
    ...(parentClosePolicy === 'request-cancel' ? {} : { parentClosePolicy }),
  };
  if (isUnwinding) tellCounts(draft, { running: 1 });
  const input = encodePayload(isUnwinding ? unwindingInput(draft, action.input) : action.input, `input of "${src}"`);
  draft.messages.push({ to: childAddress(draft.address, n).path, envelope: { kind: 'start', input, birth } });
}

/**
 * An unwinding of this actor's ledger that no chart asked for.
 *
 * @param only the one entry to undo, since a person wants it so
 * @returns its number among the children
 */
export function bearUnwinding(draft: Draft, only?: number): number {
  draft.counters.child += 1;
  const n = draft.counters.child;
  const childId = only === undefined ? unwindingSource : undoRetried;
  const machine = draft.machine.unwinding as RegisteredMachine; // only charts have ledgers, and every chart has what unwinds it
  const action = {
    kind: 'spawn',
    n,
    childId,
    src: unwindingSource,
    input: only,
    systemId: undefined,
    isWatched: false,
  } as const;
  bearChild(draft, action, { kind: 'actor', machine, parentClosePolicy: 'abandon' });
  // Its end is nothing a chart hears of.
  putChild(draft, { n, childId, src: unwindingSource, isActor: true, isDetached: true });
  return n;
}

/** Kept among the pending activities, so that it is found and begun anew by the next process. */
function beginVolatile(draft: Draft, action: Spawn, name: string): void {
  const { n, childId, src, systemId, isWatched } = action;
  if (draft.activities.now.size >= limits.activitiesMax) throw tooMany('pending activities', limits.activitiesMax);
  putActivity(draft, {
    n,
    childId,
    src,
    name,
    kind: 'volatile',
    ...(systemId === undefined ? {} : { systemId }),
    ...(isWatched ? { isWatched } : {}),
    input: encodePayload(action.input, `input of "${src}"`),
    idempotencyKey: '',
    scheduledAtMs: draft.context.nowMs,
    attempt: 0,
    uncharged: 0,
    state: 'live',
  });
  draft.scheduled.push(n);
  draft.effects.push({ kind: 'start-volatile', n });
}

function stop(draft: Draft, n: number): void {
  const child = draft.children.now.get(n);
  if (child === undefined) dropActivity(draft, n, 'state-left');
  else stopChild(draft, child);
}

function putChild(draft: Draft, child: ChildRecord): void {
  draft.children.set(child.n, child);
}

/** What is stopped in the step that made it never begins. Otherwise its policy says what becomes of it. */
function stopChild(draft: Draft, child: ChildRecord): void {
  const { n } = child;
  const path = childAddress(draft.address, n).path;
  if (draft.born.includes(n)) {
    draft.messages.splice(0, draft.messages.length, ...draft.messages.filter(({ to }) => to.join() !== path.join()));
    forgetChild(draft, n);
    if (isUnwinder(draft.machine, child)) tellCounts(draft, { running: -1 });
    return;
  }
  const registered = draft.machine.children.get(child.src);
  if (child.isEnded === true || child.isActor !== true || registered?.kind !== 'actor') {
    forgetChild(draft, n);
    return;
  }
  const { parentClosePolicy, machine } = registered;
  // It is shielded: it does not even hear of it.
  if (machine.isUnwinding === true) {
    putChild(draft, { ...child, isDetached: true });
    return;
  }
  // Who goes on after this has to be found again, and who may have left something to undo has to be heard.
  const goesOn = parentClosePolicy === 'abandon' || (parentClosePolicy === 'request-cancel' && machine.handlesCancel);
  if (goesOn || mayHaveUndos(machine)) {
    putChild(draft, { ...child, isDetached: true });
  } else forgetChild(draft, n);
  draft.messages.push({ to: path, envelope: { kind: 'stop', mode: parentClosePolicy } });
}

/** Whatever is logged: what cannot be kept is told in words. */
function encodeLogged(value: unknown): Json {
  try {
    return encodeValue(value, 'log');
  } catch (error) {
    return String(error);
  }
}
