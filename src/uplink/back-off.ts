/** When to try again: full jitter, so that a fleet that lost its broker together does not return together. */
export interface BackOffSettings {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * @param failures rounds that failed in a row, 0 for the first
 * @param random in [0, 1)
 */
export function backOffMs(settings: BackOffSettings, failures: number, random: number): number {
  const ceiling = Math.min(settings.maxMs, settings.firstMs * 2 ** Math.min(failures, 30))
  return random * ceiling
}
