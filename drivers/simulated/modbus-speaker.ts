import {
  broadcastAddress,
  requestScanner,
  serveFrame,
  type DeviceMemory,
  type ModbusMap,
  type ModbusRegister,
} from '../../src/protocols/modbus/index.js'
import { registerBits, registerWords } from './modbus-values.js'
import { ignored, several, type Heard, type MeterBody, type MeterLanguage, type MeterSpeaker } from './speaker.js'

/** How the names of protocols of Modbus devices begin; the name of their map follows. */
export const modbusPrefix = 'modbus-rtu:'

/** Modbus RTU from the devices' side: what a map describes can be read, and nothing can be written. */
export const modbusLanguage: MeterLanguage = {
  protocol: modbusPrefix,
  addressee: (request) => {
    const [address] = request
    if (address === undefined || requestScanner(request).kind !== 'frame') return null
    return address === broadcastAddress ? several : String(address)
  },
  scanner: requestScanner,
  speaker: (body) => new ModbusSpeaker(body),
}

class ModbusSpeaker implements MeterSpeaker {
  readonly #body: MeterBody
  readonly #map: ModbusMap

  constructor(body: MeterBody) {
    const { modbusMap } = body.options
    if (modbusMap === undefined) throw new RangeError(`the device ${body.address} has no register map`)
    this.#body = body
    this.#map = modbusMap
  }

  hear(bytes: Uint8Array, trueMs: number): Heard {
    const own = Number(this.#body.address)
    if (bytes[0] !== own && bytes[0] !== broadcastAddress) return ignored
    this.#body.advance(trueMs)
    const { reply } = serveFrame(own, bytes, this.#memory())
    return reply === null ? ignored : { kind: 'answered', bytes: reply }
  }

  unasked(): null {
    return null
  }

  #memory(): DeviceMemory {
    const words = (code: 3 | 4) =>
      this.#lookUp<number>(
        (register) => register.function === code,
        (register) => registerWords(this.#body, register),
      )
    const flags = (code: 1 | 2) =>
      this.#lookUp<boolean>(
        (register) => register.function === code,
        (register) => registerBits(this.#body, register),
      )
    return { coil: flags(1), input: flags(2), holding: words(3), inputRegister: words(4) }
  }

  /** Registers are worked out when they are asked for: a request reaches a few of them only. */
  #lookUp<T>(
    isOf: (register: ModbusRegister) => boolean,
    read: (register: ModbusRegister) => readonly T[],
  ): (address: number) => T | null {
    const known = new Map<ModbusRegister, readonly T[]>()
    return (address) => {
      const register = this.#map.registers.find(
        (each) => isOf(each) && address >= each.address && address < each.address + each.count,
      )
      if (register === undefined) return null
      const values = known.get(register) ?? read(register)
      known.set(register, values)
      return values[address - register.address] ?? null
    }
  }
}
