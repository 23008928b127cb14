/** Commits that answer a message: while one is on its way, whoever repeats the message waits for the same outcome. */
import { answerOf } from '../kernel/signal.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { Commit } from '../kernel/commit.ts';
import type { Resident } from './resident.ts';

/**
 * @param told the commit that the message is answered by
 * @param submit submits it, with whatever belongs to it
 * @returns its outcome, once all of that is on disk
 */
export function commitMessage(
  resident: Resident,
  told: Commit,
  messageId: string | undefined,
  submit: (onCommitted: () => void, onRejected: (error: unknown) => void) => void,
): Promise<SendResult> {
  const committed = new Promise<SendResult>((resolve, reject) => {
    submit(() => {
      const { uncommittedMessages } = resident;
      if (messageId !== undefined && uncommittedMessages?.get(messageId) === committed) uncommittedMessages.delete(messageId);
      resolve(answerOf(told));
    }, reject);
  });
  // Until the commit is on disk the store cannot answer for this message.
  if (messageId !== undefined) (resident.uncommittedMessages ??= new Map()).set(messageId, committed);
  return committed;
}
