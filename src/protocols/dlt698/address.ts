import { fail, meterAddress, ok } from '../../model/index.js'
import type { InputError, MeterAddress, Result } from '../../model/index.js'
import { bytesOf, hexOf, reversed } from '../wire/bytes.js'
import { nth } from './bytes.js'

/** How an address is meant, bits 7 and 6 of its flags (facts §1). */
export const addressKinds = ['single', 'wildcard', 'group', 'broadcast'] as const
export type AddressKind = (typeof addressKinds)[number]

/** A server's address: who is asked, or who answers. */
export interface ServerAddress {
  readonly kind: AddressKind
  /** Logical device within the meter, 0 to 3. */
  readonly logical: number
  /** 2 to 32 hexadecimal digits as displayed; a digit A of a wildcard matches anything. */
  readonly digits: string
}

/** Every server on the line; nobody answers (facts §1: flags C0H, address AA). */
export const broadcastServer: ServerAddress = { kind: 'broadcast', logical: 0, digits: 'AA' }
/** Whichever meter is connected, point to point; the answer carries the real address (facts §3). */
export const wildcardAddress = meterAddress('AAAAAAAAAAAA')

/** The bytes SA: flags, then the address, low byte first. @throws RangeError for an address that has no such form */
export function serverBytes({ kind, logical, digits }: ServerAddress): Uint8Array {
  if (!/^(?:[0-9A-Fa-f]{2}){1,16}$/.test(digits)) throw new RangeError('an address has 2 to 32 hexadecimal digits, in pairs')
  if (!Number.isInteger(logical) || logical < 0 || logical > 3) throw new RangeError('a logical address is 0 to 3')
  const flags = (addressKinds.indexOf(kind) << 6) | (logical << 4) | (digits.length / 2 - 1)
  return Uint8Array.of(flags, ...reversed(bytesOf(digits)))
}

/** Reads SA from its flags byte and the bytes behind it. */
export function readServer(flags: number, address: Uint8Array): ServerAddress {
  return { kind: nth(addressKinds, (flags >> 6) & 3), logical: (flags >> 4) & 3, digits: hexOf(reversed(address)) }
}

/** Bytes of the address that a flags byte announces. */
export function addressLength(flags: number): number {
  return (flags & 0x0f) + 1
}

/** One meter, or any that fits where digits are A: those must be sent as a wildcard, or the meter stays silent (facts §5.5). */
export function serverOf(address: string): ServerAddress {
  return { kind: hasWildcard(address) ? 'wildcard' : 'single', logical: 0, digits: address }
}

/** Whether a meter of address `own` is meant by `asked`: each digit A of `asked` matches anything. */
export function addressMatches(asked: string, own: string): boolean {
  if (asked.length !== own.length) return false
  return Array.from(asked.toUpperCase()).every((digit, index) => digit === 'A' || digit === own.charAt(index).toUpperCase())
}

/** Whether an address holds a digit A, so that more than one meter may answer to it. */
export function hasWildcard(address: string): boolean {
  return /A/i.test(address)
}

/**
 * An address as people write it, for one meter: up to 12 decimal digits, filled with 0 on the left, or an even number of them up to
 * 32. Wildcards are refused: a reading or an order is for one meter.
 */
export function checkAddress(address: string): Result<MeterAddress, InputError> {
  if (hasWildcard(address)) return refuse('wildcard-address', 'an address with A in it may mean several meters; give all digits')
  return checkReadAddress(address)
}

/** As `checkAddress`, but digits A are allowed: for a technician who reads the only meter on a line. */
export function checkReadAddress(address: string): Result<MeterAddress, InputError> {
  const digits = address.toUpperCase().padStart(12, '0')
  if (address !== '' && /^[0-9A]{12}(?:[0-9A]{2}){0,10}$/.test(digits)) return ok(meterAddress(digits))
  return refuse('bad-address', 'expected 1 to 12 digits as printed on the meter, or an even number up to 32')
}

const refuse = (code: string, message: string) => fail({ code, at: 'address', message })
