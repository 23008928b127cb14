/**
 * One life of a process: whatever it asks of disk and clock goes through here. Once cut off, the code of that life can go on
 * running, but it writes nothing, reads nothing and hears nothing any more: all it gets is promises that never settle.
 */

/** What becomes of writes that are on their way when the process dies: they never reached the disk, or only the answer was lost. */
export type Fate = 'lost' | 'kept';

export class Life {
  #isCut = false;
  #inFlight = 0;
  #held: (() => Promise<unknown>)[] | undefined;
  #refusal: Fate | undefined;

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Whether an answer from the disk is on its way. Writes that are held back do not count. */
  get isBusy(): boolean {
    return this.#inFlight > 0;
  }

  /** Writes that wait for {@link release}. */
  get heldWrites(): number {
    return this.#held?.length ?? 0;
  }

  read<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return this.#track(work);
  }

  /** The next write is answered with an error, whatever became of it. */
  refuseNextWrite(fate: Fate): void {
    this.#refusal = fate;
  }

  write<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const fate = this.#refusal;
    if (fate === undefined) return this.#write(work);
    this.#refusal = undefined;
    return this.#write(async () => {
      if (fate === 'kept') await work();
      throw new Error('No space left on device');
    });
  }

  #write<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const held = this.#held;
    if (held === undefined || this.#isCut) return this.#track(work);
    return new Promise((resolve, reject) => {
      held.push(() => {
        const written = work();
        if (!this.#isCut) this.#track(() => written).then(resolve, reject);
        return written;
      });
    });
  }

  /** From now on writes wait in front of the disk. */
  hold(): void {
    this.#held ??= [];
  }

  /** Lets the writes go that were held back, and all later ones. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const write of held) void write();
  }

  /** The process dies. */
  async cut(fate: Fate): Promise<void> {
    const held = this.#held ?? [];
    this.#isCut = true;
    this.#held = undefined;
    if (fate === 'kept') for (const write of held) await write();
  }

  #track<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#isCut) return;
      this.#inFlight += 1;
      const settled =
        <Value>(settle: (value: Value) => void) =>
        (value: Value): void => {
          this.#inFlight -= 1;
          if (!this.#isCut) settle(value);
        };
      work().then(settled(resolve), settled(reject));
    });
  }
}

/** Resolves after one turn of the event loop. */
export async function turn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
