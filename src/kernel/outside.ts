/** What code that runs after a commit can reach of the workflow it belongs to. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import { actionsPolicy } from './activity-policy.ts';
import type { Actor } from './actor.ts';
import { sessionIdOf } from './actor.ts';
import type { Address } from './address.ts';
import { pathOf } from './address.ts';
import type { Effect } from './commit.ts';
import type { ActionsInput } from './custom-actions.ts';
import { actionsSource, runActions } from './custom-actions.ts';
import type { StepEnvelope } from './envelope.ts';
import { decodeValue } from './value-decoding.ts';
import { encodePayload } from './value-encoding.ts';
import type { Outside } from './xstate-outside.ts';
import { outsideReferences } from './xstate-outside.ts';

/** Brings an envelope to an actor: the host's part. */
export type Deliver = (address: Address, envelope: StepEnvelope) => void;

/** What an actor's code can send, and to whom. */
export function outsideOf({ record, chart }: Actor, deliver: Deliver): Outside {
  const { address } = record;
  return {
    surroundings: chart.scope.surroundings,
    send: (sessionId, event) => {
      const to = { ...address, path: pathOf(sessionId, address) };
      deliver(to, { kind: 'message', event: encodePayload(event, 'event'), from: address.path });
    },
  };
}

type RunAttempt = Extract<Effect, { kind: 'run-attempt' }>;

/** The code of an attempt, if it is that of an activity: that tells nobody anything but its outcome. */
export function activityOf({ machine }: Actor, { src }: RunAttempt): ActivityDescriptor | undefined {
  return machine.activities.get(src)?.descriptor;
}

/**
 * The code of an attempt: that of an activity, or the custom actions of one step.
 *
 * @throws TypeError if the machine has no such activity: it was checked when the actor was read
 */
export function codeOf(actor: Actor, effect: RunAttempt, deliver: Deliver): ActivityDescriptor {
  const registered = activityOf(actor, effect);
  if (registered !== undefined) return registered;
  if (effect.src !== actionsSource) throw new TypeError(`Activity "${effect.src}" was scheduled without being registered.`);
  const run: ActivityDescriptor['run'] = ({ signal }) => {
    const { references, system } = outsideReferences(outsideOf(actor, deliver));
    const self = references(sessionIdOf(actor.record.address), actor.chart.scope.self.id);
    return runActions(decodeValue(effect.input, references) as ActionsInput, actor.machine.actions, { self, system }, signal);
  };
  return { ...actionsPolicy, kind: 'activity', name: undefined, run };
}
