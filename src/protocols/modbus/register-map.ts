import type { Unit } from '../../model/index.js'

/**
 * How the words of a register are a value. `s` is two's complement, `f` IEEE 754, `bcd` four digits a word; `bits` is a word of flags,
 * and what functions 1 and 2 bring.
 */
export const valueTypes = ['u16', 's16', 'u32', 's32', 'u64', 's64', 'f32', 'f64', 'bcd', 'bits'] as const
export type ValueType = (typeof valueTypes)[number]

/** Which word of a longer value stands at the lower address. Inside a word the high byte is always first. */
export const wordOrders = ['high-first', 'low-first'] as const
export type WordOrder = (typeof wordOrders)[number]

/** The functions that read: coils, discrete inputs, holding registers, input registers. */
export const readFunctions = [1, 2, 3, 4] as const
export type ReadFunction = (typeof readFunctions)[number]

/**
 * The registers of one make of device, as data: a YAML document has these keys, those with a default may be left out there.
 * `parseModbusMap` makes this of such a document.
 */
export interface ModbusMap {
  /** Of the device: `modbus-rtu:NAME` is the protocol's name in settings. */
  readonly name: string
  /** Most words of one request, for devices that take fewer than the standard's 125. */
  readonly wordsMax: number
  /** Words (bits) nobody asked for that are read along to join two registers into one request; 0: only neighbours are joined. */
  readonly gapMax: number
  readonly registers: readonly ModbusRegister[]
}

/** One item: a value, or as many values of the same type one after the other as its `count` holds (three phases). */
export interface ModbusRegister {
  /** What profiles name it by. */
  readonly code: string
  readonly name: string
  readonly function: ReadFunction
  /** As on the wire, from 0: what manuals call 40001 is function 3, address 0. */
  readonly address: number
  /** Words of functions 3 and 4, bits of functions 1 and 2. */
  readonly count: number
  readonly type: ValueType
  readonly wordOrder: WordOrder
  /** Integers: value = raw × factor × 10^exponent. Floats: value = raw × factor, kept to 10^exponent. */
  readonly exponent: number
  /** Decimal text, as a binary fraction would not be exact. */
  readonly factor: string
  readonly unit: Unit
  /** Raw values that mean "not available": `0xFFFF`, in the value's own width, high word first. NaN means it as well. */
  readonly invalid: readonly string[]
  /** Names of flags, lowest first; an empty one has none. */
  readonly bits: readonly string[]
}

/** Limits of a map; what goes beyond is refused when the map is read. */
export const registersMax = 512
export const codeLengthMax = 32
export const nameLengthMax = 48
export const gapWordsMax = 124
export const exponentMax = 9
export const bcdWordsMax = 4
export const markersMax = 8

/** Words of one value; null: the whole register is one value. */
export function wordsOfType(type: ValueType): number | null {
  switch (type) {
    case 'u16':
    case 's16':
      return 1
    case 'u32':
    case 's32':
    case 'f32':
      return 2
    case 'u64':
    case 's64':
    case 'f64':
      return 4
    case 'bcd':
    case 'bits':
      return null
  }
}

/** Whether a register's values are IEEE 754 numbers. */
export function isFloat(type: ValueType): boolean {
  return type === 'f32' || type === 'f64'
}

/** Whether a register is read bit by bit. */
export function isBitRead(register: { readonly function: number }): boolean {
  return register.function === 1 || register.function === 2
}

/** Units by name, as settings write them. */
export const unitNames: readonly Unit[] = [
  'kWh',
  'kvarh',
  'kVAh',
  'kW',
  'kvar',
  'kVA',
  'V',
  'A',
  'Hz',
  '%',
  '°',
  '°C',
  'min',
  's',
  'ms',
  'yuan',
  'yuan/kWh',
  'imp/kWh',
  'imp/kvarh',
  'Ah',
  '',
]
