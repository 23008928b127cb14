/**
 * A second host, of the kernel alone: one message at a time, one write for each, one JSON document for each workflow, nothing
 * kept in memory between messages but what readers see. That it keeps the contract shows that the rules are the kernel's.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import type {
  ActOptions,
  HistoryEntry,
  ItemResults,
  ResultsOptions,
  SendOptions,
  SendResult,
  SignalWithStartOptions,
  StartOptions,
  WorkflowDescription,
} from 'perdure';
import { checkId, formatAddress } from '../../src/kernel/address.ts';
import { decideInTree } from '../../src/kernel/decide-in-tree.ts';
import { parseDeadline } from '../../src/kernel/deadline.ts';
import { deletionRefusal } from '../../src/kernel/deletion.ts';
import { describeWorkflow } from '../../src/kernel/describe.ts';
import type { ControlEnvelope, StepEnvelope } from '../../src/kernel/envelope.ts';
import type { EndOptions } from '../../src/kernel/ending.ts';
import { cancelOf, terminateOf, terminateTree, whenEnded } from '../../src/kernel/ending.ts';
import { encodeEvent } from '../../src/kernel/event-check.ts';
import { controlTree } from '../../src/kernel/held-tree.ts';
import { checkResults, resultsShown } from '../../src/kernel/fan-out-results.ts';
import { historyEntry } from '../../src/kernel/history.ts';
import { holdSignal } from '../../src/kernel/mailbox.ts';
import { actOf, control } from '../../src/kernel/pause.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import { decideAct, itemNotFound } from '../../src/kernel/queue-acts.ts';
import { queueItemId } from '../../src/kernel/queue-record.ts';
import { closedError } from '../../src/kernel/refusals.ts';
import { answerOf, firstOutcome } from '../../src/kernel/signal.ts';
import { decideNewRun, inputOf } from '../../src/kernel/start.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';
import { ActivityControl } from '../../src/runtime/activity-control.ts';
import type { QueueQuestion } from '../../src/runtime/queue-control.ts';
import { QueueControl } from '../../src/runtime/queue-control.ts';
import { QueueView } from '../../src/runtime/queue-view.ts';
import type { ContractHandle, ContractRuntime } from './contract-host.ts';
import { DocumentLists } from './document-lists.ts';
import { queueSourceOf } from './document-queue.ts';
import { treeIn } from './documents.ts';
import type { Found, Parts } from './keeper.ts';
import { Keeper, treeOf } from './keeper.ts';

type Signal = Extract<StepEnvelope, { kind: 'signal' }>;

export class SecondHost implements ContractRuntime {
  readonly activities = new ActivityControl((id, question) => this.#keeper.ask(id, question));
  readonly queue: QueueControl;
  readonly list: ContractRuntime['list'];
  readonly count: ContractRuntime['count'];
  readonly #parts: Parts;
  readonly #keeper: Keeper;
  #versionMissing = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#keeper = new Keeper(parts);
    const lists = new DocumentLists(parts.documents, parts.registry);
    const view = new QueueView(queueSourceOf(parts.documents), parts.registry, parts.clock);
    this.queue = new QueueControl(
      () => view,
      (question) => this.#dealWith(question),
    );
    this.list = async (filter, options) => lists.list(filter, options);
    this.count = (async (filter, options) => lists.count(filter, options)) as ContractRuntime['count'];
  }

  async recover(): Promise<this> {
    this.#versionMissing = await this.#keeper.recover();
    return this;
  }

  async start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<ContractHandle<Machine>> {
    return (await this.#start(machine, { id: `workflow-${this.#keeper.commits}`, onExisting: 'same-input', ...options })).handle;
  }

  async signalWithStart<Machine extends AnyStateMachine>(machine: Machine, options: SignalWithStartOptions<Machine>) {
    const signal = signalOf(options.event, options);
    const { handle, sent } = await this.#start(machine, { onExisting: 'use-existing', ...options }, signal);
    return { handle, sent: sent! };
  }

  async #start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>, signal?: Signal) {
    const [id, policy] = [options.id!, options.onExisting!];
    checkId(id, 'workflow id');
    const input = encodePayload(options.input, 'input');
    const deadline = options.deadline === undefined ? undefined : parseDeadline(options.deadline, 'start: deadline');
    const registered = this.#parts.registry.find(machine.id, String(machine.version))!;
    return this.#keeper.inTurn(async () => {
      const document = (await this.#parts.documents.read(id))?.document ?? { id, lastRun: 0, runs: [], messages: [], queue: [] };
      const found = await this.#keeper.read(id);
      const existing = found && { record: found.record, tree: treeOf(id, found.revival), input: inputOf(found.run[0]!.journal[0]) };
      const known = signal && found && this.#known(found, signal);
      const request = { machine: registered, input, policy, deadline, ...(signal && { signal }) };
      const decision = known === undefined ? decideNewRun(id, document.lastRun, existing, request, this.#keeper.context()) : undefined;
      if (decision?.kind === 'refuse') throw decision.error;
      if (decision?.kind === 'commit') await this.#keeper.commit(found?.document ?? document, decision.tree, decision.steps);
      const sent = decision?.kind === 'commit' && decision.signalled ? answerOf(decision.signalled) : known;
      return { handle: this.#keeper.readers.handle<Machine>(id, this, found?.record, () => existing!.tree!.root), sent };
    });
  }

  async get<Machine extends AnyStateMachine>(id: string): Promise<ContractHandle<Machine>> {
    const { record, revival } = await this.#keeper.inTurn(() => this.#keeper.find(id));
    return this.#keeper.readers.handle<Machine>(id, this, record, () => treeOf(id, revival)!.root);
  }

  async send(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    return this.#send(id, signalOf(event, options));
  }

  async update(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    return this.#send(id, { ...signalOf(event, options), isUpdate: true });
  }

  #send(id: string, signal: Signal): Promise<SendResult> {
    return this.#keeper.inTurn(async () => {
      const found = await this.#keeper.find(id);
      const known = this.#known(found, signal);
      if (known !== undefined) return known;
      const park = found.revival.kind === 'parked' ? found.revival.park.record : undefined;
      const tree = park === undefined ? treeOf(id, found.revival) : undefined;
      const decision = tree ? decideInTree(tree, { to: [], envelope: signal }, this.#keeper.context()) : this.#hold(park, signal);
      if (decision?.kind !== 'commit') throw decision?.kind === 'refuse' ? decision.error : closedError(found.record);
      await this.#keeper.commit(found.document, tree, decision.steps);
      return answerOf(decision.steps[0].commit);
    });
  }

  #hold(park: ActorRecord | undefined, signal: Signal) {
    const decision = park && holdSignal(park, signal, this.#keeper.context());
    return decision?.kind === 'commit' ? { ...decision, steps: [decision] as const } : decision;
  }

  #known({ document, record }: Pick<Found, 'document' | 'record'>, { messageId }: Signal): SendResult | undefined {
    const message = messageId === undefined ? undefined : document.messages.findLast((given) => given.messageId === messageId);
    return firstOutcome(record, message, { nowMs: this.#keeper.context().nowMs, retentionMs: undefined });
  }

  pause = (id: string, options?: ActOptions): Promise<void> => this.#control(id, actOf('pause', options));
  resume = (id: string, options?: ActOptions): Promise<void> => this.#control(id, actOf('resume', options));
  unpark = (id: string, options?: ActOptions): Promise<void> => this.#control(id, actOf('unpark', options));

  #control(id: string, envelope: ControlEnvelope): Promise<void> {
    return this.#keeper.inTurn(async () => {
      const { document, record, revival } = await this.#keeper.find(id);
      const context = this.#keeper.context();
      if (revival.kind === 'tree') {
        const decision = controlTree(revival.tree, envelope, context);
        if (decision.kind === 'refuse') throw decision.error;
        if (decision.kind === 'commit') await this.#keeper.commit(document, revival.tree, decision.steps);
      } else {
        const decision = control(record, envelope, context);
        // What waits for its machine ends by itself: that is what there is to say of it.
        if (decision.kind === 'refuse' && envelope.kind === 'unpark') treeOf(id, revival);
        if (decision.kind === 'refuse') throw decision.error;
        if (decision.kind === 'commit') await this.#keeper.commit(document, undefined, [decision]);
      }
      // What waits in its mailbox is its first turn.
      this.#keeper.tell(record.address, () => undefined);
    });
  }

  cancel = (id: string, options?: EndOptions): Promise<void> => this.#end(id, cancelOf(options));
  terminate = (id: string, options?: EndOptions): Promise<void> => this.#end(id, terminateOf(options));

  #end(id: string, envelope: ReturnType<typeof cancelOf | typeof terminateOf>): Promise<void> {
    return this.#keeper.inTurn(async () => {
      const { document, record, revival } = await this.#keeper.find(id);
      const context = this.#keeper.context();
      const park = revival.kind === 'parked' ? revival.park.record : undefined;
      if (park !== undefined && envelope.kind === 'cancel') {
        const held = holdSignal(park, envelope, context);
        if (held.kind === 'refuse') throw held.error;
        if (held.kind === 'commit') await this.#keeper.commit(document, undefined, [held]);
        return;
      }
      const tree = treeOf(id, revival);
      const onTree =
        tree && (envelope.kind === 'cancel' ? decideInTree(tree, { to: [], envelope }, context) : terminateTree(tree, envelope, context));
      const decision = onTree ?? whenEnded(record, envelope);
      if (decision.kind === 'refuse') throw decision.error;
      if (decision.kind === 'commit') await this.#keeper.commit(document, tree, decision.steps);
    });
  }

  #dealWith({ place, act }: QueueQuestion): Promise<void> {
    const { workflowId: id } = place.address;
    return this.#keeper.inTurn(async () => {
      const found = await this.#keeper.read(id);
      const tree = found && treeOf(id, found.revival);
      if (found === undefined || tree === undefined) throw itemNotFound(queueItemId(place));
      const mail = found.run[0]!.mail.find(({ n }) => n === place.n);
      const decision = decideAct(tree, place, act, this.#keeper.context(), mail);
      if (decision.kind === 'refuse') throw decision.error;
      if (decision.kind === 'commit') await this.#keeper.commit(found.document, tree, decision.steps);
      // What waits in its mailbox is its first turn.
      this.#keeper.tell(found.record.address, () => undefined);
    });
  }

  delete(id: string): Promise<void> {
    return this.#keeper.inTurn(async () => {
      const { record, revival } = await this.#keeper.find(id);
      const refusal = deletionRefusal(record, revival.kind === 'tree' ? revival.tree.isOver : revival.kind === 'closed' && revival.isOver);
      if (refusal !== undefined) throw refusal;
      await this.#parts.documents.write({ id, lastRun: record.address.run, runs: [], messages: [], queue: [] });
    });
  }

  async describe(id: string): Promise<WorkflowDescription> {
    const { document, run, revival } = await this.#keeper.find(id);
    const park = revival.kind === 'parked' ? revival.park : undefined;
    return describeWorkflow({ ...treeIn(run), queue: document.queue }, revival.kind === 'tree' ? revival.tree : undefined, park);
  }

  async results(address: string, options: ResultsOptions = {}): Promise<ItemResults> {
    const query = checkResults(address, options);
    const { run } = await this.#keeper.find(query.fanOut.workflowId);
    const place = run.find(({ record }) => formatAddress(record.address) === formatAddress(query.fanOut));
    const items = (place?.items ?? []).filter(({ n }) => n >= query.from);
    return resultsShown(items.slice(0, query.limit + 1), query);
  }

  async history(id: string): Promise<readonly HistoryEntry[]> {
    return (await this.#keeper.find(id)).run[0]!.journal.map(historyEntry);
  }

  health(): { readonly state: 'open' | 'closed'; readonly versionMissing: number } {
    return { state: this.#keeper.isClosed ? 'closed' : 'open', versionMissing: this.#versionMissing };
  }

  close(): Promise<void> {
    return this.#keeper.close();
  }
}

function signalOf(event: EventObject, { messageId }: SendOptions): Signal {
  if (messageId !== undefined) checkId(messageId, 'message id');
  return { kind: 'signal', event: encodeEvent(event), ...(messageId && { messageId }) };
}
