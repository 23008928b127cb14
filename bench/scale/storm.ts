import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Runtime } from 'perdure';
import { hasErrorCode } from 'perdure';
import { openCalmRuntime } from '../calm-runtime.ts';
import type { Measured } from '../finding.ts';
import { ratio } from '../finding.ts';
import { note, noteMachine } from '../note-machine.ts';
import { quantile } from '../statistics.ts';
import { newFolder, removeFolder } from '../temp-folder.ts';
import type { ScaleOptions } from './scale-measure.ts';
import { confirm } from './scale-measure.ts';

const flooded = 'flooded';
const others = 5;
const burst = 500;
const calmSignals = 2_000;

interface Answers {
  applied: number;
  refused: number;
  /** The most that were sent and not answered at any time. */
  most: number;
}

/** Sends the storm, and signals to other workflows one after the other meanwhile and before. */
export async function storm({ size }: ScaleOptions): Promise<Measured> {
  const path = newFolder();
  const runtime = await openCalmRuntime(path, [noteMachine]);
  await runtime.start(noteMachine, { id: flooded });
  for (let n = 0; n < others; n += 1) await runtime.start(noteMachine, { id: otherId(n) });
  const signals = Math.min(calmSignals, size);
  await waits(runtime, (sent) => sent < signals);
  const calm = await waits(runtime, (sent) => sent < signals);
  let isOver = false;
  const blowing = blow(runtime, size).finally(() => (isOver = true));
  const meanwhile = await waits(runtime, () => !isOver);
  const { applied, refused, most } = await blowing;
  confirm(applied + refused === size, `Of ${size} events ${applied} were acknowledged and ${refused} refused.`);
  await runtime.close();
  const reopened = await openCalmRuntime(path, [noteMachine]);
  const { notes } = (await reopened.get<typeof noteMachine>(flooded)).getSnapshot().context;
  await reopened.close();
  removeFolder(path);
  confirm(notes === applied, `${applied} events were acknowledged, the workflow has ${notes}.`);
  const p99s = { calm: quantile(calm, 0.99), meanwhile: quantile(meanwhile, 0.99) };
  return {
    rows: [
      {
        sent: size,
        acknowledged: applied,
        MAILBOX_FULL: refused,
        'most unanswered': most,
        'p99 ms of others': p99s.calm,
        meanwhile: p99s.meanwhile,
        signals: meanwhile.length,
      },
    ],
    findings: [
      ratio(
        { name: 'storm/others', meaning: 'p99 of signals to others meanwhile / without', better: 'lower', target: 2 },
        [p99s.meanwhile],
        [p99s.calm],
      ),
    ],
  };
}

function otherId(n: number): string {
  return `other-${n}`;
}

/** How long signals to one after the other took, in milliseconds; one at least. */
async function waits(runtime: Runtime, goesOn: (sent: number) => boolean): Promise<number[]> {
  const times: number[] = [];
  do {
    const beganAtMs = performance.now();
    await runtime.send(otherId(times.length % others), note);
    times.push(performance.now() - beganAtMs);
  } while (goesOn(times.length));
  return times;
}

async function blow(runtime: Runtime, size: number): Promise<Answers> {
  const answers: Answers = { applied: 0, refused: 0, most: 0 };
  const sendOne = async (): Promise<void> => {
    try {
      const { outcome } = await runtime.send(flooded, note);
      confirm(outcome === 'applied', `An event was ${outcome}.`);
      answers.applied += 1;
    } catch (error) {
      if (!hasErrorCode(error, 'MAILBOX_FULL')) throw error;
      answers.refused += 1;
    }
  };
  const sent: Promise<void>[] = [];
  while (sent.length < size) {
    const most = Math.min(burst, size - sent.length);
    for (let n = 0; n < most; n += 1) sent.push(sendOne());
    answers.most = Math.max(answers.most, sent.length - answers.applied - answers.refused);
    await nextTurn();
  }
  await Promise.all(sent);
  return answers;
}
