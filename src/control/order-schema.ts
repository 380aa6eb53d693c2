import { z } from 'zod'
import { accountId, energyMwh, epochMs, formatDecimal, keyId, meterId, micro, parameterNames, streams } from '../model/index.js'
import type { AccountId, EnergyMwh, EpochMs, KeyId, MeterId, Micro, OrderBody } from '../model/index.js'

/**
 * Orders on the wire, version 1. One schema reads and writes: `decode` gives model types, `encode` the JSON. Amounts and energies
 * are decimal text in people's units, instants ISO-8601 UTC text, and a field that is not listed is refused. This file is the
 * contract of `docs/uplink.md`: it may gain kinds, but nothing in it changes its meaning.
 */
export const orderVersion = 1

/** Ids of meters, accounts, tariffs and keys. Longer or other text is refused. */
export const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/
/** Concentrators and masters stand in topics, so their ids have no dot (some brokers give it a meaning) and no slash. */
export const topicIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
/** An idempotency key: an id with slashes, so that a payment's own reference fits. */
export const idempotencyKeyPattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/

/** Most registers of one `read-now`; a longer list is refused, the master asks twice. */
export const registersMax = 64
/** Most records of one `replay`; a longer range is refused, the master asks twice. */
export const replayCountMax = 1_000_000
/** Longest reason or witness, in characters; longer text is refused. */
export const remarkMax = 200

const decimalPattern = /^-?(0|[1-9]\d{0,11})(\.\d{1,6})?$/
const millionth = -6

/** Instants from 2000 to 2999 in UTC with at most milliseconds, and only dates that exist. */
const instantPattern = /^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/

export const instantSchema = z.codec(
  z.string().regex(instantPattern, 'expected an instant in UTC such as 2026-03-01T08:00:00Z'),
  z.custom<EpochMs>(),
  {
    decode: (text, context) => {
      const at = Date.parse(text)
      if (!Number.isNaN(at) && new Date(at).toISOString().slice(0, 19) === text.slice(0, 19)) return epochMs(at)
      context.issues.push({ code: 'custom', input: text, message: 'expected a date and time that exist' })
      return z.NEVER
    },
    encode: (at) => new Date(at).toISOString(),
  },
)

const decimalSchema = z.string().regex(decimalPattern, 'expected decimal text with at most 12 digits and 6 decimals')

/** An amount in the account's own unit (yuan or kWh), as decimal text; inside, millionths. */
const amountSchema = z.codec(decimalSchema, z.custom<Micro>(), {
  decode: (text) => micro(millionths(text)),
  encode: (value) => plain(value),
})
const amountNotNegative = amountSchema.refine((value) => value >= 0n, 'expected an amount that is not negative')
const amountPositive = amountSchema.refine((value) => value > 0n, 'expected an amount above zero')

/** Energy in kWh as decimal text; inside, milliwatt-hours. */
const energySchema = z
  .codec(decimalSchema, z.custom<EnergyMwh>(), {
    decode: (text) => energyMwh(millionths(text)),
    encode: (value) => plain(value),
  })
  .refine((value) => value >= 0n, 'expected an energy that is not negative')

const idText = z.string().regex(idPattern, 'expected an id: letters, digits and . _ : - after a letter or digit, at most 64')
const meterSchema = z.codec(idText, z.custom<MeterId>(), { decode: (text) => meterId(text), encode: (id) => id })
const accountSchema = z.codec(idText, z.custom<AccountId>(), { decode: (text) => accountId(text), encode: (id) => id })
export const keyIdSchema = idText.transform((text): KeyId => keyId(text))
export const topicIdSchema = z
  .string()
  .regex(topicIdPattern, 'expected an id: letters, digits and _ - after a letter or digit, at most 64')

const idempotencyKey = z.string().regex(idempotencyKeyPattern, 'expected a key: letters, digits and . _ : / -, at most 64')
const remark = z
  .string()
  .regex(/^[^\p{Cc}]+$/u, 'expected text without control characters')
  .max(remarkMax)
const count = (max: number) => z.int().min(1).max(max)
const sequence = count(Number.MAX_SAFE_INTEGER)
const version = count(2_147_483_647)

