/** `send` as a letter: applied once per message id, acknowledged by the commit that applied it. */
import { decide } from '../kernel/decide.ts';
import type { Envelope } from '../kernel/envelope.ts';
import type { Store } from '../kernel/ports.ts';
import { notFoundError, parkedError, parkedFor } from '../kernel/refusals.ts';
import type { Letter, Resident, SendResult } from './resident.ts';
import type { Supervisor } from './supervisor.ts';

type Signal = Extract<Envelope, { kind: 'signal' }>;

export function signalLetter(
  supervisor: Supervisor,
  store: Store,
  signal: Signal,
  resolve: (result: SendResult) => void,
  reject: (error: unknown) => void,
): Letter {
  const { messageId } = signal;

  const apply = (resident: Resident): void => {
    const { actor, park, workflowId } = resident;
    if (park !== undefined || actor === undefined) {
      reject(park === undefined ? notFoundError(workflowId) : parkedFor(workflowId, park.reason, park.failure.message));
      return;
    }
    const decision = decide(actor, signal, supervisor.context());
    if (decision.kind !== 'commit') {
      reject(decision.kind === 'refuse' ? decision.error : notFoundError(workflowId));
      return;
    }
    const { record, journal } = decision.commit;
    const { outcome } = journal;
    if (outcome !== 'applied' && outcome !== 'unhandled') {
      supervisor.commit(resident, [decision], () => reject(parkedError(record)), reject);
      return;
    }
    const result = { sequence: record.sequence, outcome };
    const committed = new Promise<SendResult>((onCommitted, onRejected) => {
      supervisor.commit(resident, [decision], () => onCommitted(result), onRejected);
    });
    // Until the commit is on disk the store cannot answer for this message: whoever repeats it waits for the same outcome.
    if (messageId !== undefined) resident.uncommittedMessages.set(messageId, committed);
    const acknowledge = (acknowledged: SendResult): void => {
      if (messageId !== undefined) resident.uncommittedMessages.delete(messageId);
      resolve(acknowledged);
    };
    committed.then(acknowledge, reject);
  };

  const handle = (resident: Resident): void | Promise<void> => {
    if (messageId === undefined) {
      apply(resident);
      return undefined;
    }
    const uncommitted = resident.uncommittedMessages.get(messageId);
    if (uncommitted === undefined) return lookUp(resident, messageId);
    uncommitted.then(resolve, reject);
    return undefined;
  };

  const lookUp = async (resident: Resident, id: string): Promise<void> => {
    try {
      const known = await store.readMessage(resident.workflowId, id);
      if (known === undefined) apply(resident);
      else resolve({ sequence: known.sequence, outcome: known.outcome });
    } catch (error) {
      reject(error);
    }
  };
  return { handle, reject };
}
