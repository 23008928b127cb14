/** Mistakes an engine could make with children, mailboxes, custom actions, callbacks and what people do. */
import type { Commit, Message } from '../../src/kernel/commit.ts';
import type { ActivityRecord } from '../../src/kernel/record.ts';
import type { MailRecord } from '../../src/kernel/mail-record.ts';
import type { Step } from '../../src/kernel/step.ts';
import { Tree } from '../../src/kernel/tree.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { VolatileRunner } from '../../src/runtime/volatile-runner.ts';
import type { PlantedFault, Undo } from './planted-faults.ts';
import { patch, patchActors, patchSteps, patchStore } from './planted-faults.ts';

function withMessages(step: Step, change: (messages: readonly Message[]) => readonly Message[]): Step {
  return { ...step, commit: { ...step.commit, messages: change(step.commit.messages) } };
}

function withoutHandingOver({ isHandedOver: _handedOver, ...row }: ActivityRecord): ActivityRecord {
  return row;
}

/** The row stays, in memory as on disk. */
function keepsMail(step: Step, before: Step['actor'] | undefined): Step {
  const queued = before?.record.queued;
  if (step.commit.mailRemoved.length !== 1 || queued === undefined) return step;
  const record = { ...step.commit.record, queued };
  return { commit: { ...step.commit, record, mailRemoved: [] }, actor: { ...step.actor, record } };
}

/** What is left of the unit of a row comes last instead of in the place of that row. */
function putsLeftBehind(step: Step): Step {
  const [row] = step.commit.mailPut;
  const { mail = 0, ...others } = step.commit.record.counters;
  if (row === undefined || row.n === mail) return step;
  const n = mail + 1;
  const record = { ...step.commit.record, counters: { ...others, mail: n } };
  const journal = { ...step.commit.journal, mail: n };
  return { commit: { ...step.commit, record, journal, mailPut: [{ ...row, n }] }, actor: { ...step.actor, record } };
}

function saysBackwards({ rest, ...row }: MailRecord): MailRecord {
  return rest === undefined ? row : { ...row, rest: rest.map((busy) => ({ ...busy, says: busy.says.toReversed() })) };
}

function hearsBackwards({ rest, ...row }: MailRecord): MailRecord {
  return rest === undefined ? row : { ...row, rest: rest.map((busy) => ({ ...busy, hears: busy.hears.toReversed() })) };
}

function changesMail(change: (row: MailRecord) => MailRecord): () => Undo {
  return () => patchStore((store) => ({ readMailbox: async (...range) => (await store.readMailbox(...range)).map(change) }));
}

function dropsActions(step: Step, before: Step['actor'] | undefined): Step {
  const { commit, actor } = step;
  const dropped = commit.activitiesPut.find(({ n, kind }) => kind === 'actions' && before?.activities.has(n) !== true);
  if (dropped === undefined) return step;
  const isOther = ({ n }: { readonly n: number }): boolean => n !== dropped.n;
  const record = { ...commit.record, activities: commit.record.activities.filter(isOther) };
  const effects = commit.effects.filter((effect) => !('n' in effect) || isOther(effect));
  const activities = new Map([...actor.activities].filter(([n]) => n !== dropped.n));
  return {
    commit: { ...commit, record, effects, activitiesPut: commit.activitiesPut.filter(isOther) },
    actor: { ...actor, record, activities },
  };
}

/** What has to wait for the step before begins. */
function beginsActions(step: Step): Step {
  const { commit, actor } = step;
  const early = commit.activitiesPut.find(({ kind, state, attempt }) => kind === 'actions' && state === 'waiting' && attempt === 0);
  if (early === undefined) return step;
  const { n, src, input, idempotencyKey } = early;
  const row: ActivityRecord = { ...early, state: 'running', attempt: 1, attemptStartedAtMs: commit.journal.atMs };
  const activitiesPut = commit.activitiesPut.map((other) => (other.n === n ? row : other));
  const effects: Commit['effects'] = [...commit.effects, { kind: 'run-attempt', n, src, attempt: 1, input, idempotencyKey }];
  return { commit: { ...commit, activitiesPut, effects }, actor: { ...actor, activities: new Map(actor.activities).set(n, row) } };
}

function forgetsTheRequest(step: Step): Step {
  const { commit, actor } = step;
  if (commit.journal.envelope.kind !== 'cancel') return step;
  const { cancelRequested: _, ...record } = commit.record;
  return { commit: { ...commit, record }, actor: { ...actor, record } };
}

function goesOnPaused(step: Step): Step {
  if (step.commit.journal.envelope.kind !== 'pause') return step;
  return { ...step, actor: { ...step.actor, record: { ...step.actor.record, status: 'running' } } };
}

export const plantedFaultsOfTrees: readonly PlantedFault[] = [
  {
    name: 'tells the end of a child twice',
    plant: () =>
      patchSteps((step) => withMessages(step, (all) => all.flatMap((one) => (one.envelope.kind === 'child-done' ? [one, one] : [one])))),
  },
  {
    name: 'tells the parent of the end of a child that was let go',
    plant: () =>
      patchSteps((step) =>
        withMessages(step, (all) =>
          all.map(({ to, envelope }) => {
            return { to, envelope: envelope.kind === 'child-gone' ? { kind: 'child-done', n: envelope.n, output: null } : envelope };
          }),
        ),
      ),
  },
  {
    name: 'loses what waits in the mailbox for a child',
    plant: () =>
      patchStore((store) => ({
        readMailbox: async (root, limit) => {
          const rows = await store.readMailbox(root, limit);
          return rows.map((row) => (row.to.length > 0 && row.envelope.kind === 'message' ? { ...row, to: [9_999] } : row));
        },
      })),
  },
  {
    name: 'leaves a child running after the end of its parent',
    plant: () =>
      patch(
        Supervisor.prototype,
        'commit',
        (commit) =>
          function (this: Supervisor, resident, steps, ...rest) {
            commit.call(
              this,
              resident,
              steps.filter((step) => step.commit.journal.envelope.kind !== 'stop'),
              ...rest,
            );
          },
      ),
  },
  {
    name: 'applies mail in another order',
    plant: () => patchStore((store) => ({ readMailbox: async (root, limit) => [...(await store.readMailbox(root, limit))].reverse() })),
  },
  { name: 'puts what is left of a unit behind what waits', plant: () => patchSteps(putsLeftBehind) },
  { name: 'says what is left of a step in another order', plant: changesMail(saysBackwards) },
  { name: 'hears what was said during a step in another order', plant: changesMail(hearsBackwards) },
  { name: 'applies mail twice', plant: () => patchSteps(keepsMail) },
  { name: 'drops custom actions', plant: () => patchSteps(dropsActions) },
  { name: 'runs the custom actions of two steps at once', plant: () => patchSteps(beginsActions) },
  { name: 'forgets which runs a deleted id had', plant: () => patchStore(() => ({ readTombstone: () => Promise.resolve(undefined) })) },
  {
    name: 'counts an attempt that was handed over as lost',
    plant: () => patchActors((stored) => ({ ...stored, activities: stored.activities.map(withoutHandingOver) })),
  },
  { name: 'asks a chart to cancel again', plant: () => patchSteps(forgetsTheRequest) },
  { name: 'lets a paused workflow go on', plant: () => patchSteps(goesOnPaused) },
  { name: 'does not stop callbacks', plant: () => patch(VolatileRunner.prototype, 'stop', () => () => undefined) },
  {
    name: 'takes up what is not on disk yet',
    plant: () =>
      patch(
        Tree.prototype,
        'shown',
        () =>
          function (this: Tree) {
            return this.actors();
          },
      ),
  },
];
