/**
 * What the actors of one workflow have still to say to each other in the middle of a unit, and who hears it next. The order is
 * XState's: who is idle hears at once and says its own before anything else is said; who is in the middle of a step hears after that.
 *
 * Invariants
 * 1. It can be put down at any word and taken up again in another unit, without any difference to the order.
 * 2. Between one speaker and one hearer the order is that in which it was said.
 * 3. A child hears of its start first, whatever was said to it before.
 */
import { formatPlace, numberOf } from './address.ts';
import type { Message } from './commit.ts';
import type { BusyActor, Mail, Saying, Word } from './record.ts';

interface Busy extends BusyActor {
  readonly says: Saying[];
  readonly hears: Word[];
}

type Words = [Word, ...Word[]];

export class Conversation {
  /** The one who speaks or hears is the last; the others wait for it, each for the next. */
  readonly #busy: Busy[] = [];
  readonly #byPlace = new Map<string, Busy>();
  /** What children hear whose start is still to be said. */
  readonly #unborn = new Map<string, Words>();
  readonly #saidHere = new Set<Word>();
  readonly #isThere: (path: readonly number[]) => boolean;
  /** Units that led to what is being heard, this one included. */
  #units = 1;

  constructor(isThere: (path: readonly number[]) => boolean) {
    this.#isThere = isThere;
  }

  /** Somebody takes a step of which nobody told it here. */
  begin(path: readonly number[]): void {
    this.#open(path, []);
  }

  /** Goes on where it was put down, or begins with what is told from outside; what is heard first is not said again. */
  takeUp({ to, rest, unitsBefore = 0 }: Mail): void {
    for (const { path, says, hears } of rest ?? [{ path: to, says: [], hears: [] }]) {
      const busy = this.#open(path, [...hears]);
      for (const saying of says) busy.says.push(this.#expect(saying.to, [...saying.words]));
    }
    this.#units = unitsBefore + 1;
  }

  /** Says what came of the step of who heard last. */
  say(messages: readonly Message[]): void {
    const speaker = this.#busy.at(-1);
    for (const { to, envelope } of messages) speaker?.says.push(this.#expect(to, [this.#word(envelope)]));
  }

  /** The engine itself says something. */
  tell({ to, envelope }: Message): void {
    this.#pass({ to, words: [this.#word(envelope)] });
  }

  /** The next to be heard: it is taken from what is left. */
  next(): (Message & Word) | undefined {
    for (let last = this.#busy.at(-1); last !== undefined; last = this.#busy.at(-1)) {
      const saying = last.says.shift();
      const word = saying === undefined ? last.hears.shift() : undefined;
      if (saying !== undefined) this.#pass(saying);
      else if (word === undefined) this.#close(last);
      else if (isStart(word) || this.#isThere(last.path)) {
        const { unitsBefore = 0 } = word;
        this.#units = this.#saidHere.has(word) ? unitsBefore : unitsBefore + 1;
        return { to: last.path, ...word };
      }
    }
    return undefined;
  }

  /** All that is left, as plain data, with this to be heard first. */
  putDown({ to, envelope, unitsBefore = 0 }: Message & Word): Mail {
    const isAlone = this.#busy.length === 1 && this.#busy.every(({ hears }) => hears.length === 0);
    return { to, envelope, ...(unitsBefore === 0 ? {} : { unitsBefore }), ...(isAlone ? {} : { rest: this.#busy }) };
  }

  #word(envelope: Word['envelope']): Word {
    const word = { envelope, unitsBefore: this.#units };
    this.#saidHere.add(word);
    return word;
  }

  /** Something is going to be said: until then a child is not born, but may be spoken to. */
  #expect(to: readonly number[], words: Words): Saying {
    if (isStart(words[0])) this.#unborn.set(formatPlace(to), words);
    return { to, words };
  }

  /** Messages to callbacks are the host's to pass on; those to nobody mean nothing. */
  #pass({ to, words }: Saying): void {
    const place = formatPlace(to);
    const isBirth = isStart(words[0]);
    if (isBirth) this.#unborn.delete(place);
    const hears = this.#byPlace.get(place)?.hears ?? this.#unborn.get(place);
    if (hears !== undefined) hears.push(...words);
    else if (isBirth || this.#isThere(to)) this.#open(to, [...words]);
    // What was thrown away unread was its start: there is nobody to wait for.
    else if (words[0].envelope.kind === 'stop') this.tell({ to: to.slice(0, -1), envelope: { kind: 'child-gone', n: numberOf(to) } });
  }

  #open(path: readonly number[], hears: Word[]): Busy {
    const busy = { path, says: [], hears };
    this.#busy.push(busy);
    this.#byPlace.set(formatPlace(path), busy);
    return busy;
  }

  #close({ path }: Busy): void {
    this.#busy.pop();
    this.#byPlace.delete(formatPlace(path));
  }
}

function isStart({ envelope }: Word): boolean {
  return envelope.kind === 'start';
}

/** Everything in a row of the mailbox, what is heard next first. */
export function messagesIn({ to, envelope, rest = [] }: Mail): readonly Message[] {
  const others = rest.toReversed().flatMap(({ path, says, hears }) => [...says, { to: path, words: hears }]);
  const messages = others.flatMap(({ to: receiver, words }) => words.map((word) => ({ to: receiver, envelope: word.envelope })));
  return [{ to, envelope }, ...messages];
}

/** All that comes after what is to be heard first; undefined if nothing does. */
export function withoutFirst(mail: Mail, isThere: (path: readonly number[]) => boolean): Mail | undefined {
  const talk = new Conversation(isThere);
  talk.takeUp(mail);
  const next = talk.next();
  return next && talk.putDown(next);
}

/** The same, as if nothing had led to it. */
export function madeNew({ to, envelope, rest }: Mail): Mail {
  if (rest === undefined) return { to, envelope };
  const ofBusy = ({ path, says, hears }: BusyActor): BusyActor => ({
    path,
    says: says.map((saying) => ({ to: saying.to, words: saying.words.map(newWord) as Words })),
    hears: hears.map(newWord),
  });
  return { to, envelope, rest: rest.map(ofBusy) };
}

function newWord({ envelope }: Word): Word {
  return { envelope };
}
