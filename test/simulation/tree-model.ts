/**
 * What the actors of one workflow have to say to each other, held against what they heard: everything said is heard once, in its
 * order, or waits in the mailbox, unless nobody is there any more to hear it. What follows from a row of the mailbox is heard, or
 * waits in its place, before the next row is taken.
 */
import { formatPlace } from '../../src/kernel/address.ts';
import type { Commit, Message } from '../../src/kernel/commit.ts';
import { messagesIn } from '../../src/kernel/conversation.ts';
import type { ActorEnvelope, Envelope } from '../../src/kernel/envelope.ts';
import { isOpen } from '../../src/kernel/ledger-record.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import type { MailRecord } from '../../src/kernel/mail-record.ts';
import { isClosed } from '../../src/kernel/record.ts';
import type { ModelActor } from './model.ts';
import { isUnwinding } from './undo-rules.ts';
import { check } from './violation.ts';

interface Said {
  /** Place of who said it; absent for what came from outside and was kept. */
  readonly from: string | undefined;
  readonly to: readonly number[];
  readonly envelope: ActorEnvelope;
  readonly isMail: boolean;
}

const once = 'I8 each event is applied once, in order';
const outcomes = "I11 a child's outcome reaches its parent once, none runs against its policy";
const held = 'I12 a paused or parked workflow does nothing, and harms no other';

const passing: readonly Envelope['kind'][] = [
  ...(['attempt-handed-over', 'attempt-heartbeat', 'activity-adjusted', 'pause', 'resume', 'unpark', 'park', 'terminate'] as const),
];

export class ModelTree {
  readonly place: string;
  readonly actors = new Map<string, ModelActor>();
  /** In the order of their numbers. */
  readonly mail = new Map<number, MailRecord>();
  #said: Said[] = [];
  /** What was said and is left in a row of the mailbox, in the order in which it was said. */
  readonly #left = new Map<number, readonly Said[]>();
  #highestMail = 0;
  /** The row that was taken last: what is left of its unit takes its place. */
  #taken: number | undefined;

  /** @param place address of the root */
  constructor(place: string) {
    this.place = place;
  }

  get root(): ModelActor | undefined {
    return this.actors.get('');
  }

  get isHeld(): boolean {
    const record = this.root?.record;
    // Also of one that has closed: parked is then what goes on after its end.
    return record?.status === 'paused' || record?.parked !== undefined;
  }

  /** Whether the outcome of an attempt comes out of the mailbox. */
  isFromMail({ record, journal, mailPut }: Commit): boolean {
    if (record.address.path.length === 0) return journal.mail !== undefined && mailPut.length === 0;
    return this.#find(record.address.path, journal.envelope, (said) => said.isMail) !== undefined;
  }

  /** Whether a commit of the root says what was put into, or taken out of, the mailbox for another actor. */
  isForAnother({ record, journal, mailPut }: Commit): boolean {
    if (record.address.path.length > 0 || journal.mail === undefined) return false;
    const row = mailPut.find(({ n }) => n === journal.mail) ?? this.mail.get(journal.mail);
    return row !== undefined && row.to.length > 0;
  }

  /** A commit as it is applied, before its record is. */
  apply(commit: Commit, before: ActorRecord | undefined): void {
    this.#judgeHeld(commit);
    const { mail, outcome, sequence } = commit.journal;
    const isTaken = mail === undefined || commit.mailPut.length > 0 || outcome === 'parked' || commit.mailRemoved.includes(mail);
    check(isTaken, once, () => `row ${mail} of ${this.place} is applied at ${sequence}, but stays`);
    for (const row of commit.mailPut) this.#keep(row);
    for (const n of commit.mailRemoved) this.#take(n, commit);
    this.#hear(commit);
    this.#judgeNews(commit, before);
    const from = formatPlace(commit.record.address.path);
    for (const { to, envelope } of commit.messages) this.#said.push({ from, to, envelope, isMail: false });
  }

