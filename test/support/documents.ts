/** The second host's store: one JSON text for each workflow, replaced whole. */
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { nextKept } from '../../src/kernel/kept-journal.ts';
import { damaged } from '../../src/kernel/machine-registry.ts';
import { formatPlace } from '../../src/kernel/address.ts';
import { isOpen } from '../../src/kernel/ledger-record.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { ItemRecord, PageRecord } from '../../src/kernel/item-record.ts';
import type { StoredActor, StoredJournalRecord, StoredTree } from '../../src/kernel/ports.ts';
import type { ActorRecord, DefinitionRecord, MessageRecord } from '../../src/kernel/record.ts';
import type { MailRecord } from '../../src/kernel/mail-record.ts';
import type { QueueRecord } from '../../src/kernel/queue-record.ts';
import { isSameItem } from '../../src/kernel/queue-record.ts';
import { parkedFor } from '../../src/kernel/refusals.ts';
import type { Harm } from './contract-host.ts';
import type { Life } from './life.ts';

type Writable<Row> = { -readonly [Key in keyof Row]: Row[Key] };
/** `mail`: rows of the mailbox, which is the root's. */
type Place = Writable<StoredActor> & {
  mail: readonly MailRecord[];
  journal: StoredJournalRecord[];
  items?: readonly ItemRecord[];
  pages?: readonly PageRecord[];
};

/** All actors of one run that ever were, the root first and parents before their children. */
export type Run = Place[];

/** One workflow: its runs, the last of which counts, and the messages it was given. */
export interface WorkflowDocument {
  readonly id: string;
  /** The highest run that was deleted: the first of `runs` is the next one. */
  readonly lastRun: number;
  readonly runs: Run[];
  readonly messages: MessageRecord[];
  /** What of it waits for a person, of all runs. */
  queue: readonly QueueRecord[];
}

export class Documents {
  readonly #disk: Map<string, string>;
  readonly #life: Life;

  constructor(disk: Map<string, string>, life: Life) {
    this.#disk = disk;
    this.#life = life;
  }

  ids(): Promise<string[]> {
    return this.#life.read(() => Promise.resolve(idsOn(this.#disk)));
  }

  /** @throws PerdureError `WORKFLOW_PARKED` if what is there cannot be read */
  async read(id: string): Promise<{ readonly document: WorkflowDocument; readonly run: Run | undefined } | undefined> {
    const text = await this.#life.read(() => Promise.resolve(this.#disk.get(id)));
    if (text === undefined) return undefined;
    try {
      const document = JSON.parse(text) as WorkflowDocument;
      document.runs.forEach(checkRun);
      return { document, run: document.runs.at(-1) };
    } catch (error) {
      const { reason, failure } = damaged(error);
      throw parkedFor(id, reason, failure.message);
    }
  }

  /** All of one moment; without a document where it cannot be read. */
  async readAll(): Promise<{ readonly id: string; readonly document?: WorkflowDocument }[]> {
    const texts = await this.#life.read(() => Promise.resolve(idsOn(this.#disk).map((id) => [id, this.#disk.get(id) ?? ''] as const)));
    return texts.map(([id, text]) => {
      try {
        const document = JSON.parse(text) as WorkflowDocument;
        document.runs.forEach(checkRun);
        return { id, document };
      } catch {
        return { id };
      }
    });
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
    return this.#write(document.id, document);
  }

  /** What is known of machines. */
  async readDefinitions(): Promise<readonly DefinitionRecord[]> {
    const text = await this.#life.read(() => Promise.resolve(this.#disk.get(definitionsKey)));
    return text === undefined ? [] : (JSON.parse(text) as DefinitionRecord[]);
  }

  writeDefinitions(definitions: readonly DefinitionRecord[]): Promise<void> {
    return this.#write(definitionsKey, definitions);
  }

  #write(key: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    return this.#life.write(() => {
      this.#disk.set(key, text);
      return Promise.resolve();
    });
  }
}

/** No workflow has this id. */
const definitionsKey = '';

/** Ids of all workflows. */
export function idsOn(disk: ReadonlyMap<string, string>): string[] {
  return [...disk.keys()].filter((key) => key !== definitionsKey);
}

function checkRun(run: Run): void {
  for (const { record, journal, children, ledger = [], mail, items = [], pages = [] } of run) {
    const { fanOut = { ended: 0, pages: 0 } } = record;
    if (items.length !== fanOut.ended || pages.length !== fanOut.pages) throw new Error('It has lost items.');
    if (mail.length !== (record.queued ?? 0)) throw new Error(`The mailbox of run ${record.address.run} has lost a row.`);
    if (!isWhole(record, journal)) throw new Error(`The journal of run ${record.address.run} has a gap.`);
    if (ledger.length !== (record.ledger ?? 0)) throw new Error(`Its ledger has lost an entry.`);
    if (children.length !== record.children) throw new Error(`It counts ${record.children} children, and ${children.length} are there.`);
  }
}

