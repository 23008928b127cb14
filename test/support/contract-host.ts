/** What the contract suite asks of a host, whatever it is built of. */
import type { AnyStateMachine, EventFromLogic, OutputFrom, SnapshotFrom } from 'xstate';
import type {
  HistoryEntry,
  OnDefinitionChange,
  Runtime,
  RuntimeHealth,
  SendOptions,
  SendResult,
  SignalWithStartOptions,
  StartOptions,
  WorkflowDescription,
} from 'perdure';
import type { Fate } from './life.ts';
import type { VirtualClock } from './virtual-clock.ts';

export const backendNames = ['local on memory', 'local on LevelDB', 'second host'] as const;
export type BackendName = (typeof backendNames)[number];

export interface ContractHandle<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly id: string;
  send(event: EventFromLogic<Machine>, options?: SendOptions): Promise<SendResult>;
  getSnapshot(): SnapshotFrom<Machine>;
  subscribe(observer: (snapshot: SnapshotFrom<Machine>) => void): { unsubscribe(): void };
  result(): Promise<OutputFrom<Machine>>;
}

/** The part of a runtime that the contract speaks of. */
export interface ContractRuntime extends Pick<
  Runtime,
  | 'send'
  | 'activities'
  | 'update'
  | 'pause'
  | 'resume'
  | 'unpark'
  | 'cancel'
  | 'terminate'
  | 'delete'
  | 'list'
  | 'count'
  | 'queue'
  | 'results'
> {
  signalWithStart<Machine extends AnyStateMachine>(
    machine: Machine,
    options: SignalWithStartOptions<Machine>,
  ): Promise<{ readonly handle: ContractHandle<Machine>; readonly sent: SendResult }>;
  start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<ContractHandle<Machine>>;
  get<Machine extends AnyStateMachine>(id: string): Promise<ContractHandle<Machine>>;
  describe(id: string): Promise<WorkflowDescription>;
  history(id: string): Promise<readonly HistoryEntry[]>;
  health(): Pick<RuntimeHealth, 'state' | 'versionMissing'>;
  close(): Promise<void>;
}

/** What can be harmed on disk: the last record of a journal or one in its middle is gone, an activity's or a mailbox's row is, or a row is unreadable; `definition`: what is stored of machines is gone. */
export type Harm =
  'record' | 'journal end' | 'journal middle' | 'activity' | 'activity gone' | 'mail' | 'mail gone' | 'timer' | 'definition';

export interface ContractHost {
  readonly clock: VirtualClock;
  /** Begins a new life on what is on disk. The one before has to be over; it is, too, if this is refused. */
  open(machines: readonly AnyStateMachine[], onDefinitionChange?: OnDefinitionChange): Promise<ContractRuntime>;
  /** The process dies: nothing of it is heard or written any more; what is on disk stays. */
  crash(fate?: Fate): Promise<void>;
  /** Ends the life in good order. */
  close(): Promise<void>;
  /** The disk answers the next write with an error; whether it was `lost` or `kept` nobody is told. */
  refuseNextWrite(fate: Fate): void;
  /** Whether lives opened from now on keep a boot journal. */
  countsDeaths: boolean;
  /** Keeps writes back in front of the disk from now on. */
  holdWrites(): void;
  /** Lets them go. */
  releaseWrites(): void;
  /** How many writes are kept back. */
  readonly heldWrites: number;
  /** Resolves when everything has happened that happens without somebody sending, answering an activity, or moving the clock. */
  settled(): Promise<void>;
  /** Everything on disk, as text, while nothing is open. */
  stored(): Promise<string>;
  /** Workflow ids in the order of the disk, while nothing is open. */
  storedIds(): Promise<string[]>;
  /** Harms what is on disk of the first run of a workflow, while nothing is open. */
  harm(id: string, harm: Harm): Promise<void>;
}
