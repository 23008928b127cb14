/** Starts workloads in processes of their own, hears what they tell, and waits for their ends. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { EntryOf, LedgerEntry } from './outside-ledger.ts';
import type { Workload } from './workload.ts';

const program = fileURLToPath(new URL('./workload.ts', import.meta.url));

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

export interface WorkloadProcess {
  readonly pid: number;
  /** Resolves with the `count`th entry of this kind; rejects if the process ends before it. */
  hears<Kind extends LedgerEntry['kind']>(kind: Kind, count?: number): Promise<EntryOf<Kind>>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended, by itself or otherwise. */
  readonly ended: Promise<Ending>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<Ending>;
}

interface Waiting {
  readonly isMet: () => LedgerEntry | undefined;
  readonly resolve: (entry: LedgerEntry) => void;
  readonly reject: (error: Error) => void;
}

/**
 * @param uid the user it runs as; only root may say so
 * @param flags further ones for Node
 */
export function startWorkload(workload: Workload, uid?: number, flags: readonly string[] = []): WorkloadProcess {
  const child = fork(program, [JSON.stringify(workload)], {
    ...(uid === undefined ? {} : { uid, gid: uid, env: { ...process.env, TMPDIR: '/tmp', HOME: '/tmp', TSX_DISABLE_CACHE: '1' } }),
    execArgv: [...flags, '--conditions=perdure-source', '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const heard: LedgerEntry[] = [];
  let waiting: Waiting[] = [];
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.on('message', (entry: LedgerEntry) => {
    heard.push(entry);
    waiting = waiting.filter(({ isMet, resolve }) => {
      const met = isMet();
      if (met !== undefined) resolve(met);
      return met === undefined;
    });
  });
  // `close` comes when also its output has ended.
  const ended = once(child, 'close').then(([code, signal]): Ending => {
    const early = new Error(`The ${workload.kind} process ended (${String(signal ?? code)}) before that. ${stderr}`);
    for (const { reject } of waiting) reject(early);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, stderr };
  });
  const kill = async (): Promise<Ending> => {
    child.kill('SIGKILL');
    return ended;
  };
  onTestFinished(async () => void (await kill()));
  return {
    pid: child.pid ?? 0,
    hears: async <Kind extends LedgerEntry['kind']>(kind: Kind, count = 1) => {
      const isMet = (): LedgerEntry | undefined => heard.filter((entry) => entry.kind === kind)[count - 1];
      const met = isMet() ?? (await new Promise<LedgerEntry>((resolve, reject) => waiting.push({ isMet, resolve, reject })));
      return met as EntryOf<Kind>;
    },
    signal: (signal) => void child.kill(signal),
    ended,
    kill,
  };
}
