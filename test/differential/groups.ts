/** All cases, by feature. */
import { customs, emitting } from './cases/acting.ts';
import { assigns, enqueued } from './cases/assigning.ts';
import { chartCorners } from './cases/chart-corners.ts';
import { childCorners } from './cases/child-corners.ts';
import { childMachines } from './cases/child-machines.ts';
import { differences } from './cases/differences.ts';
import { endings } from './cases/endings.ts';
import { guards } from './cases/guards.ts';
import { history } from './cases/history.ts';
import { activities, promises } from './cases/promises.ts';
import { messaging } from './cases/messaging.ts';
import { spawning } from './cases/spawning.ts';
import { callbacks, observables, watching } from './cases/sources.ts';
import { structure } from './cases/structure.ts';
import { systems, transitionLogic } from './cases/systems.ts';
import { timers } from './cases/timers.ts';
import { transitions } from './cases/transitions.ts';
import type { DifferentialCase } from './differential-case.ts';

export const groups: Readonly<Record<string, readonly DifferentialCase[]>> = {
  structure,
  transitions,
  guards,
  history,
  endings,
  timers,
  assign: assigns,
  enqueueActions: enqueued,
  emit: emitting,
  'custom actions': customs,
  activities,
  promises,
  'child machines': childMachines,
  spawning,
  messaging,
  callbacks,
  observables,
  onSnapshot: watching,
  fromTransition: transitionLogic,
  'system and self': systems,
  'corners of charts': chartCorners,
  'corners of children': childCorners,
  'known differences': differences,
};
