/** One activity that ends only when it is told to, or is finished by a later process; its policy allows two attempts. */
import { activity } from 'perdure/authoring';
import { setup } from 'xstate';
import type { OutsideLedger } from './outside-ledger.ts';

/** `waiting` until its signal fires, `deaf` to it, or `clumsy`: fails in its second attempt and succeeds in its third. */
export type Patience = 'waiting' | 'deaf' | 'clumsy';

export function patientMachine(ledger: OutsideLedger, patience: Patience) {
  const wait = activity<undefined, string>({
    name: 'wait',
    startToCloseTimeout: '1h',
    retry: { maximumAttempts: 2, initialInterval: '1ms' },
    run: async ({ idempotencyKey: key, attempt, signal }) => {
      const [id = ''] = key.split(':');
      ledger.append({ kind: 'called', id, step: 'wait', key, attempt });
      if (patience === 'clumsy') {
        if (attempt <= 2) throw new Error('clumsy');
        return key;
      }
      return new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ledger.append({ kind: 'aborted', key, attempt, reason: String(signal.reason) });
          if (patience === 'waiting') reject(new Error('told to stop'));
        });
      });
    },
  });
  return setup({ actors: { wait } }).createMachine({
    id: 'patient',
    version: '1',
    initial: 'waiting',
    states: {
      waiting: { invoke: { src: 'wait', onDone: 'done', onError: 'failed' } },
      done: { type: 'final' },
      failed: { type: 'final', tags: ['failed'] },
    },
  });
}
