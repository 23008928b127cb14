/** The measures, by name: known before what they measure is built. */
export const measureNames = {
  throughput: 'workflows a second beside plain XState, hand-rolled snapshots and raw LevelDB, and what they cost of the processor',
  signal: 'an acknowledged signal beside a raw synced put',
  parked: 'opening a store with 10,000 and with 100,000 workflows that wait',
  history: 'the 10th, the 1,000th and the 10,000th event of a workflow, and taking it up again',
  fairness: 'what others wait while one workflow is sent very many events',
} as const;

export type MeasureName = keyof typeof measureNames;
