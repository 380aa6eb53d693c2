import type { InputError, MeterAddress, Result } from '../../model/index.js'
import { checkAddress as checkPlainAddress, checkReadAddress, hasWildcard } from '../dlt645/address.js'

/**
 * An address as people write it, for one meter: up to 12 digits, filled with 0 on the left.
 *
 * Some makers fill short addresses with AA at the high end instead (facts, first table): such an address is taken when it is given
 * with all its 12 digits. A meter that takes AA for a wildcard answers to it as well, so its low digits must be its own on the bus.
 */
export function checkAddress(address: string): Result<MeterAddress, InputError> {
  const checked = checkReadAddress(address)
  if (!checked.ok || !hasWildcard(checked.value)) return checked
  return /^(?:AA)+(?:(?!AA)..)+$/.test(checked.value) ? checked : checkPlainAddress(address)
}
