import { encodeWords, isFloat, wordsOfType, type ModbusRegister, type PlainValue } from '../../src/protocols/modbus/index.js'
import { electricalAt, type Electrical, type PhaseValues } from './electrical.js'
import { hash32 } from './random.js'
import type { MeterBody } from './speaker.js'

/**
 * The words of a register, by its code: supply meters, transformer sensors and protection devices as `config/modbus` describes them.
 * A code that is none of theirs, and a phase the device has not, reads as "not available", or 0 where the map has no marker for that.
 */
export function registerWords(body: MeterBody, register: ModbusRegister): readonly number[] {
  const values = valuesOf(body, register)
  try {
    return encodeWords(register, values)
  } catch (error) {
    // A map may give a value too little room: the device shows nothing then.
    if (!(error instanceof RangeError)) throw error
    return new Array<number>(register.count).fill(0)
  }
}

/** The bits of a register of functions 1 and 2, lowest first. */
export function registerBits(body: MeterBody, register: ModbusRegister): readonly boolean[] {
  const flags = flagsOf(body, register.code)
  return Array.from({ length: register.count }, (_, bit) => ((flags >> bit) & 1) === 1)
}

function valuesOf(body: MeterBody, register: ModbusRegister): readonly PlainValue[] {
  if (register.type === 'bits') return [flagsOf(body, register.code).toString(16).padStart(4, '0')]
  const size = wordsOfType(register.type) ?? register.count
  const shown = quantities.get(register.code)?.(body, momentOf(body)) ?? []
  return Array.from({ length: register.count / size }, (_, index) => wholeNumber(register, shown[index]))
}

/** In the register's own integers; what is not there is its marker, or 0. */
function wholeNumber(register: ModbusRegister, value: number | undefined): PlainValue {
  if (value === undefined) return register.invalid.length > 0 || isFloat(register.type) ? null : 0
  const int =
    Math.round(value / 10 ** register.exponent / Number(register.factor)) * (isFloat(register.type) ? 1 : Number(register.factor))
  return register.type.startsWith('u') ? Math.max(0, int) : int
}

function momentOf({ options, physics, clock }: MeterBody): Electrical {
  return electricalAt(options.point, clock.localAt(physics.at), physics.watts, physics.vars)
}

type Quantity = (body: MeterBody, now: Electrical) => readonly number[]

const phases = (value: (phase: PhaseValues) => number): Quantity => {
  return (_, now) => now.phases.map(value)
}
const totalAndPhases = (value: (phase: PhaseValues) => number): Quantity => {
  return (_, now) => [now.total, ...now.phases].map(value)
}

/** Values in the units of the maps: kWh, V, A, kW, °C, %. */
const quantities: ReadonlyMap<string, Quantity> = new Map<string, Quantity>([
  ['energy', ({ physics }) => [(physics.forward[0] ?? 0) / 100]],
  ['energy-reverse', ({ physics }) => [(physics.reverse[0] ?? 0) / 100]],
  ['energy-reactive', ({ physics }) => [(physics.reactive[0] ?? 0) / 100]],
  ['pt', () => [1]],
  ['ct', () => [1]],
  ['voltage', phases(({ voltage }) => voltage / 10)],
  ['current', phases(({ current }) => Math.abs(current) / 1000)],
  ['power', totalAndPhases(({ active }) => active / 10_000)],
  ['reactive-power', totalAndPhases(({ reactive }) => reactive / 10_000)],
  ['power-factor', totalAndPhases(({ factor }) => factor / 1000)],
  ['frequency', (_, now) => [now.frequency / 100]],
  ['winding-temperature', (body, now) => [0, 1, 2].map((winding) => ambient(body) + now.total.apparent / 4_000 + winding)],
  ['oil-temperature', (body, now) => [ambient(body) + now.total.apparent / 8_000]],
  ['box-temperature', (body) => [ambient(body) + 3]],
  ['box-humidity', (body) => [45 + noise(body, 2) / 5]],
  ['residual-current', (body) => [0.01 + noise(body, 3) / 5_000]],
  [
    'trips',
    ({ relay }) => [
      relay.actions.filter(({ contactBefore, contactAfter }) => contactBefore === 'closed' && contactAfter === 'open').length,
    ],
  ],
])

/** Warm at noon, cool at night. */
function ambient(body: MeterBody): number {
  const hour = Math.floor(body.clock.localAt(body.physics.at) / 3_600_000) % 24
  return 20 - Math.abs(hour - 13) / 2 + noise(body, 1) / 20
}

/** 0 to 100, steady within a minute. */
const noise = ({ options, physics }: MeterBody, what: number): number =>
  hash32(options.seed, Math.floor(physics.at / 60_000), 40 + what) % 101

function flagsOf(body: MeterBody, code: string): number {
  const isClosed = body.relay.contact === 'closed'
  switch (code) {
    case 'state':
      return (isClosed ? 1 : 0) | (isClosed ? 0 : 4) | (body.relay.alarm ? 8 : 0) | 32
    case 'contacts':
      return isClosed ? 1 : 0
    case 'alarms':
      return ambient(body) > 30 ? 32 : 0
    default:
      return 0
  }
}
