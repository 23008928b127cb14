/** A process of its own that takes one merchant through the small onboarding, to be killed. Its parent is told how far it is. */
import { openRuntime } from 'perdure';
import { bankAt } from '../hand-rolled/bank.ts';
import { accountMachine } from './account-machine.ts';

export interface AccountJob {
  readonly store: string;
  readonly bank: string;
  readonly merchant: string;
  readonly letterAfterMs: number;
  /** Whether the bank's answer never comes, though the account is opened. */
  readonly hangs?: boolean;
}

export type AccountNews = 'opened' | 'waiting' | 'done';

const job = JSON.parse(process.argv[2] ?? '{}') as AccountJob;
const tell = (news: AccountNews): void => void process.send?.(news);
process.once('disconnect', () => process.exit(1));
const afterOpening = async (): Promise<void> => {
  tell('opened');
  if (job.hangs === true) await new Promise(() => undefined);
};
const machine = accountMachine(bankAt(job.bank), job.letterAfterMs, afterOpening);
const runtime = await openRuntime({ path: job.store, machines: [machine] });
const handle = await runtime.start(machine, { id: job.merchant, input: { merchant: job.merchant } });
await handle.waitFor((snapshot) => snapshot.value !== 'opening');
tell('waiting');
await handle.result();
await runtime.close();
tell('done');
process.disconnect();
