const hourMs = 60 * 60_000;

/** In milliseconds. Moments on disk: they pass while no process runs, too. */
export const delays = {
  /** How long a missing document is waited for. */
  documentTimeLimit: 5 * 24 * hourMs,
  /** How long a possible match waits before it is escalated. */
  decisionTimeLimit: 8 * hourMs,
  /** How long a merchant who is live may take to log in before the follow-up email is sent. */
  followUpDelay: 24 * hourMs,
};
