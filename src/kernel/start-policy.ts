/** What a start means when the id is taken. Never a silent reset. */
import { PerdureError } from './errors.ts';
import type { ActorRecord, MachineReference } from './record.ts';
import { isClosed } from './record.ts';
import type { Json } from './json.ts';

/**
 * What to do when the id belongs to a workflow already:
 * - `same-input` (default): the same machine and input returns it, anything else is refused
 * - `fail`: always refused
 * - `use-existing`: the open workflow of that machine is returned whatever its input
 * - `terminate-existing`: the open workflow is terminated and a new run started, in one commit
 * - `allow`: if the workflow is closed, a new run is started; an open one is treated as with `same-input`
 * - `allow-after-failure`: as `allow`, but not if it completed
 */
export type StartPolicy = 'same-input' | 'fail' | 'use-existing' | 'terminate-existing' | 'allow' | 'allow-after-failure';

const policies: readonly unknown[] = [
  'same-input',
  'fail',
  'use-existing',
  'terminate-existing',
  'allow',
  'allow-after-failure',
] satisfies readonly StartPolicy[];

/** @throws TypeError if it is no policy: a misspelt one must not be taken for another */
export function checkStartPolicy(policy: unknown): asserts policy is StartPolicy {
  if (policies.includes(policy)) return;
  const known = policies.map((each) => `'${String(each)}'`).join(', ');
  throw new TypeError(`start: onExisting must be one of ${known}; found ${JSON.stringify(policy)}.`);
}

/** The workflow that has the id, with the input it was started with. */
export interface ExistingWorkflow {
  readonly record: ActorRecord;
  readonly input: Json;
}

export type StartVerdict =
  | { readonly kind: 'use-existing' }
  | { readonly kind: 'terminate-existing' }
  /** another run, the one before being closed */
  | { readonly kind: 'new-run' }
  | { readonly kind: 'refuse'; readonly error: PerdureError };

export function judgeStart(existing: ExistingWorkflow, machine: MachineReference, input: Json, policy: StartPolicy): StartVerdict {
  const { record } = existing;
  const isSameMachine = record.machine.id === machine.id && record.machine.version === machine.version;
  const isOpen = !isClosed(record.status);
  if (policy === 'fail') return refuse(record, 'policy', 'and the start says `fail`');
  if (policy === 'terminate-existing' && isOpen) return { kind: 'terminate-existing' };
  if (policy === 'allow' && !isOpen) return { kind: 'new-run' };
  if (policy === 'allow-after-failure' && !isOpen && record.status !== 'completed') return { kind: 'new-run' };
  if (!isSameMachine) {
    const { id, version } = record.machine;
    return refuse(record, 'machine', `on machine ${id} version ${version}, not ${machine.id} version ${machine.version}`);
  }
  if (policy === 'use-existing' && isOpen) return { kind: 'use-existing' };
  if (canonical(existing.input) === canonical(input)) return { kind: 'use-existing' };
  return refuse(record, 'input', 'with another input');
}

function refuse(record: ActorRecord, reason: 'machine' | 'input' | 'policy', why: string): StartVerdict {
  const id = record.address.workflowId;
  const { status } = record;
  const message = `Workflow "${id}" exists already (${status}) ${why}. Use another id, or get("${id}").`;
  return { kind: 'refuse', error: new PerdureError('WORKFLOW_EXISTS', message, { id, status, reason }) };
}

/** One text per value, whatever the order of its keys. */
function canonical(json: Json): string {
  return JSON.stringify(json, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
