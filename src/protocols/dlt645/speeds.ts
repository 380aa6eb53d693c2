/** Speeds by flag, lowest bit first: 02 = 600 baud (facts §6.7). */
const speeds = [600, 1200, 2400, 4800, 9600, 19_200] as const
const firstBit = 1

/** The speed, in baud, that service 17H and the speed words 04000701…705 mean by a flag; null: not exactly one of them. */
export function speedOfFlag(flag: number): number | null {
  return speeds.find((_, index) => flag === 1 << (index + firstBit)) ?? null
}

/** The flag of a speed in baud; null: the standard has no such speed. */
export function flagOfSpeed(baud: number): number | null {
  const index = speeds.findIndex((speed) => speed === baud)
  return index < 0 ? null : 1 << (index + firstBit)
}