function isWhole({ sequence: last, journalFrom }: ActorRecord, journal: readonly StoredJournalRecord[]): boolean {
  let next = 1;
  for (const { sequence } of journal) {
    if (sequence !== nextKept(journalFrom, next)) return false;
    next = sequence + 1;
  }
  return next === last + 1;
}

/** A run as the kernel takes it. */
export function treeIn([root, ...below]: Run): StoredTree {
  if (root === undefined) throw new TypeError('A run has a root.');
  const children = [root, ...below].flatMap(({ record, children: own, ledger = [] }) => {
    const undoable = ledger.filter((entry) => entry.kind === 'child' && isOpen(entry));
    return [...own.filter(({ isActor }) => isActor === true), ...undoable].map(({ n }) => formatPlace([...record.address.path, n]));
  });
  const isThere = new Set(children);
  const isWanted = ({ record, activities, ledger = [], children: own }: Place): boolean =>
    activities.length + own.length + ledger.length > 0 || isThere.has(formatPlace(record.address.path));
  const closed = below.filter((place) => !isWanted(place)).map(({ record }) => record);
  return { root: stored(root), others: below.filter(isWanted).map(stored), closed };
}

function stored({ record, activities, children, ledger = [], pages = [], items = [] }: Place): StoredActor {
  const ended = record.fanOut?.isInline === true ? items : [];
  return { record, activities, children, ledger, ...(record.fanOut === undefined ? {} : { fanOut: { pages, ended } }) };
}

export function runOf({ runs, lastRun }: WorkflowDocument, run: number): Run | undefined {
  return runs[run - lastRun - 1];
}

/** Folds a commit, as plain data, into its document. */
export function fold(document: WorkflowDocument, commit: Commit, number: number): void {
  const { record } = commit;
  const path = formatPlace(record.address.path);
  if (commit.base === 0 && path === '') document.runs.push([]);
  const run = runOf(document, record.address.run)!;
  if (commit.base === 0) run.push({ record, activities: [], children: [], ledger: [], mail: [], journal: [] });
  const place = run.find((known) => formatPlace(known.record.address.path) === path)!;
  place.record = record;
  place.activities = changed(place.activities, commit.activitiesPut, commit.activitiesRemoved);
  place.children = changed(place.children, commit.childrenPut, commit.childrenRemoved);
  place.ledger = changed(place.ledger ?? [], commit.ledgerPut ?? [], commit.ledgerRemoved ?? []);
  if (commit.itemsPut !== undefined) {
    place.items = changed(place.items ?? [], commit.itemsPut, []);
    place.pages = changed(place.pages ?? [], commit.pagesPut ?? [], commit.pagesRemoved ?? []);
  }
  place.mail = changed(place.mail, commit.mailPut, commit.mailRemoved);
  place.journal.push({ ...commit.journal, commit: number });
  const { from, to } = commit.journalForgotten ?? { from: 0, to: 0 };
  place.journal = place.journal.filter(({ sequence }) => sequence < from || sequence > to);
  if (commit.message !== undefined) document.messages.push(commit.message);
  const { queuePut = [], queueRemoved = [] } = commit;
  const isGone = (item: QueueRecord): boolean => [...queuePut, ...queueRemoved].some((other) => isSameItem(item, other));
  document.queue = [...document.queue.filter((item) => !isGone(item)), ...queuePut];
}

function changed<Row extends { readonly n: number }>(
  rows: readonly Row[],
  put: readonly Row[],
  removed: readonly number[],
): readonly Row[] {
  const gone = new Set([...removed, ...put.map(({ n }) => n)]);
  const kept = put.filter(({ n }) => !removed.includes(n));
  return [...rows.filter(({ n }) => !gone.has(n)), ...kept].sort((a, b) => a.n - b.n);
}

/** Harms what is on disk of a workflow's first run, or of machines. */
export function harmDisk(disk: Map<string, string>, id: string, harm: Harm): void {
  if (harm === 'definition') disk.delete(definitionsKey);
  else disk.set(id, harmed(disk.get(id) ?? '', harm));
}

function harmed(text: string, harm: Harm): string {
  if (harm === 'record') return text.slice(0, -9);
  const document = JSON.parse(text) as WorkflowDocument;
  const root = document.runs[0]?.[0];
  if (harm === 'journal end') root?.journal.pop();
  else if (harm === 'journal middle') root?.journal.splice(1, 1);
  else if (harm === 'mail gone' && root !== undefined) root.mail = root.mail.slice(1);
  else throw new TypeError(`A document has no ${harm} row of its own.`);
  return JSON.stringify(document);
}
