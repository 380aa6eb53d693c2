import { fail, ok, type InputError, type Result } from '../../src/model/index.js'

/** Asks a modem in configuration mode for its parameters. @source maker's manual of the E32 modules, command C1 C1 C1 */
export const readParametersCommand: Uint8Array = Uint8Array.of(0xc1, 0xc1, 0xc1)
/** The answer: head, address 2, speed, channel, options. */
export const parametersLengthBytes = 6

export const airRates = [300, 1200, 2400, 4800, 9600, 19_200] as const
export type AirRate = (typeof airRates)[number]
export const wakeUpTimesMs = [250, 500, 750, 1000, 1250, 1500, 1750, 2000] as const
export type WakeUpMs = (typeof wakeUpTimesMs)[number]
export const uartSpeeds = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200] as const
/** 0 the highest … 3 the lowest; in dBm it depends on the model: 20, 17, 14, 10 or 30, 27, 24, 21. */
export const powerSteps = [0, 1, 2, 3] as const
export type PowerStep = (typeof powerSteps)[number]

/** What a modem of the E32 kind is set to. */
export interface RadioParameters {
  /** They outlive a loss of power (head C0); those of head C2 do not. */
  readonly isSaved: boolean
  readonly address: number
  readonly uartParity: 'none' | 'odd' | 'even'
  readonly uartBaud: (typeof uartSpeeds)[number]
  readonly airRate: AirRate
  /** 0 … 31; the frequency is so many MHz above the model's lowest (410 MHz for the 433 MHz one). */
  readonly channel: number
  /** Of a fixed transmission the first three bytes of each packet are the receiver's address and channel. */
  readonly transmission: 'transparent' | 'fixed'
  readonly drive: 'push-pull' | 'open-collector'
  readonly wakeUpMs: WakeUpMs
  readonly fec: boolean
  readonly powerStep: PowerStep
}

const savedHead = 0xc0
const unsavedHead = 0xc2
/** Two codes mean 8N1, three mean 19.2 kbit/s. */
const parities = ['none', 'odd', 'even', 'none'] as const
const airRatesByCode = [...airRates, 19_200, 19_200] as const

/**
 * Reads the answer to `C1 C1 C1`.
 *
 * @returns `radio-answer-length` or `radio-answer-head` when it is none
 * @source maker's manual of the E32 modules, parameter settings
 */
export function decodeParameters(answer: Uint8Array): Result<RadioParameters, InputError> {
  const [head = 0, high = 0, low = 0, speed = 0, channel = 0, option = 0] = answer
  if (answer.length !== parametersLengthBytes)
    return refused('radio-answer-length', `expected ${parametersLengthBytes} bytes, got ${answer.length}`)
  if (head !== savedHead && head !== unsavedHead)
    return refused('radio-answer-head', `expected C0 or C2 at its head, got ${head.toString(16).toUpperCase().padStart(2, '0')}`)
  return ok({
    isSaved: head === savedHead,
    address: high * 256 + low,
    uartParity: parities[speed >> 6] ?? 'none',
    uartBaud: uartSpeeds[(speed >> 3) & 7] ?? 9600,
    airRate: airRatesByCode[speed & 7] ?? 19_200,
    // The upper three bits are reserved.
    channel: channel & 0x1f,
    transmission: (option & 0x80) === 0 ? 'transparent' : 'fixed',
    drive: (option & 0x40) === 0 ? 'open-collector' : 'push-pull',
    wakeUpMs: wakeUpTimesMs[(option >> 3) & 7] ?? 250,
    fec: (option & 0x04) !== 0,
    powerStep: powerSteps[option & 3] ?? 0,
  })
}

/** The parameters as a modem says them: for a simulated one, and for tests. */
export function encodeParameters(parameters: RadioParameters): Uint8Array {
  const { address, channel } = parameters
  const parity = parities.indexOf(parameters.uartParity)
  const speed = (parity << 6) | (uartSpeeds.indexOf(parameters.uartBaud) << 3) | airRates.indexOf(parameters.airRate)
  const option =
    (parameters.transmission === 'fixed' ? 0x80 : 0) |
    (parameters.drive === 'push-pull' ? 0x40 : 0) |
    (wakeUpTimesMs.indexOf(parameters.wakeUpMs) << 3) |
    (parameters.fec ? 0x04 : 0) |
    parameters.powerStep
  return Uint8Array.of(parameters.isSaved ? savedHead : unsavedHead, address >> 8, address & 0xff, speed, channel, option)
}

/** What settings say of the modem; what they leave out is not compared. */
export type ExpectedParameters = { readonly [Name in keyof RadioParameters]?: RadioParameters[Name] | undefined }

/** Every parameter that differs from what was expected. */
export function differencesFrom(expected: ExpectedParameters, found: RadioParameters): readonly InputError[] {
  const names = Object.keys(parameterNames) as (keyof RadioParameters)[]
  return names.flatMap((name) => {
    const wanted = expected[name]
    if (wanted === undefined || wanted === found[name]) return []
    const message = `${parameterNames[name]}: expected ${String(wanted)}, the modem has ${String(found[name])}`
    return [{ code: 'radio-parameter', at: name, message }]
  })
}

const parameterNames: Readonly<Record<keyof RadioParameters, string>> = {
  isSaved: 'kept without power',
  address: 'address',
  uartParity: 'parity of its wire',
  uartBaud: 'speed of its wire',
  airRate: 'air data rate, bit/s',
  channel: 'channel',
  transmission: 'transmission',
  drive: 'drive of its pins',
  wakeUpMs: 'wake-up time, ms',
  fec: 'forward error correction',
  powerStep: 'power step',
}

const refused = (code: string, message: string): Result<never, InputError> => fail({ code, at: 'answer to C1 C1 C1', message })
