/** The second host's store: one JSON text for each workflow, replaced whole. */
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { damaged } from '../../src/kernel/machine-registry.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { StoredActor, StoredJournalRecord } from '../../src/kernel/ports.ts';
import type { ActorRecord, MailRecord, MessageRecord } from '../../src/kernel/record.ts';
import { parkedFor } from '../../src/kernel/refusals.ts';
import type { Harm } from './contract-host.ts';
import type { Life } from './life.ts';

interface Run {
  record: ActorRecord;
  activities: StoredActor['activities'];
  mail: readonly MailRecord[];
  readonly journal: StoredJournalRecord[];
}

/** One workflow: its runs, the last of which counts, and the messages it was given. */
export interface WorkflowDocument {
  readonly id: string;
  /** The highest run that was deleted. */
  readonly lastRun: number;
  readonly runs: Run[];
  messages: MessageRecord[];
}

export class Documents {
  readonly #disk: Map<string, string>;
  readonly #life: Life;

  constructor(disk: Map<string, string>, life: Life) {
    this.#disk = disk;
    this.#life = life;
  }

  ids(): Promise<string[]> {
    return this.#life.read(() => Promise.resolve([...this.#disk.keys()]));
  }

  /** @throws PerdureError `WORKFLOW_PARKED` if what is there cannot be read */
  async read(id: string): Promise<{ readonly document: WorkflowDocument; readonly run: Run | undefined } | undefined> {
    const text = await this.#life.read(() => Promise.resolve(this.#disk.get(id)));
    if (text === undefined) return undefined;
    try {
      const document = JSON.parse(text) as WorkflowDocument;
      document.runs.forEach(checkJournal);
      return { document, run: document.runs.at(-1) };
    } catch (error) {
      const { reason, failure } = damaged(error);
      throw parkedFor(id, reason, failure.message);
    }
  }

  async readIfWhole(id: string): ReturnType<Documents['read']> {
    try {
      return await this.read(id);
    } catch (error) {
      if (hasErrorCode(error, 'WORKFLOW_PARKED')) return undefined;
      throw error;
    }
  }

  write(document: WorkflowDocument): Promise<void> {
    const { id } = document;
    const text = JSON.stringify(document);
    return this.#life.write(() => {
      this.#disk.set(id, text);
      return Promise.resolve();
    });
  }
}

function checkJournal({ record, journal, mail }: Run): void {
  if (mail.length !== (record.queued ?? 0)) throw new Error(`The mailbox of run ${record.address.run} has lost a row.`);
  const isWhole = journal.length === record.sequence && journal.every(({ sequence }, index) => sequence === index + 1);
  if (!isWhole) throw new Error(`The journal of run ${record.address.run} has a gap.`);
}

/** Folds a commit, as plain data, into its document. */
export function fold(document: WorkflowDocument, commit: Commit, number: number): void {
  if (commit.base === 0) document.runs.push({ record: commit.record, activities: [], mail: [], journal: [] });
  const run = document.runs.at(-1)!;
  const gone = new Set([...commit.activitiesRemoved, ...commit.activitiesPut.map(({ n }) => n)]);
  run.record = commit.record;
  run.activities = [...run.activities.filter(({ n }) => !gone.has(n)), ...commit.activitiesPut];
  run.mail = [...run.mail, ...commit.mailPut].filter(({ n }) => !commit.mailRemoved.includes(n));
  run.journal.push({ ...commit.journal, commit: number });
  if (commit.message !== undefined) document.messages.push(commit.message);
}

export function harmDocument(text: string, harm: Harm): string {
  if (harm === 'record') return text.slice(0, -9);
  // It keeps none.
  if (harm === 'definition') return text;
  const { runs, ...rest } = JSON.parse(text) as WorkflowDocument;
  if (harm === 'journal end') runs[0]?.journal.pop();
  else if (harm === 'mail gone' && runs[0] !== undefined) runs[0].mail = runs[0].mail.slice(1);
  else if (harm === 'journal middle') runs[0]?.journal.splice(1, 1);
  else throw new TypeError(`A document has no ${harm} row of its own.`);
  return JSON.stringify({ runs, ...rest });
}
