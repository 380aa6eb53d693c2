import { fail, meterAddress, ok } from '../../model/index.js'
import type { InputError, MeterAddress, Result } from '../../model/index.js'
import type { MeterProtocol } from '../../ports/index.js'
import { addressMax } from './codec.js'
import { parseModbusMap } from './map-check.js'
import { readRegisters } from './read-session.js'
import type { ModbusMap } from './register-map.js'
import { anyFrameScanner } from './scanner.js'

/** The name by which settings name devices of a map: `modbus-rtu:NAME`. */
export const modbusProtocolName = (map: Pick<ModbusMap, 'name'>): string => `modbus-rtu:${map.name}`

/**
 * Modbus RTU, the master's side, for devices of one map. Registers are the map's codes, addresses 1 to 247 in decimal digits.
 *
 * @throws RangeError when the map is none; one that comes from a file is read by `parseModbusMap` before
 */
export function modbusProtocol(map: ModbusMap): MeterProtocol {
  const checked = parseModbusMap(map)
  if (!checked.ok) {
    const problems = checked.error.map(({ at, message }) => `${at} ${message}`).join('; ')
    throw new RangeError(`the register map is none: ${problems}`)
  }
  const codes = new Set(map.registers.map(({ code }) => code))
  return {
    name: modbusProtocolName(map),
    read: (plan) => readRegisters(checked.value, plan),
    checkRegister: (register) => (codes.has(register) ? ok(register) : fail(unknownRegister(map))),
    checkAddress,
    scanner: () => anyFrameScanner,
  }
}

/** An address of one device, 1 to 247, in decimal digits; leading zeros are taken off. */
export function checkAddress(address: string): Result<MeterAddress, InputError> {
  const number = /^\d{1,12}$/.test(address) ? Number(address) : Number.NaN
  if (number >= 1 && number <= addressMax) return ok(meterAddress(String(number)))
  return fail({ code: 'bad-address', at: 'address', message: `expected a number from 1 to ${addressMax}` })
}

const codesShown = 8

function unknownRegister({ name, registers }: ModbusMap): InputError {
  const first = registers.slice(0, codesShown).map(({ code }) => code)
  const shown = registers.length > codesShown ? [...first, '…'] : first
  return { code: 'bad-register', at: 'register', message: `expected a code of the map ${name}: ${shown.join(', ')}` }
}