const limitsSchema = z.strictObject({
  alarm1: amountSchema,
  alarm2: amountSchema,
  overdraft: amountNotNegative,
  closePermitted: amountSchema,
  hoarding: amountNotNegative,
  largestCredit: amountNotNegative,
})

/** What an order asks for, one shape for each kind. */
export const orderBodySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('open-account'),
    account: accountSchema,
    meter: meterSchema,
    unit: z.enum(['money', 'energy']),
    tariff: idText,
    limits: limitsSchema,
    opening: amountSchema,
  }),
  z.strictObject({ kind: z.literal('close-account'), account: accountSchema }),
  z.strictObject({
    kind: z.literal('credit'),
    account: accountSchema,
    amount: amountPositive,
    purchase: version,
    idempotencyKey,
  }),
  z.strictObject({
    kind: z.literal('adjust'),
    account: accountSchema,
    amount: amountSchema,
    reason: remark,
    resumePricing: z.boolean(),
    idempotencyKey,
  }),
  z.strictObject({
    kind: z.literal('agree'),
    account: accountSchema,
    /** Number of the entry the hash stands at; 0: the empty ledger. */
    entry: z.int().min(0),
    chainHash: z.string().regex(/^[0-9a-f]{64}$/, 'expected a chain hash: 64 hexadecimal digits in lower case'),
  }),
  z.strictObject({ kind: z.literal('disconnect'), meter: meterSchema }),
  z.strictObject({ kind: z.literal('permit-to-close'), meter: meterSchema }),
  z.strictObject({ kind: z.literal('protect'), meter: meterSchema, on: z.boolean(), until: instantSchema.nullable() }),
  z.strictObject({ kind: z.literal('alarm'), meter: meterSchema, on: z.boolean() }),
  z.strictObject({
    kind: z.literal('read-now'),
    meter: meterSchema,
    registers: z
      .array(z.string().regex(/^[\x21-\x7e]{1,64}$/, 'expected a register in the protocol’s own notation, without blanks'))
      .min(1)
      .max(registersMax)
      .readonly(),
  }),
  z.strictObject({ kind: z.literal('set-clock'), meter: z.union([z.literal('all'), meterSchema]) }),
  z.strictObject({ kind: z.literal('set-time'), at: instantSchema }),
  z.strictObject({
    kind: z.literal('replace-meter'),
    meter: meterSchema,
    newAddress: z.string().regex(/^[0-9A-Za-z]{1,32}$/, 'expected a device address: letters and digits, at most 32'),
    finalEnergy: energySchema.nullable(),
    initialEnergy: energySchema,
    at: instantSchema,
    witness: remark,
  }),
  z.strictObject({
    kind: z.literal('set-parameters'),
    name: z.enum(parameterNames),
    version,
    body: z.unknown().refine((value): boolean => typeof value === 'object' && value !== null, 'expected an object or a list'),
  }),
  z.strictObject({
    kind: z.literal('replay'),
    stream: z.enum(streams),
    first: sequence,
    count: count(replayCountMax),
  }),
])

/** What the signature covers. `number` counts up for each key, gaps allowed; the window is [notBefore, expiry). */
export const orderPayloadSchema = z
  .strictObject({
    v: z.literal(orderVersion),
    concentrator: topicIdSchema,
    number: sequence,
    notBefore: instantSchema,
    expiry: instantSchema,
    body: orderBodySchema,
  })
  .refine((payload) => payload.notBefore < payload.expiry, { path: ['expiry'], message: 'expected an expiry after notBefore' })

/** An order before anybody signed it, or after its signature was found good. */
export interface OrderPayload {
  readonly concentrator: string
  readonly number: number
  readonly notBefore: EpochMs
  readonly expiry: EpochMs
  readonly body: OrderBody
}

/** The JSON of a payload: plain data of strings, numbers, booleans. */
export type OrderPayloadJson = z.input<typeof orderPayloadSchema>

/** The text of millionths without trailing zeros: 12_500_000 gives `12.5`. */
function plain(value: bigint): string {
  return formatDecimal(value, millionth).replace(/\.?0+$/, '')
}

/** The pattern was checked before: a sign, digits, and at most six decimals. */
function millionths(text: string): bigint {
  const [whole, fraction = ''] = text.split('.')
  return BigInt(`${whole}${fraction.padEnd(-millionth, '0')}`)
}
