/** Access results by number (facts §2.4); the names are the facts page's, without blanks. */
const names = [
  'ok',
  'hardware',
  'temporarily-unavailable',
  'read-write-denied',
  'object-undefined',
  'class-mismatch',
  'object-does-not-exist',
  'type-mismatch',
  'out-of-range',
  'block-unavailable',
  'segmented-transfer-cancelled',
  'not-in-segmented-state',
  'block-write-cancelled',
  'no-block-write',
  'bad-block-number',
  'unauthorised',
  'baud-not-changeable',
  'too-many-zones',
  'too-many-periods',
  'too-many-tariffs',
  'security-mismatch',
  'repeated-recharge',
  'esam-check-failed',
  'authentication-failed',
  'customer-number',
  'recharge-count',
  'over-hoarding-limit',
  'address',
  'symmetric-decryption',
  'asymmetric-decryption',
  'signature',
  'meter-suspended',
  'time-tag-invalid',
  'request-timed-out',
  'esam-p1p2',
  'esam-lc',
] as const
const otherDar = 255

/** The access result that means success. */
export const darOk = 0

/** The name of an access result; `dar-n` when the standard has none. */
export function darName(dar: number): string {
  return dar === otherDar ? 'other' : (names[dar] ?? `dar-${dar}`)
}

/**
 * Whether the meter may want the request with a random number, a MAC or enciphered (facts §3): it names security, or denies what is
 * asked in plain form. 3 and 15 may have other reasons too, but none that would pass by itself.
 */
export function mayWantSecurity(dar: number): boolean {
  return securityDars.has(dar)
}

/** Whether asking again later is of no use: the object or the right to it is missing, and that stays so. */
export function isFinalDar(dar: number): boolean {
  return finalDars.has(dar) || securityDars.has(dar)
}

const securityDars: ReadonlySet<number> = new Set([3, 15, 20, 22, 23, 28, 29, 30, 34, 35])
const finalDars: ReadonlySet<number> = new Set([4, 5, 6, 7, 8])

/** Whether the object itself is unknown to the meter: real meters answered 4 and 6 for the same absent object (facts §2.4). */
export function isAbsentObject(dar: number): boolean {
  return dar === 4 || dar === 6
}

/** What ERROR-Response says (own knowledge). */
export function errorName(error: number): string {
  return errorNames.get(error) ?? `error-${error}`
}

const errorNames: ReadonlyMap<number, string> = new Map([
  [1, 'apdu-not-understood'],
  [2, 'service-not-supported'],
  [255, 'other'],
])
