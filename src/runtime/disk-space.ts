/** How much room the store has. */
export interface DiskSpace {
  /** Free bytes when last looked, if fewer than starts need. Answers at once. */
  shortage(): { readonly freeBytes: number; readonly floorBytes: number } | undefined;
}
