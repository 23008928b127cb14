/** One merchant to be worked on: a row of the merchants file, or an invented one. */
export interface Merchant {
  /** Identifier, unique in its file; 1 to 255 bytes of UTF-8. */
  readonly id: string;
  /** Trading name, in any script; never empty. */
  readonly name: string;
  /** Country code or name as the file has it; empty when the file has no such column. */
  readonly country: string;
  /** Name of the owner, in any script; empty when the file has no such column. */
  readonly owner: string;
  /** Mail address as the file has it (not checked); empty when the file has no such column. */
  readonly email: string;
}

/** The columns of a merchants file, in the order in which they are written. */
export const MERCHANT_COLUMNS = ['id', 'name', 'country', 'owner', 'email'] as const satisfies readonly (keyof Merchant)[];
