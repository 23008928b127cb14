/** `start` as a letter to the workflow of that id, whether it exists or not. */
import type { Actor } from '../kernel/actor.ts';
import { rootAddress } from '../kernel/address.ts';
import { decide, decideStart } from '../kernel/decide.ts';
import type { Store } from '../kernel/ports.ts';
import { parkedFor } from '../kernel/refusals.ts';
import type { RegisteredMachine } from '../kernel/registered-machine.ts';
import type { StartPolicy } from '../kernel/start-policy.ts';
import { judgeStart } from '../kernel/start-policy.ts';
import type { Json } from '../kernel/json.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { Step, Supervisor } from './supervisor.ts';

export interface StartRequest {
  readonly machine: RegisteredMachine;
  readonly input: Json;
  readonly policy: StartPolicy;
}

export class StartLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #store: Store;
  readonly #request: StartRequest;
  readonly #asked: Asked<Resident>;

  constructor(supervisor: Supervisor, store: Store, request: StartRequest, asked: Asked<Resident>) {
    this.#supervisor = supervisor;
    this.#store = store;
    this.#request = request;
    this.#asked = asked;
  }

  handle(resident: Resident): void | Promise<void> {
    const { actor, park, input } = resident;
    if (park !== undefined) this.reject(parkedFor(resident.workflowId, park.reason, park.failure.message));
    else if (actor === undefined) this.#begin(resident, [], 1);
    else if (input !== undefined) this.#judge(resident, actor, input);
    else return this.#readInput(resident, actor);
    return undefined;
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  #begin(resident: Resident, before: readonly Step[], run: number): void {
    const { machine, input } = this.#request;
    const decision = decideStart(machine, rootAddress(resident.workflowId, run), input, this.#supervisor.context());
    if (decision.kind === 'refuse') {
      this.reject(decision.error);
      return;
    }
    resident.input = input;
    this.#commit(resident, [...before, decision]);
  }

  #judge(resident: Resident, existing: Actor, existingInput: Json): void {
    const { machine, input, policy } = this.#request;
    const verdict = judgeStart({ record: existing.record, input: existingInput }, machine.reference, input, policy);
    switch (verdict.kind) {
      case 'refuse':
        this.#supervisor.refuse(resident, this, verdict.error);
        return;
      case 'use-existing':
        // After everything decided before it is on disk: what is returned must be there.
        this.#commit(resident, []);
        return;
      case 'terminate-existing': {
        const reason = 'Another run was started with terminate-existing.';
        const ended = decide(existing, { kind: 'terminate', reason }, this.#supervisor.context());
        this.#begin(resident, ended.kind === 'commit' ? [ended] : [], existing.record.address.run + 1);
      }
    }
  }

  async #readInput(resident: Resident, existing: Actor): Promise<void> {
    try {
      const [first] = await this.#store.readJournal(existing.record.address, 1, 1);
      const input = first?.envelope.kind === 'start' ? first.envelope.input : null;
      resident.input = input;
      this.#judge(resident, existing, input);
    } catch (error) {
      this.reject(error);
    }
  }

  #commit(resident: Resident, steps: readonly Step[]): void {
    this.#supervisor.commit(
      resident,
      steps,
      () => this.#asked.resolve(resident),
      (error) => this.reject(error),
    );
  }
}
