/** Each measure of scale by its name. Those to come stand here and in `names.ts`. */
import { bytesPerWorkflow } from './bytes-per-workflow.ts';
import type { ScaleName } from './names.ts';
import { parkedMany } from './parked-many.ts';
import type { ScaleMeasure } from './scale-measure.ts';
import { storm } from './storm.ts';
import { timers } from './timers.ts';

export const scaleMeasures: Readonly<Record<ScaleName, ScaleMeasure>> = {
  'parked-100000': parkedMany,
  'timers-10000': timers,
  'storm-100000': storm,
  'bytes-per-workflow': bytesPerWorkflow,
};
