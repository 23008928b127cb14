/** What a call throws; a call that returns fails the test. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('It was expected to throw, and did not.');
}