  /** A batch is a number of units, each of which leaves nothing unsaid. */
  checkUnits(): void {
    this.#checkSaid('is lost');
    const { root } = this;
    const queued = root?.record.queued ?? 0;
    check(queued === this.mail.size, once, () => `${this.place} counts ${queued} rows of mail, ${this.mail.size} are there`);
    for (const actor of this.actors.values()) this.#judgePolicy(actor);
  }

  #checkSaid(word: string): void {
    for (const said of this.#said) {
      check(this.#isForNobody(said), once, () => `what ${this.place}${said.from ?? ''} said ${word}: ${describe(said)}`);
    }
    this.#said = [];
  }

  #judgeHeld({ journal, effects, record }: Commit): void {
    const { envelope, outcome } = journal;
    const isStill = outcome === 'queued' || outcome === 'late' || outcome === 'parked' || passing.includes(envelope.kind);
    const isDone = isStill || (outcome === 'noted' && journal.mail !== undefined);
    const what = (): string => `${envelope.kind} of ${this.place}${formatPlace(record.address.path)} is ${outcome}`;
    if (this.isHeld) {
      const begins = effects.some(({ kind }) => kind === 'run-attempt');
      check(isDone && !begins, held, () => `${what()}, though it is ${this.root?.record.status}`);
    } else if (this.mail.size > 0 && !isStill) {
      // What follows from a row was said by somebody, and rows are taken one by one.
      const isFollowing = journal.mail !== undefined || this.#find(record.address.path, envelope) !== undefined;
      const isOfUnborn = isStillborn(envelope) || envelope.kind === 'child-gone';
      check(isFollowing || isOfUnborn, once, () => `${what()} and overtakes ${this.mail.size} rows of mail`);
    }
  }

  #keep(row: MailRecord): void {
    const isLast = row.n === this.#highestMail + 1;
    check(isLast || row.n === this.#taken, once, () => `row ${row.n} of ${this.place} follows row ${this.#highestMail}`);
    const before = this.#said;
    for (const message of messagesIn(row)) if (isInner(message.envelope)) this.#leave(message);
    const left = before.filter((said) => !this.#said.includes(said));
    const isBehind = isLast && left.length > 0 && this.mail.size > 0;
    check(!isBehind, once, () => `what is left of a unit of ${this.place} comes after ${this.mail.size} rows of mail`);
    this.#left.set(row.n, left);
    this.#highestMail = Math.max(row.n, this.#highestMail);
    this.#taken = undefined;
    const rows = [...this.mail.values(), row].sort((a, b) => a.n - b.n);
    this.mail.clear();
    for (const each of rows) this.mail.set(each.n, each);
  }

  #leave({ to, envelope }: Message): void {
    const said = this.#find(to, envelope);
    const isKnown = said !== undefined || this.#isFromOutside(to, envelope);
    check(isKnown, once, () => `${describe({ to, envelope })} is kept at ${this.place}, but nobody said it`);
    this.#said = this.#said.filter((other) => other !== said);
  }

  #take(n: number, { record, journal }: Commit): void {
    const row = this.mail.get(n);
    check(row !== undefined, once, () => `row ${n} of ${this.place} is taken, but is not there`);
    const [oldest] = this.mail.keys();
    check(oldest === n, once, () => `row ${n} of ${this.place} is taken before row ${oldest}`);
    const left = this.#left.get(n) ?? [];
    this.mail.delete(n);
    this.#left.delete(n);
    if (journal.mail !== n) {
      check(isClosed(record.status), once, () => `row ${n} of ${this.place} is thrown away`);
      return;
    }
    const { to, envelope } = row;
    const isSame = JSON.stringify(envelope) === JSON.stringify(journal.envelope);
    check(isSame, once, () => `row ${n} of ${this.place} holds ${envelope.kind}, taken is ${journal.envelope.kind}`);
    this.#checkSaid(`is not heard before row ${n} is taken`);
    this.#taken = n;
    this.#said = [...left];
    const wasSaid = isInner(envelope) && this.#find(to, envelope) !== undefined;
    // The root has heard it by this commit.
    if (to.length === 0 && wasSaid) this.#consume(to, envelope, 'is taken');
    if (to.length > 0 && !wasSaid) this.#said.push({ from: undefined, to, envelope, isMail: true });
  }

  #hear({ record, journal, mailPut }: Commit): void {
    const { envelope, outcome } = journal;
    const { path } = record.address;
    // Out of the mailbox, put into it, or noted beside it.
    if (path.length === 0 && journal.mail !== undefined) return;
    if (mailPut.length > 0 || outcome === 'queued' || outcome === 'parked') return;
    if (isInner(envelope)) this.#consume(path, envelope, outcome);
    else this.#drop(this.#find(path, envelope, (said) => said.isMail));
  }

  /** Takes what was said out of what is still to be heard. */
  #consume(to: readonly number[], envelope: ActorEnvelope, word: string): void {
    const said = this.#find(to, envelope);
    if (said === undefined) {
      const what = (): string => `${describe({ to, envelope })} ${word} at ${this.place}${formatPlace(to)}, but nobody said it`;
      check(this.#isFromOutside(to, envelope), once, what);
      return;
    }
    const earlier = this.#said.find((other) => other.from === said.from && isSamePath(other.to, said.to) && !other.isMail);
    const isFirst = said.isMail || earlier === said || earlier === undefined || this.#isForNobody(earlier);
    check(isFirst, once, () => `${describe(said)} of ${this.place}${said.from ?? ''} is heard before ${earlier && describe(earlier)}`);
    this.#drop(said);
  }

  #find(to: readonly number[], envelope: Envelope, isMeant: (said: Said) => boolean = () => true): Said | undefined {
    const own = this.#said.filter((said) => isSamePath(said.to, to) && said.envelope.kind === envelope.kind && isMeant(said));
    return own.find((said) => said.envelope === envelope) ?? own.find((said) => JSON.stringify(said.envelope) === JSON.stringify(envelope));
  }

  #drop(said: Said | undefined): void {
    if (said !== undefined) this.#said.splice(this.#said.indexOf(said), 1);
  }

  /** Callbacks are no actors of the workflow, and of a child that never was nobody speaks but the engine. */
  #isFromOutside(to: readonly number[], envelope: Envelope): boolean {
    if (isStillborn(envelope)) return true;
    if (envelope.kind === 'child-gone') return !this.actors.has(formatPlace([...to, envelope.n]));
    const isVolatile = (path: readonly number[], n: number | undefined): boolean =>
      n !== undefined && this.actors.get(formatPlace(path))?.volatile.has(n) === true;
    if (envelope.kind === 'message') return isVolatile(envelope.from.slice(0, -1), envelope.from.at(-1));
    return 'n' in envelope && isVolatile(to, envelope.n);
  }

  #isForNobody({ to, envelope }: Said): boolean {
    const actor = this.actors.get(formatPlace(to));
    const n = to.at(-1) ?? 0;
    switch (envelope.kind) {
      case 'start': {
        const row = this.actors.get(formatPlace(to.slice(0, -1)))?.children.get(n);
        const isTold = this.#waiting().some(({ envelope: kept }) => isStillborn(kept) && kept.n === n);
        return row === undefined || row.isEnded === true || row.isDetached === true || isTold;
      }
      case 'undo-next':
      case 'undo-ended':
      case 'compensation-counted':
        return actor === undefined;
      case 'message':
      case 'stop':
      case 'signal':
      case 'undo-entry':
      case 'undo-over':
        return actor === undefined || isClosed(actor.record.status);
      case 'child-done':
      case 'child-failed':
      case 'child-gone':
      case 'child-snapshot': {
        const row = actor?.children.get(envelope.n);
        if (envelope.kind === 'child-gone' && envelope.undos !== undefined) return actor === undefined;
        const isOver = row === undefined || row.isEnded === true || (row.isDetached === true && envelope.kind === 'child-snapshot');
        return actor === undefined || isClosed(actor.record.status) || isOver;
      }
      case 'activity-hurried':
        return actor?.activities.get(envelope.n)?.state !== 'backoff';
      default:
        return !('n' in envelope) || actor?.activities.get(envelope.n)?.state !== 'settled';
    }
  }

  /** Everything in the mailbox. */
  #waiting(): readonly Message[] {
    return [...this.mail.values()].flatMap(messagesIn);
  }

  /** An end is told once, to whom it concerns: to nobody, where all end together. */
  #judgeNews({ record, messages, ledgerPut, journal: { envelope: cause } }: Commit, before: ActorRecord | undefined): void {
    if (record.birth === undefined) return;
    const ends = messages.filter(({ envelope: { kind } }) => kind === 'child-done' || kind === 'child-failed' || kind === 'child-gone');
    const isEnd = isClosed(record.status) && (before === undefined || !isClosed(before.status));
    const isEndOfAll = cause.kind === 'terminate' && cause.isForAll === true;
    const hasUndos = this.#hasUndos(record, ledgerPut);
    const expected = isEnd && !isEndOfAll ? expectedNews(record, hasUndos) : undefined;
    const told = ends.map(({ envelope }) => envelope.kind);
    // Who might have left something says that it ended, whatever it left.
    if (isEnd && !isEndOfAll && expected === undefined && told.join() === 'child-gone') return;
    check(told.join() === (expected ?? ''), outcomes, () => {
      return `${this.place}${formatPlace(record.address.path)}, ${record.status}, tells its parent "${told.join()}" instead of "${expected ?? ''}"`;
    });
  }

  /** Whether an end leaves something to be undone. */
  #hasUndos({ address, ledger = 0 }: ActorRecord, put: Commit['ledgerPut'] = []): boolean {
    if (ledger === 0) return false;
    const rows = new Map(this.actors.get(formatPlace(address.path))?.ledger);
    for (const entry of put) rows.set(entry.n, entry);
    return [...rows.values()].some(isOpen);
  }

  /** Who is open has a parent that wants it, or was let go to an end of its own; or what ends it is on its way. */
  #judgePolicy({ record }: ModelActor): void {
    const { path } = record.address;
    if (path.length === 0 || isClosed(record.status)) return;
    // Nobody but the end of all stops it.
    if (isUnwinding(record) && this.root?.record.status !== 'terminated') return;
    const parent = this.actors.get(formatPlace(path.slice(0, -1)));
    const row = parent?.children.get(path.at(-1) ?? 0);
    const isWanted = parent !== undefined && !isClosed(parent.record.status) && row !== undefined && row.isDetached !== true;
    if (isWanted) return;
    const mayGoOn = record.isDetached === true && record.birth?.parentClosePolicy !== 'terminate';
    const isToBeStopped = this.#waiting().some(({ to, envelope }) => envelope.kind === 'stop' && isSamePath(to, path));
    check(mayGoOn || isToBeStopped, outcomes, () => {
      return `${this.place}${formatPlace(path)} runs, its parent ${parent === undefined ? 'is gone' : `is ${parent.record.status}`}`;
    });
  }
}

