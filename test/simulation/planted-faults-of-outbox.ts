/** Mistakes an engine could make with what machines emit; see `planted-faults.ts`. */
import { OutboxProgress } from '../../src/kernel/outbox-progress.ts';
import type { PlantedFault } from './planted-faults.ts';
import { patch } from './planted-faults.ts';

export const plantedFaultsOfOutbox: readonly PlantedFault[] = [
  {
    name: 'delivers two messages of a workflow in another order',
    world: { hasConsumers: true },
    plant: () =>
      patch(
        OutboxProgress.prototype,
        'next',
        (next) =>
          function (this: OutboxProgress) {
            const lane = next.call(this);
            const [first, second] = lane?.messages ?? [];
            if (first !== undefined && second !== undefined) lane?.messages.splice(0, 2, second, first);
            return lane;
          },
      ),
  },
  {
    name: 'has a cursor that is ahead of what was delivered',
    world: { hasConsumers: true },
    plant: () =>
      patch(
        OutboxProgress.prototype,
        'takeChange',
        (takeChange) =>
          function (this: OutboxProgress) {
            return { ...takeChange.call(this), after: this.met };
          },
      ),
  },
  {
    name: 'does not write down what stands aside',
    world: { hasConsumers: true },
    plant: () =>
      patch(
        OutboxProgress.prototype,
        'takeChange',
        (takeChange) =>
          function (this: OutboxProgress) {
            return { ...takeChange.call(this), asidesPut: [] };
          },
      ),
  },
  {
    name: 'goes on behind a message that failed for good',
    world: { hasConsumers: true },
    plant: () =>
      patch(
        OutboxProgress.prototype,
        'failed',
        (failed) =>
          function (this: OutboxProgress, lane, verdict) {
            if (verdict.kind === 'poison') this.finished(lane);
            else failed.call(this, lane, verdict);
          },
      ),
  },
];
