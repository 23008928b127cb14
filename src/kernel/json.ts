/** Plain data, as it is written to disk. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** About the length of the value as text: strings as they are, and a little for everything else. */
export function roughSize(json: Json): number {
  if (typeof json === 'string') return json.length + 2;
  if (json === null || typeof json !== 'object') return 6;
  let size = 2;
  if (Array.isArray(json)) for (const item of json as readonly Json[]) size += roughSize(item);
  else for (const key of Object.keys(json)) size += key.length + 4 + roughSize((json as { readonly [key: string]: Json })[key] ?? null);
  return size;
}
