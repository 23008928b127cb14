/** A bank as others see it: it keeps what it was asked for in a file of its own, so that it remembers over the deaths of those who ask. */
import { openLedger, readLedger } from '../../onboarding/ledger.ts';

type Ask = (merchant: string, key: string, attempt?: number) => void;

export interface Bank {
  /** Opens an account; it knows one that it has opened under this key. */
  readonly open: Ask;
  /** Sends a letter. */
  readonly write: Ask;
  /** Screens a name. */
  readonly screen: Ask;
}

export function bankAt(file: string): Bank {
  const ask =
    (activity: string) =>
    (merchant: string, key: string, attempt = 1): void => {
      const ledger = openLedger(file);
      ledger.append({ kind: 'call', key, attempt, merchant, activity });
      ledger.close();
    };
  return { open: ask('open'), write: ask('write'), screen: ask('screen') };
}

export interface Account {
  /** How often it was asked. */
  readonly calls: number;
  /** How many of that it took for different wishes: accounts, letters. */
  readonly made: number;
}

/** What the bank says it was asked for. */
export async function askedFor(file: string, activity: string, merchant: string): Promise<Account> {
  const calls = (await readLedger(file)).flatMap((entry) =>
    entry.kind === 'call' && entry.activity === activity && entry.merchant === merchant ? [entry.key] : [],
  );
  return { calls: calls.length, made: new Set(calls).size };
}
