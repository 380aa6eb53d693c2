import type { MeterProtocol } from '../../ports/index.js'
import { readDateAndTime, sendTime } from '../dlt645/clock-session.js'
import { speakerOf } from '../dlt645/codec.js'
import { anyFrameScanner } from '../dlt645/scanner.js'
import { checkAddress } from './address.js'
import { findMeter } from './find-session.js'
import { readRegister, readRegisters } from './read-session.js'
import { checkRegister } from './register-table.js'
import { addressSearch } from './search-session.js'

/** Date and time, in two answers. */
export const dateRegister = 'C010'
export const timeRegister = 'C011'

/**
 * DL/T 645-1997, the master's side. Registers are written as four hexadecimal digits, high byte first: `9010`. The edition has no
 * relay orders: makers' own codes for them are not documented.
 */
export const dlt645Of1997 = {
  name: 'dlt645-1997',
  read: readRegisters,
  checkRegister,
  checkAddress,
  clock: {
    read: (address, repeats) =>
      readDateAndTime((register) => readRegister(address, { register }, repeats), { date: dateRegister, time: timeRegister }),
    broadcast: sendTime,
  },
  search: addressSearch,
  find: findMeter,
  speakerOf,
  scanner: () => anyFrameScanner,
} satisfies MeterProtocol
