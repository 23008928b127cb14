/** Lets the people around a merchant act on the merchant's workflow, in whatever life of the process it is. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime, WorkflowHandle } from 'perdure';
import { hasErrorCode } from 'perdure';
import type { delays, merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import type { Ledger, Sending } from './ledger.ts';
import type { Act, People } from './people.ts';
import { actIn } from './people.ts';
import { stateText } from './state-text.ts';

export interface Accompanied {
  readonly runtime: Runtime;
  readonly handle: WorkflowHandle<typeof merchantOnboarding>;
  readonly people: People;
  readonly delays: typeof delays;
  readonly ledger: Ledger;
  /** What a life before sent without hearing an answer: it is sent again under the same message id. */
  readonly unanswered: readonly Sending[];
}

/** Resolves when the workflow has come to its end. */
export async function accompany(merchant: Accompanied): Promise<void> {
  const { handle, people, unanswered } = merchant;
  const sent = new Set<string>();
  for (const { event, messageId } of unanswered) {
    sent.add(messageId);
    await send(merchant, { event, messageId });
  }
  let snapshot = handle.getSnapshot();
  while (snapshot.status === 'active') {
    const state = stateText(snapshot.value);
    const next = handle.waitFor((later) => later.status !== 'active' || stateText(later.value) !== state);
    // Met below, unless something fails before.
    next.catch(() => undefined);
    const act = actIn(state, handle.id, people);
    if (act !== undefined && !sent.has(act.messageId) && (await isStillTime(merchant, act, next))) {
      sent.add(act.messageId);
      await send(merchant, act);
    }
    snapshot = await next;
  }
}

/** Waits until it is time to act. False if the workflow goes on without it. */
async function isStillTime(merchant: Accompanied, { after }: Act, next: Promise<unknown>): Promise<boolean> {
  if (after === undefined) return true;
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  next.then(leave, leave);
  const { timers } = await merchant.runtime.describe(merchant.handle.id);
  const armed = timers.find(({ id }) => id.startsWith(`xstate.after.${after.delay}.`));
  const sinceAtMs = armed?.armedAtMs ?? Date.now();
  const waitMs = sinceAtMs + after.share * merchant.delays[after.delay] - Date.now();
  return delay(waitMs, true, { signal: gone.signal }).catch(() => false);
}

/** What is sent is in the ledger before, so that it is repeated if nobody hears the answer. */
async function send({ handle, ledger }: Accompanied, { event, messageId }: Pick<Act, 'event' | 'messageId'>): Promise<void> {
  ledger.append({ kind: 'sending', merchant: handle.id, messageId, event });
  const { outcome } = await handle.send(event, { messageId }).catch((error: unknown) => {
    // Too late: also an answer.
    if (hasErrorCode(error, 'WORKFLOW_CLOSED')) return { outcome: 'closed' } as const;
    throw error;
  });
  ledger.append({ kind: 'sent', merchant: handle.id, messageId, outcome });
}
