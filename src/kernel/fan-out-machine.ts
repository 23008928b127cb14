/** A fan-out as a machine: what is run for each item is its one activity, or its one child. */
import type { Json } from './json.ts';
import { itemSource } from './fan-out-limits.ts';
import { pagesSource } from './fan-out-source.ts';
import { activityName } from './machine-check.ts';
import { runnableDescriptor } from './plain-promise.ts';
import type { MachineReference } from './record.ts';
import type { RegisteredActivity, RegisteredChild, RegisteredMachine } from './registered-machine.ts';
import { fillUnwinding, emptyUnwinding, unwindingSource } from './unwinding-machine.ts';
import type { FanOutMark } from './xstate-fan-out.ts';
import { fanOutChart } from './xstate-fan-out.ts';
import { hashStructure, structureOf } from './xstate-structure.ts';

const structure = structureOf(fanOutChart);

/** @param machine what is run for each item, if that is no activity */
export function fanOutMachine(
  { id, version }: MachineReference,
  src: string,
  { child, plan, source }: FanOutMark,
  machine: RegisteredMachine | undefined,
): RegisteredMachine {
  const descriptor = machine === undefined ? runnableDescriptor(child) : undefined;
  const activities = new Map<string, RegisteredActivity>();
  const children = new Map<string, RegisteredChild>();
  if (descriptor !== undefined) activities.set(itemSource, { src: itemSource, name: activityName(id, src, descriptor.name), descriptor });
  if (machine !== undefined) children.set(itemSource, { kind: 'actor', machine, parentClosePolicy: 'request-cancel' });
  const reading = runnableDescriptor(source);
  if (reading !== undefined) {
    activities.set(pagesSource, { src: pagesSource, name: activityName(id, `${src}.source`, reading.name), descriptor: reading });
  }
  const own = `${id}.${src}`;
  const unwinding = emptyUnwinding({ id: own, version }, true);
  children.set(unwindingSource, { kind: 'actor', machine: unwinding, parentClosePolicy: 'abandon' });
  fillUnwinding(unwinding, activities, children);
  const whole: Json = {
    ...(structure as { readonly [key: string]: Json }),
    item: machine?.structure ?? null,
    ...(reading === undefined ? {} : { source: true }),
  };
  return {
    reference: { id: own, version, structureHash: hashStructure(whole) },
    structure: whole,
    logic: { kind: 'machine', logic: fanOutChart, actions: new Map(), names: new Map() },
    machine: fanOutChart,
    activities,
    children,
    actions: new Map(),
    handlesCancel: false,
    handlesDeadline: false,
    deadline: undefined,
    needsDecisions: false,
    unwinding,
    fanOut: { plan },
  };
}
