/** `cancel` and `terminate` as letters: answered when what came of them is on disk. */
import { decideInTree } from '../kernel/decide-in-tree.ts';
import type { TreeDecision } from '../kernel/decide-in-tree.ts';
import type { TerminateEnvelope } from '../kernel/ending.ts';
import { terminateTree, whenEnded } from '../kernel/ending.ts';
import type { CancelEnvelope } from '../kernel/envelope.ts';
import { holdSignal } from '../kernel/mailbox.ts';
import type { Tree } from '../kernel/tree.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import { withoutActor } from './signal-letter.ts';
import type { Supervisor } from './supervisor.ts';

export class EndLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #envelope: CancelEnvelope | TerminateEnvelope;
  readonly #asked: Asked<void>;

  constructor(supervisor: Supervisor, envelope: CancelEnvelope | TerminateEnvelope, asked: Asked<void>) {
    this.#supervisor = supervisor;
    this.#envelope = envelope;
    this.#asked = asked;
  }

  handle(resident: Resident): void {
    const { tree, closed, park } = resident;
    const told = [() => this.#asked.resolve(), (error: unknown) => this.reject(error)] as const;
    const supervisor = this.#supervisor;
    if (tree === undefined && closed === undefined && park?.record !== undefined && this.#envelope.kind === 'cancel') {
      const held = holdSignal(park.record, this.#envelope, supervisor.context());
      if (held.kind === 'commit') supervisor.commitParked(resident, held.commit, ...told);
      else if (held.kind === 'refuse') supervisor.refuse(resident, this, held.error);
      return;
    }
    const decision = tree === undefined ? closed && whenEnded(closed, this.#envelope) : this.#decide(tree);
    if (decision === undefined) this.reject(withoutActor(resident));
    else if (decision.kind === 'refuse') supervisor.refuse(resident, this, decision.error);
    // What changes nothing still waits for what was decided before it.
    else supervisor.commit(resident, decision.kind === 'commit' ? decision.steps : [], ...told);
  }

  #decide(tree: Tree): TreeDecision {
    const [envelope, context] = [this.#envelope, this.#supervisor.context()];
    return envelope.kind === 'cancel' ? decideInTree(tree, { to: [], envelope }, context) : terminateTree(tree, envelope, context);
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }
}
