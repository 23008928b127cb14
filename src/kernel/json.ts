/** Plain data, as it is written to disk. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** About the length of the value as text: strings as they are, and a little for everything else. */
export function roughSize(json: Json): number {
  if (typeof json === 'string') return json.length + 2;
  if (json === null || typeof json !== 'object') return 6;
  if (Array.isArray(json)) return json.reduce<number>((size, item: Json) => size + roughSize(item), 2);
  return Object.entries(json).reduce((size, [key, item]) => size + key.length + 4 + roughSize(item), 2);
}
