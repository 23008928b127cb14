/** What can be asked of a store without running anything: where a workflow is, and how it got there. */
import { checkId, rootAddress } from '../kernel/address.ts';
import type { WorkflowDescription } from '../kernel/describe.ts';
import type { CountGroup, CountOptions, WorkflowCount, WorkflowGroups } from '../kernel/count-query.ts';
import { checkCount, countShown } from '../kernel/count-query.ts';
import { describeWorkflow } from '../kernel/describe.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import type { ItemResults, ResultsOptions } from '../kernel/fan-out-results.ts';
import { checkResults, resultsShown } from '../kernel/fan-out-results.ts';
import type { HistoryEntry } from '../kernel/history.ts';
import { historyEntry } from '../kernel/history.ts';
import { limits } from '../kernel/limits.ts';
import type { WorkflowFilter } from '../kernel/list-filter.ts';
import type { ListOptions, WorkflowList } from '../kernel/list-query.ts';
import { checkList, formatCursor } from '../kernel/list-query.ts';
import type { IsMissing } from '../kernel/listing.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { damaged, revive } from '../kernel/machine-registry.ts';
import { checkOptions } from '../kernel/options.ts';
import type { Clock, Store } from '../kernel/ports.ts';
import { notFoundError, parkedFor } from '../kernel/refusals.ts';
import type { Alone } from './erasing.ts';
import { mendingListing } from './erasing.ts';
import type { QueueReader } from './queue-view.ts';
import { QueueView, queueSourceOf } from './queue-view.ts';

/** Which part of a history. */
export interface HistoryOptions {
  /** First step to return. Default 1. */
  readonly from?: number;
  /** Steps to return at most. Default and maximum 1,000. */
  readonly limit?: number;
}

/** Questions about workflows, answered from the store. */
export interface Reader {
  /**
   * Where a workflow is: state, what it waits for, attempts, timers, failure. As of the last commit.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_PARKED` (`record-damaged`) if its record cannot be read
   */
  describe(id: string): Promise<WorkflowDescription>;
  /** What waits for a person. */
  readonly queue: QueueReader;
  /**
   * What happened to a workflow, oldest first. Of one that took more steps than `maxHistorySteps` the oldest but the first are
   * forgotten: there, and nowhere else, `step` goes on with more than the next number. A page that begins among them begins behind them.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `RECORD_DAMAGED` where a step is missing that was not forgotten
   */
  history(id: string, options?: HistoryOptions): Promise<readonly HistoryEntry[]>;
  /**
   * What the items of a fan-out came to, as far as they have ended, a page at a time; also of one that is under way, or over.
   *
   * @param address as its output has it, and `describe(id).children[…].items`
   * @throws TypeError for a malformed address or option; PerdureError `WORKFLOW_NOT_FOUND`, `CURSOR_INVALID` for a cursor of another
   *   fan-out, `RECORD_DAMAGED`
   */
  results(address: string, options?: ResultsOptions): Promise<ItemResults>;
  /**
   * The workflows there are, a page at a time: of each id its latest run, as of the last commit, newest first unless `options` says
   * otherwise. Where it is sorted by what the filter narrows (`started`, `closed`, `idPrefix`), only that part of it is looked at. A page is of one moment. Going on with its `next` neither repeats nor skips a workflow that was there throughout.
   *
   * @param filter default: all of them
   * @throws TypeError for a malformed filter or option; PerdureError `CURSOR_INVALID` for a cursor of another list, `INDEX_DAMAGED` if
   *   the index is damaged and records that it is made of cannot be read
   */
  list(filter?: WorkflowFilter, options?: ListOptions): Promise<WorkflowList>;
  /**
   * How many workflows there are: of each id its latest run, as of the last commit. By status, machine and version, by state and
   * machine, and by class of failure, status and time of closing it costs the same however many there are; any other filter looks at
   * workflows one by one, up to 100,000 of them, and `exact` says whether these were all.
   *
   * @param filter default: all of them
   * @throws TypeError for a malformed filter or option; PerdureError `INDEX_DAMAGED` as {@link list}
   */
  count(filter?: WorkflowFilter, options?: { readonly groupBy?: undefined }): Promise<WorkflowCount>;
  count(filter: WorkflowFilter | undefined, options: { readonly groupBy: CountGroup }): Promise<WorkflowGroups>;
  count(filter?: WorkflowFilter, options?: CountOptions): Promise<WorkflowCount | WorkflowGroups>;
}

