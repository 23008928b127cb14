/** Registers machines: what cannot be run is refused with everything that is wrong with it. */
import { parentClosePolicyOf } from './child.ts';
import { fanOutMachine } from './fan-out-machine.ts';
import { deadlineOf, deadlineProblems } from './deadline.ts';
import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import { activityName, actorLogicOf, actorProblems, idProblems, missingCode, versionProblems } from './machine-check.ts';
import { runnableDescriptor } from './plain-promise.ts';
import type { MachineReference } from './record.ts';
import type { RegisteredActivity, RegisteredChild, RegisteredMachine } from './registered-machine.ts';
import { emptyUnwinding, fillUnwinding, unwindingSource } from './unwinding-machine.ts';
import { formatValue } from './value-encoding.ts';
import { isCompensation } from './xstate-compensation.ts';
import type { FanOutMark } from './xstate-fan-out.ts';
import { fanOutIn } from './xstate-fan-out.ts';
import { needsDecisions } from './xstate-decisions.ts';
import { kindOfLogic } from './xstate-logic.ts';
import type { AnyActorLogic, AnyStateMachine } from './xstate-seam.ts';
import { withoutActors } from './xstate-seam.ts';
import { Stepper } from './xstate-steps.ts';
import { actionCode, hashStructure, namesEvent, structureOf } from './xstate-structure.ts';

/**
 * Checks a machine and reads what hosts need of it.
 *
 * @throws PerdureError `MACHINE_INVALID` with every problem at once, `IMPLEMENTATION_MISSING` with everything missing
 */
export function registerMachine(machine: AnyStateMachine): RegisteredMachine {
  const { id } = machine;
  const own = [...idProblems(id), ...versionProblems(machine.version), ...deadlineProblems(machine)];
  const problems = [...own, ...everyMachine(machine).flatMap(problemsOf(machine))];
  if (problems.length > 0) {
    const message = `Machine ${formatValue(id)} cannot be run:\n${bullets(problems)}`;
    throw new PerdureError('MACHINE_INVALID', message, { machine: id, problems });
  }
  const missing = [...new Set(everyMachine(machine).flatMap(missingCode))];
  if (missing.length > 0) {
    const remedy = 'Provide it with machine.provide({ … }), activities with implement().';
    throw new PerdureError('IMPLEMENTATION_MISSING', `Machine "${id}" lacks code:\n${bullets(missing)}\n${remedy}`, { missing });
  }
  return build(machine, machine.version as string, new Map());
}

/** The machine and all machines among its actors, each once. */
function everyMachine(machine: AnyStateMachine, known = new Set<AnyStateMachine>()): readonly AnyStateMachine[] {
  if (known.has(machine)) return [];
  known.add(machine);
  const children = [...actorLogicOf(machine).values()].flatMap((logic) => machineIn(logic) ?? []);
  return [machine, ...children.flatMap((child) => everyMachine(child, known))];
}

/** A machine among actors, or what is run for each item of a fan-out. */
function machineIn(logic: unknown): AnyStateMachine | undefined {
  const own = fanOutIn(logic)?.child ?? logic;
  return kindOfLogic(own) === 'machine' ? (own as AnyStateMachine) : undefined;
}

function problemsOf(root: AnyStateMachine): (machine: AnyStateMachine) => readonly string[] {
  return (machine) => {
    const found = actorProblems(machine);
    return machine === root ? found : found.map((problem) => `machine "${machine.id}" among its actors: ${problem}`);
  };
}

type Built = Map<AnyStateMachine, RegisteredMachine>;

