/** What an `AbortController` does, made when somebody asks for the signal: code that never looks at it need not pay for it. */
import type { AbortReason } from '../kernel/activity-descriptor.ts';

export class AbortHandle {
  #controller: AbortController | undefined;
  /** Why it was aborted; the first reason stays. */
  #reason: AbortReason | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: AbortReason): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }
}
