/** A host in a process that lives and dies as a test says, on a clock that the test moves. */
import type { AnyStateMachine } from 'xstate';
import type { MachineRegistry, OnDefinitionChange } from '../../src/kernel/machine-registry.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import type { Clock } from '../../src/kernel/ports.ts';
import type { ContractHost, ContractRuntime, Harm } from './contract-host.ts';
import type { Fate } from './life.ts';
import { Life, turn } from './life.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Opened {
  readonly runtime: ContractRuntime;
  /** Gives back what the life had open, once it is cut off. */
  readonly letGo: () => Promise<void>;
}

/** What outlives a process: its disk, and what a test may do to it between two lives. */
export interface Ground extends Pick<ContractHost, 'stored' | 'storedIds' | 'harm'> {
  /** Whatever is asked of the disk is asked through `life`. */
  open(life: Life, clock: Clock, registry: MachineRegistry, countsDeaths: boolean): Promise<Opened>;
}

export class SimulatedHost implements ContractHost {
  readonly clock = new VirtualClock();
  countsDeaths = false;
  readonly #ground: Ground;
  #current: (Opened & { readonly life: Life }) | undefined;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  get heldWrites(): number {
    return this.#open().life.heldWrites;
  }

  async open(machines: readonly AnyStateMachine[], onDefinitionChange?: OnDefinitionChange): Promise<ContractRuntime> {
    if (this.#current !== undefined) throw new TypeError('The life before is not over.');
    const life = new Life();
    const opened = await this.#ground.open(life, this.clock.portFor(life), createRegistry(machines, onDefinitionChange), this.countsDeaths);
    this.#current = { life, ...opened };
    return opened.runtime;
  }

  async crash(fate: Fate = 'lost'): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.life.cut(fate);
    await current?.letGo();
  }

  async close(): Promise<void> {
    await this.#open().runtime.close();
    await this.crash();
  }

  holdWrites(): void {
    this.#open().life.hold();
  }

  refuseNextWrite(fate: Fate): void {
    this.#open().life.refuseNextWrite(fate);
  }

  releaseWrites(): void {
    this.#open().life.release();
  }

  async settled(): Promise<void> {
    const { life } = this.#open();
    // One turn may lead to the next without anything being under way in between.
    for (let calmTurns = 0; calmTurns < 3; calmTurns += 1) {
      await turn();
      if (life.isBusy || this.clock.isBusy) calmTurns = -1;
    }
  }

  stored(): Promise<string> {
    return this.#whileClosed(() => this.#ground.stored());
  }

  storedIds(): Promise<string[]> {
    return this.#whileClosed(() => this.#ground.storedIds());
  }

  harm(id: string, harm: Harm): Promise<void> {
    return this.#whileClosed(() => this.#ground.harm(id, harm));
  }

  #open(): Opened & { readonly life: Life } {
    if (this.#current === undefined) throw new TypeError('Nothing is open.');
    return this.#current;
  }

  #whileClosed<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (this.#current !== undefined) throw new TypeError('The disk is in use.');
    return work();
  }
}
