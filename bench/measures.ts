import { fairness } from './fairness.ts';
import { history } from './history.ts';
import type { Measure } from './measure.ts';
import type { MeasureName } from './names.ts';
import { parked } from './parked/parked.ts';
import { signal } from './signal.ts';
import { throughput } from './throughput.ts';

export const measures: Readonly<Record<MeasureName, Measure>> = { throughput, signal, parked, history, fairness };
