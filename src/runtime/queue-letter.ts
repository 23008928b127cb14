/** What a person does about an item of the queue, as a letter to its workflow: answered when what came of it is on disk. */
import type { TreeDecision } from '../kernel/decide-in-tree.ts';
import { control } from '../kernel/pause.ts';
import type { Store } from '../kernel/ports.ts';
import { decideAct, isOwed, itemNotFound, poisonPosition, retryRefusal } from '../kernel/queue-acts.ts';
import { poisonPlace } from '../kernel/queue-poison.ts';
import { isSameItem, queueItemId } from '../kernel/queue-record.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { parkedError } from '../kernel/refusals.ts';
import type { Tree } from '../kernel/tree.ts';
import type { QueueQuestion } from './queue-control.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import { withoutActor } from './signal-letter.ts';
import type { Supervisor } from './supervisor.ts';

export class QueueLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #store: Store;
  readonly #question: QueueQuestion;
  readonly #asked: Asked<void>;

  constructor(supervisor: Supervisor, store: Store, question: QueueQuestion, asked: Asked<void>) {
    this.#supervisor = supervisor;
    this.#store = store;
    this.#question = question;
    this.#asked = asked;
  }

  handle(resident: Resident): void | Promise<void> {
    const { tree } = resident;
    const { place, act } = this.#question;
    if (tree === undefined) this.#handleWithout(resident);
    else if (place.cause === 'event' && act.kind === 'discard' && isOwed(tree, place)) return this.#discard(resident, tree);
    else this.#answer(resident, decideAct(tree, place, act, this.#supervisor.context()));
    return undefined;
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  /** What is left out is read first; it has to be what is decided. */
  async #discard(resident: Resident, tree: Tree): Promise<void> {
    const { place, act } = this.#question;
    try {
      await new Promise<void>((resolve, reject) => this.#supervisor.commit(resident, [], resolve, reject));
      const { record } = tree.root;
      const rows = await this.#store.readMailbox(record.address, (poisonPosition(record) ?? 0) + 1);
      const mail = rows.find(({ n }) => n === place.n);
      this.#answer(resident, decideAct(tree, place, act, this.#supervisor.context(), mail));
    } catch (error) {
      this.reject(error);
    }
  }

  /** Its machine is not there: an event is redone without, as by `unpark`. */
  #handleWithout(resident: Resident): void {
    const { place, act } = this.#question;
    const record = resident.park?.record;
    if (record !== undefined && isPoisonOf(record, this.#question) && act.kind === 'retry') {
      const { by, note } = act;
      const envelope = { kind: 'unpark' as const, ...(by === undefined ? {} : { by }), ...(note === undefined ? {} : { note }) };
      const refusal = retryRefusal(place, act);
      const decision = refusal === undefined ? control(record, envelope, this.#supervisor.context()) : undefined;
      if (decision?.kind === 'commit') {
        this.#supervisor.commitParked(
          resident,
          decision.commit,
          () => this.#asked.resolve(),
          (error) => this.reject(error),
        );
      } else this.#supervisor.refuse(resident, this, refusal ?? itemNotFound(queueItemId(place)));
      return;
    }
    this.#supervisor.refuse(resident, this, resident.park === undefined ? itemNotFound(queueItemId(place)) : withoutActor(resident));
  }

  #answer(resident: Resident, decision: TreeDecision): void {
    if (decision.kind === 'refuse') {
      this.#supervisor.refuse(resident, this, decision.error);
      return;
    }
    const steps = decision.kind === 'commit' ? decision.steps : [];
    const acknowledge = (): void => {
      const [step] = steps;
      // What was told by hand made the chart throw: it waits as an event, and was not applied.
      if (step?.commit.journal.outcome === 'parked') this.reject(parkedError(step.commit.record));
      else this.#asked.resolve();
    };
    this.#supervisor.commit(resident, steps, acknowledge, (error) => this.reject(error));
  }
}

function isPoisonOf(record: ActorRecord, { place }: QueueQuestion): boolean {
  const poison = poisonPlace(record);
  return poison !== undefined && isSameItem(poison, place);
}
