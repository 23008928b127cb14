/** Each measure of scale by its name. */
import { bytesPerWorkflow } from './bytes-per-workflow.ts';
import { fanOutActivities, fanOutGrowth, fanOutMachines } from './fan-out.ts';
import { fanOutSnapshot } from './fan-out-snapshot.ts';
import type { ScaleName } from './names.ts';
import { parkedMany } from './parked-many.ts';
import type { ScaleMeasure } from './scale-measure.ts';
import { storm } from './storm.ts';
import { timers } from './timers.ts';

export const scaleMeasures: Readonly<Record<ScaleName, ScaleMeasure>> = {
  'fan-out-10000': fanOutActivities,
  'fan-out-machines-10000': fanOutMachines,
  'fan-out-100000': fanOutGrowth,
  'fan-out-snapshot': fanOutSnapshot,
  'parked-100000': parkedMany,
  'timers-10000': timers,
  'storm-100000': storm,
  'bytes-per-workflow': bytesPerWorkflow,
};
