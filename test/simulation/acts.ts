/** What clients do to workflows besides starting and signalling them: by hand, by token, and to the whole of one. */
import type { StoredJournalRecord } from '../../src/kernel/ports.ts';
import type { Ledger } from './ledger.ts';
import type { Model, ModelActor } from './model.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import { check } from './violation.ts';

/** One call, what to make of its answer, and the refusals that may be one. */
export interface Act {
  readonly name: string;
  readonly answer: Promise<unknown>;
  readonly resolved: () => void;
  readonly refused: readonly string[];
}

interface ActParts {
  readonly random: SeededRandom;
  readonly model: Model;
  readonly ledger: Ledger;
}

const caused = 'I2 nothing acts or answers ahead of its cause';
const closing = ['WORKFLOW_NOT_FOUND', 'WORKFLOW_CLOSED', 'WORKFLOW_PARKED'];

/** @param call number of the call, by which what it did is found again */
export function anAct({ random, model, ledger }: ActParts, runtime: Runtime, id: string, call: number): Act {
  const note = `call ${call}`;
  const record = model.current(id)?.record;
  const isDone = (isCause: (entry: StoredJournalRecord) => boolean) => (): void => {
    check(entriesOf(model, id).some(isCause), caused, () => `${note} on ${id} is acknowledged, but not applied`);
  };
  const noted = isDone(({ envelope }) => 'note' in envelope && envelope.note === note);
  const choice = random.next();
  if (record?.parked !== undefined && choice < 0.6) {
    return { name: `unpark ${id}`, answer: runtime.unpark(id, { note }), resolved: noted, refused: [...closing, 'WORKFLOW_NOT_PARKED'] };
  }
  if (record?.status === 'paused' && choice < 0.6) {
    return { name: `resume ${id}`, answer: runtime.resume(id, { note }), resolved: () => undefined, refused: closing };
  }
  if (choice < 0.3) {
    const paused = isDone(({ envelope }) => envelope.kind === 'pause');
    return { name: `pause ${id}`, answer: runtime.pause(id, { note }), resolved: paused, refused: closing };
  }
  if (choice < 0.45) {
    const run = record?.address.run ?? 0;
    const resolved = (): void => {
      const left = model.current(id)?.record.address.run ?? 0;
      check((model.tombstones.get(id) ?? 0) >= run && left !== run, caused, () => `${id} is said to be deleted, but is there`);
    };
    return {
      name: `delete ${id}`,
      answer: runtime.delete(id),
      resolved,
      refused: ['WORKFLOW_NOT_FOUND', 'WORKFLOW_OPEN', 'WORKFLOW_PARKED'],
    };
  }
  if (choice < 0.57) return anEnd(runtime, id, choice < 0.53 ? 'cancel' : 'terminate', { note, model });
  const token = choice < 0.78 && ledger.tokens.length > 0 ? random.pick(ledger.tokens) : undefined;
  return token === undefined ? byHand({ random, model }, runtime, id, note, noted) : byToken(random, runtime, token);
}

/** Its answer is true once the workflow was asked, or has ended. */
export function anEnd(
  runtime: Runtime,
  id: string,
  name: 'cancel' | 'terminate',
  { note, model }: { readonly note: string; readonly model: Model },
): Act {
  const resolved = (): void => {
    const entries = entriesOf(model, id);
    const isAsked = entries.some(({ envelope }) => envelope.kind === name);
    // Who has ended that way by itself need not be asked.
    const { status, ending } = model.current(id)?.record ?? {};
    const hasEnded = (ending?.status ?? status) === (name === 'cancel' ? 'cancelled' : 'terminated');
    check(isAsked || hasEnded, caused, () => `${id} is said to be asked to ${name}, and was not`);
  };
  // Twice, as people do who see nothing happen.
  const answer = Promise.all([runtime[name](id, { reason: note }), runtime[name](id, { reason: note })]);
  return { name: `${name} ${id}`, answer, resolved, refused: [...closing, 'MAILBOX_FULL'] };
}

function byToken(random: SeededRandom, runtime: Runtime, token: Ledger['tokens'][number]): Act {
  const { text, key, workflowId: id } = token;
  const refused = [...closing, 'ATTEMPT_NOT_AWAITED'];
  const nothing = (): void => undefined;
  const choice = random.next();
  if (choice < 0.2) return { name: `heartbeat ${id} ${text}`, answer: runtime.activities.heartbeat(text), resolved: nothing, refused };
  if (choice < 0.4) {
    return { name: `fail ${id} ${text}`, answer: runtime.activities.fail(text, new Error('No.')), resolved: nothing, refused };
  }
  return { name: `complete ${id} ${text}`, answer: runtime.activities.complete(text, { key }), resolved: nothing, refused };
}

function byHand({ random, model }: Pick<ActParts, 'random' | 'model'>, runtime: Runtime, id: string, note: string, noted: () => void): Act {
  const { activities } = runtime;
  const place = model.latest.get(id);
  const actors = [...((place === undefined ? undefined : model.trees.get(place)?.actors.values()) ?? [])];
  const pending = actors.flatMap(({ record, activities: rows }) => {
    return [...rows.values()].filter(({ kind }) => kind === undefined).map((row) => ({ path: record.address.path, row }));
  });
  const found = pending.length > 0 ? random.pick(pending) : undefined;
  const number = found === undefined ? [1] : [...found.path, found.row.n];
  const refused = [...closing, 'ACTIVITY_NOT_FOUND'];
  const choice = random.next();
  const by = 'somebody';
  if (choice < 0.3) {
    const key = found?.row.idempotencyKey ?? '';
    return {
      name: `completeBy ${id} ${number.join('.')}`,
      answer: activities.completeBy(id, number, { key }, { by, note }),
      resolved: noted,
      refused,
    };
  }
  if (choice < 0.5) {
    const answer = activities.failBy(id, number, new Error('By hand.'), { by, note });
    return { name: `failBy ${id} ${number.join('.')}`, answer, resolved: noted, refused };
  }
  if (choice < 0.75) {
    const answer = activities.update(id, number, { retry: { maximumAttempts: 5 }, by, note });
    return { name: `adjust ${id} ${number.join('.')}`, answer, resolved: noted, refused };
  }
  return {
    name: `runNow ${id} ${number.join('.')}`,
    answer: activities.runNow(id, number, { by, note }),
    resolved: () => undefined,
    refused,
  };
}

function entriesOf(model: Model, id: string): StoredJournalRecord[] {
  const isOwn = ({ record }: ModelActor): boolean => record.address.workflowId === id;
  return [...model.actors.values()].filter(isOwn).flatMap(({ journal }) => journal);
}
