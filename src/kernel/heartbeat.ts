import { limits } from './limits.ts';

/** How far apart the details of heartbeats are written: often enough to be of use, seldom enough not to be what a store is busy with. */
export function heartbeatRecordMs(heartbeatTimeoutMs: number | undefined): number {
  const { heartbeatRecordMsMin, heartbeatRecordMsMax } = limits;
  return Math.min(Math.max((heartbeatTimeoutMs ?? Infinity) / 2, heartbeatRecordMsMin), heartbeatRecordMsMax);
}