function expectedNews({ isDetached, chart }: ActorRecord, hasUndos: boolean): string | undefined {
  if (isDetached === true) return 'child-gone';
  if (chart.status === 'active') return hasUndos ? 'child-gone' : undefined;
  return chart.status === 'done' ? 'child-done' : 'child-failed';
}

function isInner(envelope: Envelope): envelope is ActorEnvelope {
  const { kind } = envelope;
  return kind === 'message' || kind === 'stop' || kind.startsWith('child-') || isOfUndos(kind) || isBirth(envelope);
}

/** What unwindings and owners of ledgers say to each other and to the root. */
function isOfUndos(kind: Envelope['kind']): boolean {
  return ['undo-next', 'undo-ended', 'undo-entry', 'undo-over', 'compensation-counted'].includes(kind);
}

function isBirth(envelope: Envelope): boolean {
  return envelope.kind === 'start' && envelope.birth !== undefined;
}

function isStillborn(envelope: Envelope): envelope is Extract<Envelope, { kind: 'child-failed' }> {
  return envelope.kind === 'child-failed' && envelope.isStillborn === true;
}

function isSamePath(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((part, index) => part === other[index]);
}

function describe({ to, envelope }: Pick<Message, 'to' | 'envelope'>): string {
  return `${JSON.stringify(envelope).slice(0, 120)} to ${formatPlace(to)}`;
}
