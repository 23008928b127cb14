/**
 * What becomes of a child that its parent stops, by closing or by leaving the state that invoked it:
 * - `request-cancel` (default): it hears `workflow.cancel`. If its chart has a transition for that, it goes on to an end of its own;
 *   otherwise it ends `cancelled` at once
 * - `terminate`: it ends `terminated` at once, whatever its chart says
 * - `abandon`: it goes on as if nothing had happened; its parent does not hear of it any more
 */
export type ParentClosePolicy = 'request-cancel' | 'terminate' | 'abandon';

/** How a child came about: written into its record, since whoever reads that may not have read the parent's. */
export interface Birth {
  /** The id under which the parent's chart has it. */
  readonly childId: string;
  /** Names of actor logic from the root's machine down to the child's own: with the root's machine they say what it runs. */
  readonly lineage: readonly string[];
  readonly systemId?: string;
  /** Whether the parent hears of each of its snapshots. */
  readonly isWatched?: true;
  readonly parentClosePolicy?: ParentClosePolicy;
}
