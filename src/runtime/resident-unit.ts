import type { Commit } from '../kernel/commit.ts';
import type { PerdureError } from '../kernel/errors.ts';
import type { Step } from '../kernel/step.ts';
import type { Tree } from '../kernel/tree.ts';
import type { CommitUnit } from './commit-pipeline.ts';
import type { Resident } from './resident.ts';

/** Who waits for what a resident decided to be on disk. */
export interface Told {
  readonly onCommitted?: (() => void) | undefined;
  readonly onRejected?: ((error: unknown) => void) | undefined;
}

/** What one resident decided, on its way to disk. */
export class ResidentUnit implements CommitUnit {
  readonly commits: readonly Commit[];
  readonly resident: Resident;
  /** As it was when this was decided: a new run has another. */
  readonly tree: Tree | undefined;
  /** To be acted upon. */
  readonly steps: readonly Step[];
  readonly told: Told;
  readonly #act: (unit: ResidentUnit) => void;

  /** @param act acts on it once it is on disk */
  constructor(resident: Resident, commits: readonly Commit[], steps: readonly Step[], told: Told, act: (unit: ResidentUnit) => void) {
    this.commits = commits;
    this.resident = resident;
    this.tree = resident.tree;
    this.steps = steps;
    this.told = told;
    this.#act = act;
  }

  onCommitted(): void {
    this.#act(this);
  }

  onRejected(error: PerdureError): void {
    this.told.onRejected?.(error);
  }
}
