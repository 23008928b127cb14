/** Plain data, as it is written to disk. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
