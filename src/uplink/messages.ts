import { z } from 'zod'
import { fail, ok } from '../model/index.js'
import type { InputError, Result } from '../model/index.js'

/**
 * What travels beside orders: JSON objects, version 1. Both sides read them with these schemas; a field that is not listed is
 * left out, so that a newer side may say more. Instants are ISO-8601 UTC text, sequence numbers count from 1.
 */
export const messageVersion = 1

const version = z.literal(messageVersion)
const epoch = z.int().min(1)
const sequence = z.int().min(1)
const mark = z.int().min(0)

const streamName = z.enum(['event', 'ledger', 'result', 'freeze', 'status', 'curve'])
const byStream = <T extends z.ZodType>(value: T) => z.partialRecord(streamName, value)

/** `up/state`, retained; the last will is the same with `online: false`. */
export const stateSchema = z.object({
  v: version,
  online: z.boolean(),
  /** Why it is offline: `stopped` in good order, `lost` by the last will. */
  reason: z.enum(['stopped', 'lost']).optional(),
  software: z.string().max(100),
  /** Absent in the last will: it was written before the store was asked. */
  epoch: epoch.optional(),
  /** When this connection began, and whether the clock was trusted then. */
  since: z.string(),
  clockTrusted: z.boolean(),
})
export type StateMessage = z.infer<typeof stateSchema>

/** `up/hello`: what there is to be had. The master answers at once with its marks (`dn/ack`). */
export const helloSchema = z.object({
  v: version,
  epoch,
  /** First number still held and last one given; an empty stream has hi = lo − 1. */
  streams: byStream(z.object({ lo: sequence, hi: mark })),
  /** Hash over the parameters in force. */
  parameters: z.string().max(100),
  /** Number of the last journalled order of each key. */
  counters: z.record(z.string(), z.int().min(0)),
  software: z.string().max(100),
})
export type HelloMessage = z.infer<typeof helloSchema>

/** Why numbers have no record: evicted, lost with a damaged file, or a record no packet of this broker can hold. */
export const gapReasons = ['retention', 'disk-full', 'salvage', 'too-large'] as const
export type GapReason = (typeof gapReasons)[number]

/** `up/{e,l,r,b,d,c}`: records `first` … `first + count − 1` of one stream, or, with `evicted`, the notice that they are gone. */
export const batchSchema = z
  .object({
    v: version,
    epoch,
    stream: streamName,
    first: sequence,
    count: sequence,
    records: z.array(z.record(z.string(), z.unknown())),
    evicted: z.enum(gapReasons).optional(),
  })
  .refine((batch) => batch.records.length === (batch.evicted === undefined ? batch.count : 0), {
    path: ['records'],
    message: 'expected as many records as count says, or none when evicted is set',
  })
export type BatchMessage = z.infer<typeof batchSchema>

/**
 * `dn/ack`: the master has committed every record up to these marks. Streams that are not named stay as they are; `stale` says
 * that it has numbers of this epoch which the concentrator never gave: the concentrator's database is older than that.
 */
export const ackSchema = z.object({
  v: version,
  master: z.string().max(64),
  epoch,
  marks: byStream(mark),
  stale: z.literal(true).optional(),
})
export type AckMessage = z.infer<typeof ackSchema>

/** Longest message that is parsed, in bytes; longer ones are refused unread. Orders have their own limit. */
export const messageBytesMax = 262_144

/** Reads one message; the error says where it is wrong. */
export function parseMessage<T extends z.ZodType>(schema: T, bytes: Uint8Array): Result<z.output<T>, InputError> {
  if (bytes.length > messageBytesMax) {
    return fail({ code: 'too-long', at: 'message', message: `expected at most ${messageBytesMax} bytes` })
  }
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return fail({ code: 'no-json', at: 'message', message: 'expected JSON' })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return ok(parsed.data)
  const [issue] = parsed.error.issues
  const at = ['message', ...(issue?.path ?? [])].join('.')
  return fail({ code: 'malformed', at, message: issue?.message ?? 'not as expected' })
}
