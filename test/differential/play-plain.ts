/** Plays a case to a plain `createActor`. */
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import { SimulatedClock, createActor } from 'xstate';
import { vi } from 'vitest';
import { turn } from '../support/life.ts';
import type { DifferentialCase, Picture, Step } from './differential-case.ts';
import { Outside } from './outside.ts';
import { pictureOf } from './pictures.ts';

/** Turns in which a plain actor does whatever it does without time passing. */
const turns = 8;

/** What there is to see after the start and after each step. */
export async function playPlain(played: DifferentialCase): Promise<Picture[]> {
  // Retries of an activity wait on ordinary timers in a plain actor.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    return await play(played);
  } finally {
    vi.useRealTimers();
  }
}

async function play({ machine, input, script, isOnOrdinaryTimers = false }: DifferentialCase): Promise<Picture[]> {
  const outside = new Outside();
  const clock = new SimulatedClock();
  const logger = (...said: unknown[]): void => void outside.logged.push(...said);
  const actor = createActor(machine(outside), { id: 'play', input, logger, ...(isOnOrdinaryTimers ? {} : { clock }) });
  const emitted: EventObject[] = [];
  const pictures: Picture[] = [];
  const look = async (): Promise<void> => {
    for (let count = 0; count < turns; count += 1) {
      await turn();
      // What is due at once.
      clock.increment(0);
    }
    pictures.push(pictureOf(actor.getSnapshot() as AnyMachineSnapshot, emitted, outside));
  };
  actor.on('*', (event: EventObject) => void emitted.push(event));
  // An error that nobody hears of would be thrown into the void.
  actor.subscribe({ error: () => undefined });
  actor.start();
  await look();
  for (const step of script) {
    if (step.kind === 'send') actor.send(step.event);
    else if (step.kind === 'advance') {
      clock.increment(step.ms);
      await vi.advanceTimersByTimeAsync(step.ms);
    } else actOutside(outside, step);
    await look();
  }
  actor.stop();
  return pictures;
}

/** A step that is not done to the actor itself. */
export function actOutside(outside: Outside, step: Exclude<Step, { kind: 'send' | 'advance' }>): void {
  switch (step.kind) {
    case 'succeed':
      return outside.world.last(step.name).succeed(step.output);
    case 'fail':
      return outside.world.last(step.name).fail(step.error);
    case 'next':
      return outside.source(step.source).next(step.value);
    case 'source fails':
      return outside.source(step.source).fail(step.error);
    case 'complete':
      return outside.source(step.source).complete();
    case 'restart':
      return undefined;
  }
}
