import type { MeterProtocol } from '../../ports/index.js'
import { checkAddress } from './address.js'
import { findMeter, readClock, setClock } from './clock-session.js'
import { checkRegister } from './notation.js'
import { readRegisters } from './read-session.js'
import { orderRelay, relayState } from './relay-session.js'
import { meterReport, speakerOf } from './reports.js'
import { anyFrameScanner } from './scanner.js'
import { addressSearch } from './search-session.js'

/**
 * DL/T 698.45, the client's side. A register is an OAD of eight hexadecimal digits, `00100200`, or a record with its columns,
 * `50040200:00100200,00200200`; see `parseRegister`.
 */
export const dlt698 = {
  name: 'dlt698-45',
  read: readRegisters,
  checkRegister,
  checkAddress,
  relay: { order: orderRelay, state: relayState },
  clock: { read: readClock, broadcast: setClock },
  search: addressSearch,
  find: findMeter,
  report: meterReport,
  speakerOf,
  scanner: () => anyFrameScanner,
} satisfies MeterProtocol
