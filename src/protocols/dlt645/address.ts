import { fail, meterAddress, ok } from '../../model/index.js'
import type { InputError, MeterAddress, Result } from '../../model/index.js'
import { bytesOf, hexOf, reversed } from '../wire/bytes.js'

/** Every meter; nobody answers (facts §3). */
export const broadcastAddress = meterAddress('999999999999')
/** Whichever meter is connected, point to point; the answer carries the real address (facts §3). */
export const wildcardAddress = meterAddress('AAAAAAAAAAAA')

/** The six bytes of an address as they go out: lowest byte first. @throws RangeError unless it has 12 hexadecimal digits */
export function addressBytes(address: string): Uint8Array {
  if (!/^[0-9A-Fa-f]{12}$/.test(address)) throw new RangeError('an address has 12 hexadecimal digits')
  return reversed(bytesOf(address))
}

/** The display form, 12 upper-case digits, of six bytes as received. */
export function addressText(bytes: Uint8Array): string {
  return hexOf(reversed(bytes))
}

/** Whether a meter of address `own` is meant by `asked`: each AA byte of `asked` matches anything (shortened addressing). */
export function addressMatches(asked: string, own: string): boolean {
  for (let index = 0; index < 12; index += 2) {
    const pair = asked.slice(index, index + 2).toUpperCase()
    if (pair !== 'AA' && pair !== own.slice(index, index + 2).toUpperCase()) return false
  }
  return true
}

/** Whether an address holds an AA byte, so that more than one meter may answer to it. */
export function hasWildcard(address: string): boolean {
  return /^(?:..)*AA/i.test(address)
}

/**
 * An address as people write it, for one meter: up to 12 digits, filled with 0 on the left. Digits A–F are kept, as
 * meters with them exist. Wildcards and the broadcast address are refused: a reading or an order is for one meter.
 */
export function checkAddress(address: string): Result<MeterAddress, InputError> {
  const checked = checkReadAddress(address)
  if (checked.ok && hasWildcard(checked.value)) {
    return refuse('wildcard-address', 'an address with AA in it may mean several meters; give all 12 digits')
  }
  return checked
}

/** As `checkAddress`, but AA bytes are allowed: for a technician who reads the only meter on a line. */
export function checkReadAddress(address: string): Result<MeterAddress, InputError> {
  if (!/^[0-9A-Fa-f]{1,12}$/.test(address)) return refuse('bad-address', 'expected 1 to 12 digits, as printed on the meter')
  const padded = address.toUpperCase().padStart(12, '0')
  if (padded === broadcastAddress) return refuse('broadcast-address', 'no meter answers to the broadcast address')
  return ok(meterAddress(padded))
}

const refuse = (code: string, message: string) => fail({ code, at: 'address', message })
