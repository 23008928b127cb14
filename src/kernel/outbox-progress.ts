/**
 * How far a consumer of the outbox is, and what it is given next. Knows no clock and no store: who moves it tells it what was met
 * on disk and what became of each message, and writes down what changed.
 *
 * Invariants
 * 1. Of a workflow one message at a time is given out, the oldest that was not delivered.
 * 2. What is met is either in memory, up to a bound, or stands aside: then its workflow has a position of its own on disk and holds up
 *    neither the cursor nor other workflows. A workflow goes aside when a message of it fails for the first time.
 * 3. The cursor stands before the oldest message in memory: what it has passed is delivered or stands aside.
 * 4. While too many stand aside, nothing is begun but those: a consumer that takes nothing at all does not make poison of everything.
 */
import { limits } from './limits.ts';
import type { DeliveryVerdict } from './outbox-consumer.ts';
import type { Lane, PoisonedLane, ProgressChange } from './outbox-lane.ts';
import { isIn, isPoisoned, isRetrying, placeKey, positionOf, sizeOf } from './outbox-lane.ts';
import { OutboxUnwritten } from './outbox-unwritten.ts';
import type { OutboxAside, OutboxConsumerState, OutboxEntry, OutboxPlace, OutboxPosition } from './outbox.ts';
import { comparePositions } from './outbox.ts';

export class OutboxProgress {
  readonly name: string;
  readonly #skips: boolean;
  /** The last entry that was met on disk. */
  #met: OutboxPosition;
  /** In memory and not aside, in the order they were met, each with what was met before it. */
  readonly #pending = new Map<string, { readonly entry: OutboxEntry; readonly before: OutboxPosition }>();
  #pendingBytes = 0;
  readonly #lanes = new Map<string, Lane>();
  readonly #lone = new Map<string, Lane>();
  /** Lanes whose first message may be given out. */
  readonly #ready = { inMemory: new Set<Lane>(), aside: new Set<Lane>() };
  #isAsidesTurn = false;
  #asides = 0;
  #retrying = 0;
  readonly #unwritten: OutboxUnwritten;

  /** @param skips whether the later messages of a workflow go on past one that failed for good */
  constructor({ name, after, asides }: OutboxConsumerState, skips: boolean) {
    this.name = name;
    this.#skips = skips;
    this.#met = after;
    this.#unwritten = new OutboxUnwritten(name, after);
    for (const aside of asides) this.#takeUp(aside);
  }

  /** The last entry that was met: what comes behind it is to be met next. */
  get met(): OutboxPosition {
    return this.#met;
  }

  /** Whether no more may be met for now. */
  get isFull(): boolean {
    return this.#pending.size >= limits.outboxInMemoryMax || this.#pendingBytes >= limits.outboxBytesInMemoryMax;
  }

  /** Whether it stands still but for what stands aside (invariant 4). */
  get isStalled(): boolean {
    return this.#retrying >= limits.outboxRetryingMax || this.#asides >= limits.outboxAsideMax;
  }

  /** Entries delivered since the last change was taken. */
  get finishedCount(): number {
    return this.#unwritten.finishedCount;
  }

  get hasChanges(): boolean {
    return this.#unwritten.has(this.#cursor());
  }

