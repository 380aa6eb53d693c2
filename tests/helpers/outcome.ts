import type { Result } from '../../src/model/index.js'

/** The value of an outcome that a test relies on; anything else ends the test with what went wrong. */
export function valueOf<T, E>(result: Result<T, E>): T {
  if (result.ok) return result.value
  throw new Error(`expected a value, got ${JSON.stringify(result.error)}`)
}