/** @param built machines may be among their own actors, at any depth: each is built once */
function build(machine: AnyStateMachine, version: string, built: Built): RegisteredMachine {
  const known = built.get(machine);
  if (known !== undefined) return known;
  const [activities, children] = [new Map<string, RegisteredActivity>(), new Map<string, RegisteredChild>()];
  const actions = actionCode(machine);
  const actorLogic = actorLogicOf(machine);
  const structure = wholeStructure(machine);
  const still = withoutActors(machine);
  const unwinding = emptyUnwinding({ id: machine.id, version: machine.version ?? version });
  const unwinder: RegisteredChild = { kind: 'actor', machine: unwinding, parentClosePolicy: 'abandon' };
  const registered: RegisteredMachine = {
    reference: { id: machine.id, version: machine.version ?? version, structureHash: hashStructure(structure) },
    structure,
    logic: {
      kind: 'machine',
      logic: still,
      stepper: Stepper.of(still),
      actions: new Map([...actions].map(([name, code]) => [code, name])),
      names: new Map([...actorLogic].map(([src, logic]) => [logic, src])),
    },
    machine,
    activities,
    children,
    actions,
    handlesCancel: namesEvent(machine, 'workflow.cancel'),
    handlesDeadline: namesEvent(machine, 'workflow.deadline'),
    deadline: deadlineOf(machine),
    needsDecisions: needsDecisions(machine),
    unwinding,
  };
  built.set(machine, registered);
  children.set(unwindingSource, unwinder);
  for (const [src, logic] of actorLogic) {
    const descriptor = runnableDescriptor(logic);
    const mark = fanOutIn(logic);
    if (isCompensation(logic)) children.set(src, unwinder);
    else if (mark !== undefined) children.set(src, buildFanOut(registered, src, mark, built));
    else if (descriptor === undefined) children.set(src, buildChild(registered, src, logic, built));
    else activities.set(src, { src, name: activityName(machine.id, src, descriptor.name), descriptor });
  }
  fillUnwinding(unwinding, activities, children);
  return registered;
}

function buildFanOut({ reference }: RegisteredMachine, src: string, mark: FanOutMark, built: Built): RegisteredChild {
  const machine = kindOfLogic(mark.child) === 'machine' ? build(mark.child as AnyStateMachine, reference.version, built) : undefined;
  return { kind: 'actor', machine: fanOutMachine(reference, src, mark, machine), parentClosePolicy: 'request-cancel' };
}

function buildChild({ reference }: RegisteredMachine, src: string, logic: unknown, built: Built): RegisteredChild {
  const parentClosePolicy = parentClosePolicyOf(logic);
  switch (kindOfLogic(logic)) {
    case 'machine':
      return { kind: 'actor', machine: build(logic as AnyStateMachine, reference.version, built), parentClosePolicy };
    case 'transition':
      return { kind: 'actor', machine: transition(reference, src, logic as AnyActorLogic), parentClosePolicy };
    default:
      return { kind: 'volatile', name: activityName(reference.id, src, undefined), logic: logic as AnyActorLogic };
  }
}

/** A transition function as a machine without states. */
function transition(parent: MachineReference, src: string, logic: AnyActorLogic): RegisteredMachine {
  const structure: Json = { states: [] };
  return {
    reference: { id: `${parent.id}.${src}`, version: parent.version, structureHash: hashStructure(structure) },
    structure,
    logic: { kind: 'transition', logic, actions: new Map(), names: new Map() },
    machine: undefined,
    activities: new Map(),
    children: new Map(),
    actions: new Map(),
    handlesCancel: false,
    handlesDeadline: false,
    deadline: undefined,
    needsDecisions: false,
  };
}

/** With the structures of the machines among its actors: a version is all of it. One that comes round again is named only. */
function wholeStructure(machine: AnyStateMachine, above: readonly AnyStateMachine[] = []): Json {
  const own = structureOf(machine) as { readonly states: Json };
  const actors = [...actorLogicOf(machine)]
    .flatMap(([src, logic]): [string, AnyStateMachine][] => {
      const child = machineIn(logic);
      return child === undefined ? [] : [[src, child]];
    })
    .map(([src, child]): [string, Json] => {
      const line = [...above, machine];
      return [src, line.includes(child) ? child.id : wholeStructure(child, line)];
    });
  return actors.length === 0 ? own : { ...own, actors: Object.fromEntries(actors) };
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `  - ${line}`).join('\n');
}
