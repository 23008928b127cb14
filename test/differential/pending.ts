/** Cases that the runtime does not do yet, by title. To end empty. */
export const pendingTitles: ReadonlySet<string> = new Set<string>([]);

/** Cases that it does as long as no process dies. To end empty. */
export const pendingAfterCrashes: ReadonlySet<string> = new Set<string>([]);
