/**
 * Mistakes an engine like this could make, put in from outside for as long as a test wants them. A simulation that does not
 * find each of them would not find their like in the code either.
 */
import { markChange, pendingIn } from '../../src/kernel/activities-in-record.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { Store, StoreBatch, StoredActor } from '../../src/kernel/ports.ts';
import { changedStore } from '../support/changed-store.ts';
import { ViewRegistry } from '../../src/runtime/committed-view.ts';
import { isClosed } from '../../src/kernel/record.ts';
import { Tree } from '../../src/kernel/tree.ts';
import { ActivityRunner } from '../../src/runtime/activity-runner.ts';
import { Admission } from '../../src/runtime/admission.ts';
import { Performer } from '../../src/runtime/performer.ts';
import type { Step } from '../../src/kernel/step.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { TimerQueue } from '../../src/runtime/timer-queue.ts';
import { seams } from './disk.ts';
import type { Profile } from './profile.ts';

export type Undo = () => void;

export interface PlantedFault {
  /** What a runtime with it does. */
  readonly name: string;
  /** Breaks no rule within one run. */
  readonly isOnlySeenTwice?: boolean;
  /** Worlds in which it can be seen at all. */
  readonly world?: Partial<Profile>;
  plant(): Undo;
}

/** Replaces one method of a class; `make` is given the one it replaces. */
export function patch<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  make: (original: Target[Name]) => Target[Name],
): Undo {
  const original = target[name];
  target[name] = make(original);
  return () => {
    target[name] = original;
  };
}

/** Puts a layer between the runtime and its store. */
export function patchStore(change: (store: Store) => Partial<Store>): Undo {
  return patch(seams, 'store', () => (store) => changedStore(store, change(store)));
}

export function patchActors(change: (stored: StoredActor) => StoredActor): Undo {
  return patchStore((store) => ({
    readTree: async (root, closedMax) => {
      const stored = await store.readTree(root, closedMax);
      return stored && { ...stored, root: change(stored.root), others: stored.others.map(change) };
    },
  }));
}

/** Changes batches on their way to the disk. */
export function patchBatches(change: (batch: StoreBatch) => StoreBatch): Undo {
  return patchStore((store) => ({ write: async (batch) => store.write(change(batch)) }));
}

/** Changes steps after they were decided, on their way to the disk and to memory. */
export function patchSteps(change: (step: Step, before: Step['actor'] | undefined) => Step): Undo {
  const befores = new WeakMap<Commit, Step['actor']>();
  const undoPut = patch(
    Tree.prototype,
    'put',
    (put) =>
      function (this: Tree, commit, actor) {
        const before = this.get(actor.record.address.path);
        if (before !== undefined) befores.set(commit, before);
        put.call(this, commit, actor);
      },
  );
  const undoCommit = patch(
    Supervisor.prototype,
    'commit',
    (commit) =>
      function (this: Supervisor, resident, steps, ...rest) {
        const { tree } = resident;
        const changed = steps.map((step) => {
          const made = change(step, befores.get(step.commit));
          if (tree?.get(step.actor.record.address.path) === step.actor) tree.put(made.commit, made.actor);
          return made;
        });
        commit.call(this, resident, changed, ...rest);
      },
  );
  return () => {
    undoCommit();
    undoPut();
  };
}

function forgetsTooMany({ commit, ...step }: Step): Step {
  if (commit.journalForgotten === undefined) return { commit, ...step };
  const { from, to } = commit.journalForgotten;
  const record = { ...commit.record, journalFrom: to + 2 };
  return { ...step, commit: { ...commit, record, journalForgotten: { from, to: to + 1 } }, actor: { ...step.actor, record } };
}

function keepsForgotten(batch: StoreBatch): StoreBatch {
  return { ...batch, commits: batch.commits.map(({ journalForgotten: _forgotten, ...commit }) => commit) };
}

/** @param isMeant which steps */
export function actsBeforeTheCommit(isMeant: (step: Step) => boolean): Undo {
  let performer: Pick<Performer, 'perform'> | undefined;
  const done = new WeakSet<object>();
  const undoPerform = patch(
    Performer.prototype,
    'perform',
    (perform) =>
      function (this: Performer, commit, actor, latest) {
        performer = { perform: (...step) => perform.call(this, ...step) };
        if (!done.has(commit)) perform.call(this, commit, actor, latest);
      },
  );
  const undoSteps = patchSteps((step) => {
    if (performer === undefined || !isMeant(step)) return step;
    performer.perform(step.commit, step.actor, step.actor);
    done.add(step.commit);
    return step;
  });
  return () => {
    undoSteps();
    undoPerform();
  };
}