  /** Takes an entry that was met on disk, in their order. */
  meet(entry: OutboxEntry): void {
    const before = this.#met;
    this.#met = positionOf(entry);
    const { workflowId } = entry.address;
    // Passed over in an earlier life, from which the cursor was not written down.
    if (this.#lone.has(placeKey(entry))) return;
    const lane = this.#lanes.get(workflowId) ?? { workflowId, messages: [], aside: undefined };
    if (lane.aside === undefined) {
      this.#lanes.set(workflowId, lane);
      this.#pending.set(placeKey(entry), { entry, before });
      this.#pendingBytes += sizeOf(entry);
      lane.messages.push(entry);
      if (lane.messages.length === 1) this.#ready.inMemory.add(lane);
    } else if (comparePositions(entry, lane.aside.to) > 0) {
      const { count } = lane.aside;
      this.#put(lane, { ...lane.aside, to: this.#met, ...(count === undefined ? {} : { count: count + 1 }) });
    }
  }

  /** The lane whose first message is to be given out now; one without messages in memory has to be {@link loaded} before. */
  next(): Lane | undefined {
    this.#isAsidesTurn = !this.#isAsidesTurn;
    const inMemory = this.isStalled ? new Set<Lane>() : this.#ready.inMemory;
    const lanes = this.#isAsidesTurn ? [this.#ready.aside, inMemory] : [inMemory, this.#ready.aside];
    for (const ready of lanes) {
      for (const lane of ready) {
        ready.delete(lane);
        return lane;
      }
    }
    return undefined;
  }

  /** Gives back a lane of which nothing was given out. */
  back(lane: Lane): void {
    if (this.#isThere(lane)) this.#ready[lane.aside === undefined ? 'inMemory' : 'aside'].add(lane);
  }

  /**
   * Takes what was read of a lane aside.
   *
   * @param to what `aside.to` was when it was read
   * @returns how many messages should have been there and were not, once there are no more
   */
  loaded(lane: Lane, entries: readonly OutboxEntry[], to: OutboxPosition): number {
    const { aside } = lane;
    if (aside === undefined) return 0;
    lane.messages.push(...entries.filter((entry) => isIn(aside, entry)));
    if (lane.messages.length > 0) return 0;
    if (comparePositions(to, aside.to) !== 0) {
      this.#ready.aside.add(lane);
      return 0;
    }
    this.#put(lane, undefined);
    return aside.count ?? 0;
  }

  /** The first message of a lane was delivered, or is not to be delivered any more. */
  finished(lane: Lane): void {
    const [first] = lane.messages;
    if (first === undefined) return;
    this.#unwritten.finish(first);
    this.#advance(lane, first);
  }

  /** The first message of a lane was not delivered. One that is to be tried again waits for {@link due}. */
  failed(lane: Lane, verdict: DeliveryVerdict): void {
    const [first] = lane.messages;
    if (first === undefined) return;
    // It may stand behind where the lane was read from: what is done about it later is done about it and no other.
    const aside = { ...(lane.aside ?? this.#leaveMemory(lane, first)), from: positionOf(first) };
    const failed = aside.failed + 1;
    if (verdict.kind === 'retry') {
      lane.messages.length = 0;
      this.#put(lane, { ...aside, failed });
      return;
    }
    const { failure, atMs } = verdict;
    const { commit, n, address, sequence, content } = first;
    const poison = { place: { commit, n, address, sequence }, failure, sinceAtMs: atMs };
    this.#poison(lane, { ...aside, failed, poison: content === undefined ? poison : { ...poison, machine: content.machine } }, first);
  }

  /** The wait before the next attempt is over. */
  due(lane: Lane): void {
    if (lane.aside?.poison === undefined) this.back(lane);
  }

  /** Lanes that wait for a person. */
  *poisoned(): IterableIterator<PoisonedLane> {
    for (const lane of [...this.#lanes.values(), ...this.#lone.values()]) if (isPoisoned(lane)) yield lane;
  }

  /** Has the poison of a lane tried again, from the first attempt on. */
  retry(lane: Lane): void {
    if (lane.aside === undefined || !this.#isThere(lane)) return;
    const { poison: _, ...rest } = lane.aside;
    this.#put(lane, { ...rest, failed: 0 });
    this.#ready.aside.add(lane);
  }

  /** Gives up the poison of a lane. @param entry as it was read; undefined if it is not there any more */
  discard(lane: Lane, entry: OutboxEntry | undefined): void {
    if (lane.aside === undefined || !this.#isThere(lane)) return;
    if (entry !== undefined) this.#unwritten.finish(entry);
    lane.messages.length = 0;
    this.#advance(lane, lane.aside.from);
  }

  /** Whether it has still to be given this entry. */
  awaits({ address: { workflowId }, ...position }: OutboxPlace): boolean {
    if (comparePositions(position, this.#met) > 0) return true;
    if (this.#pending.has(placeKey(position)) || this.#lone.has(placeKey(position))) return true;
    const aside = this.#lanes.get(workflowId)?.aside;
    return aside !== undefined && isIn(aside, position);
  }

  /** Of what was met: how many are not delivered, how many of them failed for good, and about when the oldest was emitted. */
  summary(): { readonly undelivered: number; readonly isExact: boolean; readonly poison: number; readonly oldestAtMs: number | undefined } {
    let [undelivered, poison, isExact] = [this.#pending.size, 0, true];
    const [oldest] = this.#pending.values();
    let oldestAtMs = oldest?.entry.content?.atMs ?? Infinity;
    for (const { aside } of [...this.#lanes.values(), ...this.#lone.values()]) {
      if (aside === undefined) continue;
      undelivered += aside.count ?? 1;
      isExact &&= aside.count !== undefined;
      if (aside.poison !== undefined) poison += 1;
      oldestAtMs = Math.min(oldestAtMs, aside.atMs);
    }
    return { undelivered, isExact, poison, oldestAtMs: oldestAtMs === Infinity ? undefined : oldestAtMs };
  }

  /** What changed since it was last asked; to be given to {@link restore} if it could not be written. */
  takeChange(): ProgressChange {
    return this.#unwritten.take(this.#cursor());
  }

  restore(change: ProgressChange): void {
    this.#unwritten.restore(change);
  }

  #takeUp(aside: OutboxAside): void {
    const lane: Lane = { workflowId: aside.workflowId, messages: [], aside };
    if (aside.lone === undefined) this.#lanes.set(aside.workflowId, lane);
    else this.#lone.set(placeKey(aside.lone), lane);
    this.#asides += 1;
    this.#retrying += Number(isRetrying(aside));
    if (aside.poison === undefined) this.#ready.aside.add(lane);
    else if (aside.lone === undefined && this.#skips) this.#passOver(lane, aside, aside.from);
  }

  #poison(lane: Lane, aside: OutboxAside, first: OutboxEntry): void {
    if (this.#skips && aside.lone === undefined) {
      this.#passOver(lane, aside, first);
      return;
    }
    lane.messages.length = 0;
    this.#put(lane, aside);
  }

  /** The poison stays behind alone, and its workflow goes on. */
  #passOver(lane: Lane, aside: OutboxAside, first: OutboxPosition): void {
    lane.messages.length = 0;
    this.#advance(lane, first, aside);
    const lone = positionOf(first);
    const alone: Lane = { workflowId: lane.workflowId, messages: [], aside: undefined };
    this.#lone.set(placeKey(lone), alone);
    this.#put(alone, { ...aside, lone, from: lone, to: lone, count: 1 });
  }

  /** Invariant 2. */
  #leaveMemory(lane: Lane, first: OutboxEntry): OutboxAside {
    for (const message of lane.messages) this.#forget(message);
    const { messages, workflowId } = lane;
    const to = positionOf(messages.reduce((_, message) => message, first));
    return { workflowId, from: positionOf(first), to, count: messages.length, failed: 0, atMs: first.content?.atMs ?? 0 };
  }

  /** Its first message is done with. */
  #advance(lane: Lane, first: OutboxPosition, aside: OutboxAside | undefined = lane.aside): void {
    const gone = lane.messages.splice(0, 1);
    if (aside === undefined) {
      for (const message of gone) this.#forget(message);
      if (lane.messages.length > 0) this.#ready.inMemory.add(lane);
      else this.#lanes.delete(lane.workflowId);
      return;
    }
    const { poison: _, count, ...rest } = aside;
    if (aside.lone !== undefined || (count !== undefined && count <= 1)) {
      this.#put(lane, undefined);
      return;
    }
    const atMs = lane.messages[0]?.content?.atMs ?? aside.atMs;
    const from = { commit: first.commit, n: first.n + 1 };
    this.#put(lane, { ...rest, from, failed: 0, atMs, ...(count === undefined ? {} : { count: count - 1 }) });
    this.#ready.aside.add(lane);
  }

  #put(lane: Lane, aside: OutboxAside | undefined): void {
    const { workflowId, aside: before } = lane;
    const lone = (aside ?? before)?.lone;
    this.#asides += Number(aside !== undefined) - Number(before !== undefined);
    this.#retrying += Number(isRetrying(aside)) - Number(isRetrying(before));
    lane.aside = aside;
    this.#unwritten.put(lone === undefined ? { workflowId } : { workflowId, lone }, before, aside);
    if (aside !== undefined) return;
    if (lone === undefined) this.#lanes.delete(workflowId);
    else this.#lone.delete(placeKey(lone));
  }

  #forget(entry: OutboxEntry): void {
    this.#pendingBytes -= sizeOf(entry);
    this.#pending.delete(placeKey(entry));
  }

  #isThere(lane: Lane): boolean {
    const lone = lane.aside?.lone;
    return lone === undefined ? this.#lanes.get(lane.workflowId) === lane : this.#lone.get(placeKey(lone)) === lane;
  }

  /** Invariant 3. */
  #cursor(): OutboxPosition {
    const [oldest] = this.#pending.values();
    return oldest?.before ?? this.#met;
  }
}
