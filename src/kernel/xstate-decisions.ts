/** The states of a chart in which a person decides: those with the tag `needs-decision`. */
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate';

const tag = 'needs-decision';

/** Whether a chart has such a state at all. */
export function needsDecisions(machine: AnyStateMachine): boolean {
  const hasTag = (node: AnyStateNode): boolean => node.tags.includes(tag) || Object.values(node.states).some(hasTag);
  return hasTag(machine.root);
}

/** Those it is in, as paths such as `review.legal`; a dot or a backslash in the name of a state has a backslash before it. */
export function statesToDecide(snapshot: AnyMachineSnapshot): readonly string[] {
  const nodes = snapshot._nodes as readonly Pick<AnyStateNode, 'id' | 'path' | 'tags'>[];
  return nodes.filter(({ tags }) => tags.includes(tag)).map(({ id, path }) => (path.length === 0 ? id : path.map(escaped).join('.')));
}

function escaped(name: string): string {
  return name.replace(/[\\.]/g, String.raw`\$&`);
}
