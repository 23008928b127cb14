/** A chart's state value as people read it: the name of the state, or of the states, if there are several at once. */
export function stateText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
