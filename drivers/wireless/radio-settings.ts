import { z } from 'zod'
import { fail, ok, type InputError, type Result } from '../../src/model/index.js'
import { parseLinkUrl, type LinkSpec, type TraceLimits } from '../link/index.js'
import type { AirLimits } from './air-budget.js'
import type { AirPace } from './air-time.js'
import { airRates, powerSteps, uartSpeeds, wakeUpTimesMs, type ExpectedParameters } from './radio-parameters.js'

/**
 * How the modem comes into the mode in which it tells its parameters. `dtr-rts`: its pins M0 and M1 hang on these lines of a serial
 * port. `always`: it tells them at any time (an adapter that switches by itself). `never`: it is not asked.
 */
export const configurationWays = ['dtr-rts', 'always', 'never'] as const
export type ConfigurationWay = (typeof configurationWays)[number]

/** How a transparent radio modem is used, and what it holds at most. */
export interface RadioSettings {
  readonly configuration: ConfigurationWay
  /** An asserted line is a low pin, as on TTL adapters; level shifters in between may turn it. */
  readonly linesPullLow: boolean
  /** What the modem is compared with. */
  readonly expected: ExpectedParameters
  /** As configured; what the modem tells of itself counts more. */
  readonly pace: AirPace
  /** Of the wire between the far modem and its meter, ms a byte. */
  readonly farByteMs: number
  readonly air: AirLimits
  /** A request waits no longer for air time: what is more urgent could not overtake it. */
  readonly airWaitMsMax: number
  /** On top of what arithmetic says of a deadline: modems are not exact, and serial servers are late. */
  readonly marginMs: number
  /** Quiet after a broadcast, when the last meter has heard it: meters act on it before they listen again. */
  readonly broadcastQuietMs: number
  /** What the modem's buffer takes; a longer request is refused. @source maker's manual of the E32 modules, normal mode: 512 */
  readonly requestBytesMax: number
  /** Bytes of one reply, noise included; more is garbled at once. */
  readonly replyBytesMax: number
  /** Nodes whose history is kept; the one not heard of for longest is forgotten. */
  readonly nodesMax: number
  readonly trace: TraceLimits
}

const hourMs = 3_600_000
const bits = 11_000

const whole = (min: number, max: number, unit: string) =>
  z
    .int({ error: `expected a whole number from ${min} to ${max} ${unit}` })
    .min(min)
    .max(max)
const share = (max: number) => {
  const error = `expected a share above 0 and up to ${max}`
  return z.number({ error }).gt(0, { error }).max(max, { error })
}
const oneOf = <T extends string | number>(values: readonly T[]) =>
  z.literal([...values], { error: `expected one of ${values.join(', ')}` })
const flag = z.boolean({ error: 'expected true or false' })

const optionsSchema = z.strictObject({
  configuration: oneOf(configurationWays).default('never'),
  linesPullLow: flag.default(true),
  airRate: oneOf(airRates).default(2400),
  channel: whole(0, 31, 'as the channel').optional(),
  address: whole(0, 0xffff, 'as the address').optional(),
  powerStep: oneOf(powerSteps).optional(),
  fec: flag.optional(),
  wakeUpMs: oneOf([0, ...wakeUpTimesMs]).default(0),
  meterBaud: whole(300, 115_200, 'baud').default(2400),
  packetOverheadBytes: whole(0, 64, 'bytes').default(16),
  airTimeShare: share(1).default(0.1),
  urgentShare: share(0.9).default(0.1),
  airWaitSeconds: whole(0, 60, 'seconds').default(5),
})
type Options = z.output<typeof optionsSchema>

/**
 * Judges a radio modem's link and options.
 *
 * @returns the link and the settings, or all that is wrong; options stand `at` `options.NAME`
 */
export function checkRadioModem(
  url: string,
  options: Readonly<Record<string, unknown>>,
): Result<{ readonly link: LinkSpec; readonly settings: RadioSettings }, readonly InputError[]> {
  const link = parseLinkUrl(url)
  const parsed = optionsSchema.safeParse(options)
  const faults: InputError[] = [
    ...(link.ok ? [] : link.error),
    ...(parsed.success ? [] : parsed.error.issues.flatMap(problems)),
    ...(link.ok && options['configuration'] === 'dtr-rts' ? lineProblems(link.value) : []),
  ]
  if (!link.ok || !parsed.success || faults.length > 0) return fail(faults)
  return ok({ link: link.value, settings: radioSettings(parsed.data, link.value) })
}

/** Settings of a modem whose options say nothing, with some of them replaced: for tests. */
export function defaultRadioSettings(overrides: Partial<RadioSettings> = {}): RadioSettings {
  return { ...radioSettings(optionsSchema.parse({}), null), ...overrides }
}

function radioSettings(options: Options, link: LinkSpec | null): RadioSettings {
  const { airRate, channel, address, powerStep, fec, wakeUpMs } = options
  const airMs = hourMs * options.airTimeShare
  return {
    configuration: options.configuration,
    linesPullLow: options.linesPullLow,
    expected: {
      airRate,
      channel,
      address,
      powerStep,
      fec,
      wakeUpMs: wakeUpMs === 0 ? undefined : wakeUpMs,
      transmission: 'transparent',
      // Another speed than the link's would make noise of every byte; behind a serial server it is not known to us.
      ...(link?.kind === 'serial' ? { uartParity: link.parity, uartBaud: uartSpeeds.find((baud) => baud === link.baud) } : {}),
    },
    pace: { airBitsPerSecond: airRate, packetOverheadBytes: options.packetOverheadBytes, wakeUpMs },
    farByteMs: bits / options.meterBaud,
    air: { hourMs: airMs, urgentMs: airMs * options.urgentShare },
    airWaitMsMax: options.airWaitSeconds * 1000,
    marginMs: 100,
    broadcastQuietMs: 500,
    requestBytesMax: 512,
    replyBytesMax: 2048,
    nodesMax: 2048,
    trace: { linesMax: 512, bytesMax: 65_536 },
  }
}

/** In configuration mode the modem talks 9600 8N1 whatever it is set to, and a link cannot change its speed while it is open. */
function lineProblems(link: LinkSpec): readonly InputError[] {
  const at = 'options.configuration'
  if (link.kind === 'tcp')
    return [{ code: 'no-lines', at, message: 'a TCP serial server has no DTR and RTS here: expected always or never' }]
  if (link.baud === 9600 && link.parity === 'none' && link.dataBits === 8 && link.stopBits === 1) return []
  const message = 'configuration mode talks 9600 8N1 and a link keeps its speed: expected ?baud=9600&parity=none, or never'
  return [{ code: 'wrong-speed', at, message }]
}

function problems(issue: z.core.$ZodIssue): readonly InputError[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(optionsSchema.shape).join(', ')
    return issue.keys.map((key) => ({
      code: 'unknown-key',
      at: `options.${key}`,
      message: `is not known here; known are ${known}`,
    }))
  }
  return [{ code: 'bad-value', at: ['options', ...issue.path.map(String)].join('.'), message: issue.message }]
}