/** The actor in memory takes the completion of the same attempt once more. */
function deliversTwice(): Undo {
  const told = new Set<string>();
  const undoDeliver = patch(
    Supervisor.prototype,
    'deliver',
    (deliver) =>
      function (this: Supervisor, address, envelope) {
        deliver.call(this, address, envelope);
        if (envelope.kind === 'attempt-completed') deliver.call(this, address, envelope);
      },
  );
  const undoSteps = patchSteps((step, before) => {
    const { envelope, outcome } = step.commit.journal;
    const row = envelope.kind === 'attempt-completed' && outcome !== 'late' ? before?.activities.get(envelope.n) : undefined;
    if (row === undefined || told.has(row.idempotencyKey)) return step;
    told.add(row.idempotencyKey);
    return { ...step, actor: { ...step.actor, activities: new Map(step.actor.activities).set(row.n, row) } };
  });
  return () => {
    undoSteps();
    undoDeliver();
  };
}

function keepsCompletedRow(step: Step, before: Step['actor'] | undefined): Step {
  const { commit, actor } = step;
  const { envelope, outcome } = commit.journal;
  const row = envelope.kind === 'attempt-completed' && outcome === 'applied' ? before?.activities.get(envelope.n) : undefined;
  if (row === undefined || isClosed(commit.record.status)) return step;
  const isOther = (other: number): boolean => other !== row.n;
  const activitiesRemoved = commit.activitiesRemoved.filter(isOther);
  const activityRowsRemoved = commit.activityRowsRemoved.filter(isOther);
  const kept = { commit: { ...commit, activitiesRemoved, activityRowsRemoved }, actor };
  return withActivities(kept, before, new Map(actor.activities).set(row.n, row));
}

/** The step with other activities pending, as it would have been written. */
function withActivities({ commit, actor }: Step, before: Step['actor'] | undefined, activities: Step['actor']['activities']): Step {
  const record = { ...commit.record, activities: pendingIn(activities) };
  const { activityMark: _, ...unmarked } = commit;
  const activityMark = markChange(before?.record, record);
  return {
    commit: { ...unmarked, record, ...(activityMark === undefined ? {} : { activityMark }) },
    actor: { ...actor, record, activities },
  };
}

function keepsCancelledTimers(step: Step): Step {
  const { commit, actor } = step;
  const { envelope } = commit.journal;
  if (isClosed(commit.record.status)) return step;
  const fired = envelope.kind === 'timer' ? envelope.generation : undefined;
  const kept = commit.timersDisarmed.filter(({ generation }) => generation !== fired);
  const record = { ...commit.record, timers: [...commit.record.timers, ...kept] };
  const timersDisarmed = commit.timersDisarmed.filter(({ generation }) => generation === fired);
  const journal = { ...commit.journal, cancelled: timersDisarmed.map(({ generation }) => generation) };
  return { commit: { ...commit, record, journal, timersDisarmed }, actor: { ...actor, record } };
}

function reopensClosed(step: Step): Step {
  const { commit, actor } = step;
  if (commit.journal.outcome !== 'late' || !isClosed(commit.record.status)) return step;
  const record = { ...commit.record, status: 'failed' as const };
  return { commit: { ...commit, record }, actor: { ...actor, record } };
}

function chargesReleased(step: Step, before: Step['actor'] | undefined): Step {
  const { commit, actor } = step;
  if (commit.journal.envelope.kind !== 'attempt-released') return step;
  const activitiesPut = commit.activitiesPut.map((row) => ({ ...row, uncharged: 0 }));
  const activities = new Map([...actor.activities].map(([n, row]) => [n, { ...row, uncharged: 0 }]));
  return withActivities({ commit: { ...commit, activitiesPut }, actor }, before, activities);
}

function driftedBy(step: Step, milliseconds: number): Step {
  const record = { ...step.commit.record, startedAtMs: step.commit.record.startedAtMs + milliseconds };
  return { commit: { ...step.commit, record }, actor: { ...step.actor, record } };
}

function withoutMessage(commit: Commit): Commit {
  const changed: { -readonly [Key in keyof Commit]: Commit[Key] } = { ...commit };
  delete changed.message;
  return changed;
}

function losesContextKey(step: Step): Step {
  const { journal } = step.commit;
  const set = Object.fromEntries(Object.entries(journal.context.set).filter(([key]) => key !== 'outcomes'));
  return journal.sequence === 1
    ? step
    : { ...step, commit: { ...step.commit, journal: { ...journal, context: { ...journal.context, set } } } };
}

/** Holds every twelfth batch back until the next is there. */
function changesPlaces(): Undo {
  let count = 0;
  return patch(seams, 'apply', () => (apply) => {
    let late: Parameters<typeof apply>[0] | undefined;
    return async (operations) => {
      count += 1;
      if (count % 12 === 0 && late === undefined) {
        late = operations;
        return;
      }
      await apply(operations);
      if (late !== undefined) await apply(late);
      late = undefined;
    };
  });
}

function losesBatches(): Undo {
  let count = 0;
  return patch(seams, 'apply', () => (apply) => async (operations) => {
    count += 1;
    if (count % 25 !== 0) await apply(operations);
  });
}

/** What decisions go by says another moment than what is on disk. */
function beginsAfterDeadlines(): Undo {
  const original = Object.getOwnPropertyDescriptor(Tree.prototype, 'root');
  if (original?.get === undefined) throw new TypeError('A tree has no root to look at.');
  const get = function (this: Tree): Step['actor'] {
    const root = original.get?.call(this) as Step['actor'];
    const { deadline } = root.record;
    if (deadline === undefined) return root;
    return { ...root, record: { ...root.record, deadline: { ...deadline, atMs: Infinity } } };
  };
  Object.defineProperty(Tree.prototype, 'root', { ...original, get });
  return () => void Object.defineProperty(Tree.prototype, 'root', original);
}

