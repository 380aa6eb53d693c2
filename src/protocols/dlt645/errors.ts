import type { FunctionName } from './controls.js'

/** Names of the bits of ERR, lowest first: one byte in D1 D2 D4 D6 D7 D8 D9 DA DB DC (facts §7). */
export const errBits = [
  'other',
  'no-such-data',
  'not-authorised',
  'speed-not-changeable',
  'too-many-year-zones',
  'too-many-day-slots',
  'too-many-tariffs',
  'reserved',
] as const

/** Names of the bits of SERR, lowest first: one or two bytes in C3 (facts §7). Empty names have no meaning in the standard. */
export const serrBits = [
  'other',
  'repeated-recharge',
  'esam-verification-failed',
  'identity-authentication-failed',
  'customer-number-differs',
  'purchase-count-wrong',
  'hoarding-limit-exceeded',
  'address-wrong',
  'suspended',
  '',
  '',
  '',
  '',
  '',
  '',
  'vendor',
] as const

/** Names of the bits of the two-byte word in DC, lowest first: meters from 2013 on (facts §6.8). */
export const relayErrorBits = [
  'suspended',
  'mac-check-failed',
  'not-authorised',
  'authentication-expired',
  'command-expired',
  'refused-protected',
  'auto-restore-refused-protected',
  'auto-restore-time-invalid',
  'auto-restore-refused-tripped',
] as const

/** Names of the bits of the execution word in 9C, lowest first (facts §6.8). 0040 has no meaning in the sources. */
export const executionBits = [
  'close-done',
  'permit-done',
  'trip-direct',
  'trip-delayed',
  'trip-auto-restore',
  'trip-delayed-current',
  '',
  '',
  'protection-on',
  'protection-off',
  'alarm-on',
  'alarm-off',
] as const

/** What a meter's refusal says: its word, low byte first on the wire, and how many bytes it had (0 to 2). */
export interface RefusalWord {
  readonly fn: FunctionName
  readonly word: number
  readonly bytes: number
}

/** Names of the bits that are set; a bit without a name is `bit-n`. */
export function bitNames(word: number, names: readonly string[]): readonly string[] {
  const found: string[] = []
  for (let bit = 0; bit < 32; bit += 1) {
    if ((word >>> bit) & 1) found.push(names[bit] || `bit-${bit}`)
  }
  return found
}

/** The error bits of a refusal by name. DC is ERR with one byte and the relay's own word with two; C3 is SERR in one or two. */
export function refusalNames(refusal: RefusalWord): readonly string[] {
  if (refusal.fn === 'security') return bitNames(refusal.word, serrBits)
  if (refusal.fn === 'relay' && refusal.bytes === 2) return bitNames(refusal.word, relayErrorBits)
  return bitNames(refusal.word, errBits)
}

/**
 * Whether a refused plain relay order means that the meter wants it enciphered (facts §6.4, §6.8).
 *
 * `mac-check-failed` and `authentication-expired` only come from meters with a security chip. `not-authorised` (ERR bit 2, word
 * 0004) is what such a meter says to the plain form, and also what any meter says to a wrong password: the word does not
 * tell them apart, but neither may be tried again by itself, so both count. The names kept beside it let a technician see which word came.
 */
export function needsSecurityChip(refusal: RefusalWord): boolean {
  const names = refusalNames(refusal)
  return ['mac-check-failed', 'authentication-expired', 'not-authorised'].some((name) => names.includes(name))
}
