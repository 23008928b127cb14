/** A chart's state value as people read it: the name of the state, with those of the states in it; several at once with commas. */
export function stateText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([state, inner]) => (isEmpty(inner) ? state : `${state}.${stateText(inner)}`))
    .join(', ');
}

function isEmpty(inner: unknown): boolean {
  return typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0;
}
