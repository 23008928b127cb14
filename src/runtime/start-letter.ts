/** `start` as a letter to the workflow of that id, whether it exists or not. */
import type { Actor } from '../kernel/actor.ts';
import { rootAddress } from '../kernel/address.ts';
import type { Decision } from '../kernel/decide.ts';
import { decide, decideStart } from '../kernel/decide.ts';
import type { PerdureError } from '../kernel/errors.ts';
import type { Store } from '../kernel/ports.ts';
import { parkedFor } from '../kernel/refusals.ts';
import type { RegisteredMachine } from '../kernel/registered-machine.ts';
import type { StartPolicy } from '../kernel/start-policy.ts';
import { judgeStart } from '../kernel/start-policy.ts';
import type { Json } from '../kernel/json.ts';
import type { Letter, Resident } from './resident.ts';
import type { Step, Supervisor } from './supervisor.ts';

export interface StartRequest {
  readonly machine: RegisteredMachine;
  readonly input: Json;
  readonly policy: StartPolicy;
}

export function startLetter(
  supervisor: Supervisor,
  store: Store,
  request: StartRequest,
  resolve: (resident: Resident) => void,
  reject: (error: unknown) => void,
): Letter {
  const begin = (resident: Resident, before: readonly Step[], run: number): void => {
    const { machine, input } = request;
    const decision = decideStart(machine, rootAddress(resident.workflowId, run), input, supervisor.context());
    if (decision.kind !== 'commit') {
      reject(refusal(decision));
      return;
    }
    resident.input = input;
    supervisor.commit(resident, [...before, decision], () => resolve(resident), reject);
  };

  const judge = (resident: Resident, existing: Actor, existingInput: Json): void => {
    const verdict = judgeStart({ record: existing.record, input: existingInput }, request.machine.reference, request.input, request.policy);
    switch (verdict.kind) {
      case 'refuse':
        reject(verdict.error);
        return;
      case 'use-existing':
        // After everything decided before it is on disk: what is returned must be there.
        supervisor.commit(resident, [], () => resolve(resident), reject);
        return;
      case 'terminate-existing': {
        const reason = 'Another run was started with terminate-existing.';
        const ended = decide(existing, { kind: 'terminate', reason }, supervisor.context());
        begin(resident, ended.kind === 'commit' ? [ended] : [], existing.record.address.run + 1);
      }
    }
  };

  const readInput = async (resident: Resident, existing: Actor): Promise<void> => {
    try {
      const [first] = await store.readJournal(existing.record.address, 1, 1);
      const input = first?.envelope.kind === 'start' ? first.envelope.input : null;
      resident.input = input;
      judge(resident, existing, input);
    } catch (error) {
      reject(error);
    }
  };

  const handle = (resident: Resident): void | Promise<void> => {
    const { actor, park } = resident;
    if (park !== undefined) reject(parkedFor(resident.workflowId, park.reason, park.failure.message));
    else if (actor === undefined) begin(resident, [], 1);
    else if (resident.input === undefined) return readInput(resident, actor);
    else judge(resident, actor, resident.input);
    return undefined;
  };
  return { handle, reject };
}

function refusal(decision: Exclude<Decision, { kind: 'commit' }>): PerdureError | TypeError {
  return decision.kind === 'refuse' ? decision.error : new TypeError('A start gave nothing to write.');
}