export const plantedFaults: readonly PlantedFault[] = [
  { name: 'acts before the commit is on disk', plant: () => actsBeforeTheCommit(() => true) },
  {
    name: 'acknowledges before the sync',
    plant: () =>
      patch(
        Supervisor.prototype,
        'commit',
        (commit) =>
          function (this: Supervisor, resident, steps, onCommitted) {
            commit.call(this, resident, steps);
            onCommitted?.();
          },
      ),
  },
  {
    name: 'publishes an uncommitted snapshot',
    plant: () =>
      patch(
        Supervisor.prototype,
        'commit',
        (commit) =>
          function (this: Supervisor, resident, steps, ...rest) {
            commit.call(this, resident, steps, ...rest);
            for (const { actor } of steps) new ViewRegistry().publish(resident.view, actor);
          },
      ),
  },
  { name: 'forgets to remove a completed activity, which runs again', plant: () => patchSteps(keepsCompletedRow) },
  { name: 'delivers an outcome twice', plant: deliversTwice },
  {
    name: 'does not count an attempt lost to a crash',
    plant: () =>
      patchActors(({ activities, ...stored }) => ({
        ...stored,
        activities: activities.map((row) => (row.state === 'running' ? { ...row, state: 'waiting', attempt: row.attempt - 1 } : row)),
      })),
  },
  {
    name: 'runs an at-most-once activity again after a crash',
    plant: () =>
      patchActors(({ activities, ...stored }) => ({
        ...stored,
        activities: activities.map((row) => (row.state === 'running' && row.src === 'once' ? { ...row, state: 'waiting' } : row)),
      })),
  },
  {
    name: 'gives idempotency keys out again after a crash',
    plant: () => patchActors((stored) => ({ ...stored, record: { ...stored.record, counters: { ...stored.record.counters, child: 0 } } })),
  },
  {
    name: 'does not wait for a backoff',
    plant: () =>
      patch(
        Performer.prototype,
        'perform',
        (perform) =>
          function (this: Performer, commit, actor, latest) {
            const atOnce = commit.activitiesPut.map((row) => ({ ...row, nextAttemptAtMs: 0 }));
            perform.call(this, { ...commit, activitiesPut: atOnce }, actor, latest);
          },
      ),
  },
  {
    name: 'begins attempts without a free place',
    plant: () => patch(Admission.prototype, 'take', () => () => true),
  },
  {
    name: 'fires a timer early',
    plant: () =>
      patch(
        TimerQueue.prototype,
        'arm',
        (arm) =>
          function (this: TimerQueue, timer) {
            arm.call(this, { ...timer, dueAtMs: timer.dueAtMs - 300 });
          },
      ),
  },
  { name: 'fires a cancelled timer', plant: () => patchSteps(keepsCancelledTimers) },
  { name: 'loses the timers on reopening', plant: () => patchStore(() => ({ scanTimers: async () => ({ rows: [] }) })) },
  { name: 'applies a repeated message again', plant: () => patchStore(() => ({ readMessage: async () => undefined })) },
  {
    name: 'does not keep message ids',
    plant: () =>
      patchBatches((batch) => ({
        ...batch,
        commits: batch.commits.map((commit) => withoutMessage(commit)),
      })),
  },
  {
    name: 'does not see that an id is taken',
    plant: () => patchStore(() => ({ readLatestRun: () => Promise.resolve(undefined) })),
  },
  {
    name: 'refuses for a reason that is not on disk',
    plant: () => patch(Supervisor.prototype, 'refuse', () => (_, letter, error) => letter.reject(error)),
  },
  { name: 'charges attempts that a close gives back', plant: () => patchSteps(chargesReleased) },
  { name: 'begins attempts after a deadline', plant: beginsAfterDeadlines },
  { name: 'begins attempts while it closes', plant: () => patch(ActivityRunner.prototype, 'shutDown', () => () => Promise.resolve()) },
  { name: 'changes a final state', plant: () => patchSteps(reopensClosed) },
  { name: 'leaves a key out of a context delta', plant: () => patchSteps(losesContextKey) },
  { name: 'forgets a record that the others of a journal are folded from', plant: () => patchSteps(forgetsTooMany) },
  { name: 'forgets of a journal, and not on disk', plant: () => patchBatches(keepsForgotten) },
  { name: 'lets two batches change places', plant: changesPlaces },
  { name: 'loses an acknowledged batch', plant: losesBatches },
  {
    name: 'depends on more than its seed',
    isOnlySeenTwice: true,
    plant: () => patchSteps((step) => driftedBy(step, Math.floor(Math.random() * 2))),
  },
  {
    name: 'takes a rejected write for a good one',
    plant: () => patchStore((store) => ({ write: async (batch) => store.write(batch).catch(() => undefined) })),
  },
];
