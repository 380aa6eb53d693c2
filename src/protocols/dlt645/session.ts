import type { MeterProtocol } from '../../ports/index.js'
import { checkAddress } from './address.js'
import { findMeter, readClock, setClock } from './clock-session.js'
import { speakerOf } from './codec.js'
import { readRegisters } from './read-session.js'
import { checkRegister } from './register-table.js'
import { orderRelay, relayState } from './relay-session.js'
import { anyFrameScanner } from './scanner.js'
import { addressSearch } from './search-session.js'

/** DL/T 645-2007, the master's side. Registers are written as eight hexadecimal digits, high byte first: `00010000`. */
export const dlt645 = {
  name: 'dlt645-2007',
  read: readRegisters,
  checkRegister,
  checkAddress,
  relay: { order: orderRelay, state: relayState },
  clock: { read: readClock, broadcast: setClock },
  search: addressSearch,
  find: findMeter,
  speakerOf,
  scanner: () => anyFrameScanner,
} satisfies MeterProtocol
