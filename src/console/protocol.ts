import { z } from 'zod'
import { envelopeCharsMax } from '../control/envelope.js'
import { registersMax } from '../control/order-schema.js'
import type { InputError } from '../model/index.js'
import { parseEdge } from './local-instants.js'

/**
 * The console's protocol on the daemon's socket: one JSON object a line each way. Every request carries the version and gets one
 * answer, in order. A socket is local and group-readable only: who may open it may look; what changes anything is a signed order.
 */
export const consoleVersion = 1

/** A longer request ends its connection; the largest order with its quotes escaped fits. */
export const requestBytesMax = envelopeCharsMax + 65_536
/** Rows of one answer; whoever wants more asks again from where it ended. */
export const rowsMax = 1_000

const id = z.string().regex(/^[\x21-\x7e]{1,64}$/, 'expected an id without blanks, at most 64 characters')
const register = z
  .string()
  .regex(/^[\x21-\x7e]{1,160}$/, 'expected a register in the protocol’s own notation, without blanks, at most 160 characters')
const rows = z.int().min(1).max(rowsMax)
const sequence = z.int().min(1).max(Number.MAX_SAFE_INTEGER)
const instant = z.int().min(-8.64e15).max(8.64e15)
/** A local day or time, or one with its zone: the daemon knows the site's own. */
const time = z
  .string()
  .max(40)
  .refine((text) => parseEdge(text, 0, 'from').ok, 'expected a date such as 2026-03-01 or a time such as 2026-03-01 08:00')

/** What the console may ask; a field that is not listed is refused. */
export const consoleCallSchema = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('status') }),
  z.strictObject({ ask: z.literal('meters') }),
  z.strictObject({ ask: z.literal('read'), meter: id, registers: z.array(register).min(1).max(registersMax).readonly() }),
  z.strictObject({ ask: z.literal('accounts') }),
  z.strictObject({ ask: z.literal('account'), account: id, entries: rows }),
  z.strictObject({ ask: z.literal('why'), account: id, count: rows }),
  z.strictObject({
    ask: z.literal('events'),
    count: rows,
    before: sequence.optional(),
    meter: id.optional(),
    account: id.optional(),
    code: id.optional(),
  }),
  z.strictObject({ ask: z.literal('event'), seq: sequence }),
  z.strictObject({
    ask: z.literal('gaps'),
    from: z.union([instant, time]).optional(),
    to: z.union([instant, time]).optional(),
    day: z.iso.date().optional(),
    meter: id.optional(),
    count: rows,
  }),
  z.strictObject({ ask: z.literal('orders'), count: rows }),
  z.strictObject({ ask: z.literal('order'), id: sequence }),
  /** What whoever signs an order must know: whose key it is, its last number, and the time. */
  z.strictObject({ ask: z.literal('signer'), publicKey: id }),
  z.strictObject({ ask: z.literal('submit'), envelope: z.string().max(envelopeCharsMax) }),
  /** `since`: only lines after that monotonic time. */
  z.strictObject({ ask: z.literal('trace'), link: id, since: z.number().optional(), count: rows }),
  /** What the module of a link says of its network. */
  z.strictObject({ ask: z.literal('network'), link: id }),
  z.strictObject({ ask: z.literal('self-test') }),
])
export type ConsoleCall = z.output<typeof consoleCallSchema>
export type ConsoleAsk = ConsoleCall['ask']

/** A request line; `id` comes back with the answer. */
export const consoleRequestSchema = z.strictObject({
  v: z.literal(consoleVersion, { error: `expected version ${consoleVersion}: console and daemon are of different releases` }),
  id: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  call: consoleCallSchema,
})

/** An answer line. `id` is null when the request's own could not be read. */
export type ConsoleReply =
  | { readonly v: number; readonly id: number | null; readonly ok: true; readonly value: unknown }
  | { readonly v: number; readonly id: number | null; readonly ok: false; readonly error: InputError }