export class StoreReader implements Reader {
  readonly queue: QueueReader;
  readonly #store: Store;
  readonly #registry: MachineRegistry;
  readonly #runsWorkflows: boolean;
  readonly #alone: Alone;

  /**
   * @param runsWorkflows whether a machine that is not registered means that its workflows are parked
   * @param alone does what writes to the store; default: at once, where nobody else does
   */
  constructor(
    store: Store,
    registry: MachineRegistry,
    clock: Pick<Clock, 'now'>,
    runsWorkflows: boolean,
    alone: Alone = async (work) => work(),
  ) {
    this.queue = new QueueView(queueSourceOf(store), registry, clock);
    this.#store = store;
    this.#registry = registry;
    this.#runsWorkflows = runsWorkflows;
    this.#alone = alone;
  }

  async describe(id: string): Promise<WorkflowDescription> {
    const run = await this.#latestRun(id);
    try {
      const stored = await this.#store.readTree(rootAddress(id, run), limits.closedChildrenShownMax);
      if (stored === undefined) throw notFoundError(id);
      const revival = revive(this.#registry, stored);
      if (revival.kind === 'tree') return describeWorkflow(stored, revival.tree);
      const park = revival.kind === 'parked' && this.#runsWorkflows ? revival.park : undefined;
      return describeWorkflow(stored, undefined, park);
    } catch (error) {
      if (!hasErrorCode(error, 'RECORD_DAMAGED')) throw error;
      const park = damaged(error);
      throw parkedFor(id, park.reason, park.failure.message);
    }
  }

  async history(id: string, options: HistoryOptions = {}): Promise<readonly HistoryEntry[]> {
    checkOptions<HistoryOptions>(options, 'history', { from: true, limit: true });
    const { from = 1, limit = limits.historyPageMax } = options;
    for (const [name, value] of Object.entries({ from, limit })) {
      if (!Number.isInteger(value) || value < 1) throw new TypeError(`history: ${name} must be a whole number from 1; found ${value}.`);
    }
    const run = await this.#latestRun(id);
    const records = await this.#store.readJournal(rootAddress(id, run), from, Math.min(limit, limits.historyPageMax));
    return records.map(historyEntry);
  }

  async results(address: string, options: ResultsOptions = {}): Promise<ItemResults> {
    const query = checkResults(address, options);
    const { fanOut, from, limit } = query;
    await this.#latestRun(fanOut.workflowId);
    return resultsShown(await this.#store.readItems(fanOut, from, limit + 1), query);
  }

  async list(filter: WorkflowFilter = {}, options: ListOptions = {}): Promise<WorkflowList> {
    const query = checkList(filter, options, this.#isMissing);
    const { workflows, next } = await mendingListing(this.#store, this.#alone, async () => this.#store.list(query));
    return next === undefined ? { workflows } : { workflows, next: formatCursor(next, query) };
  }

  async count(filter?: WorkflowFilter, options?: { readonly groupBy?: undefined }): Promise<WorkflowCount>;
  async count(filter: WorkflowFilter | undefined, options: { readonly groupBy: CountGroup }): Promise<WorkflowGroups>;
  async count(filter?: WorkflowFilter, options?: CountOptions): Promise<WorkflowCount | WorkflowGroups>;
  async count(filter: WorkflowFilter = {}, options: CountOptions = {}): Promise<WorkflowCount | WorkflowGroups> {
    const query = checkCount(filter, options, this.#isMissing);
    return countShown(await mendingListing(this.#store, this.#alone, async () => this.#store.count(query)), query);
  }

  readonly #isMissing: IsMissing = (machine, version) => this.#runsWorkflows && this.#registry.find(machine, version) === undefined;

  async #latestRun(id: string): Promise<number> {
    checkId(id, 'workflow id');
    const run = await this.#store.readLatestRun(id);
    if (run === undefined) throw notFoundError(id);
    return run;
  }
}
