/** What can be asked of a store without running anything: where a workflow is, and how it got there. */
import { checkId, rootAddress } from '../kernel/address.ts';
import type { WorkflowDescription } from '../kernel/describe.ts';
import { describeWorkflow } from '../kernel/describe.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import type { HistoryEntry } from '../kernel/history.ts';
import { historyEntry } from '../kernel/history.ts';
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { damaged, revive } from '../kernel/machine-registry.ts';
import { checkOptions } from '../kernel/options.ts';
import type { Store } from '../kernel/ports.ts';
import { notFoundError, parkedFor } from '../kernel/refusals.ts';

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
  /**
   * What happened to a workflow, oldest first.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `RECORD_DAMAGED` at a gap
   */
  history(id: string, options?: HistoryOptions): Promise<readonly HistoryEntry[]>;
}

export class StoreReader implements Reader {
  readonly #store: Store;
  readonly #registry: MachineRegistry;
  readonly #runsWorkflows: boolean;

  /** @param runsWorkflows whether a machine that is not registered means that its workflows are parked */
  constructor(store: Store, registry: MachineRegistry, runsWorkflows: boolean) {
    this.#store = store;
    this.#registry = registry;
    this.#runsWorkflows = runsWorkflows;
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

  async #latestRun(id: string): Promise<number> {
    checkId(id, 'workflow id');
    const run = await this.#store.readLatestRun(id);
    if (run === undefined) throw notFoundError(id);
    return run;
  }
}
