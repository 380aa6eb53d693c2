import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Session, SessionInput } from '../../src/ports/index.js'
import { bytesOf } from '../../src/protocols/wire/bytes.js'
import {
  decodeFrame,
  encodeReply,
  parseRequest,
  type ReadReply,
  type Reply,
  type Request,
} from '../../src/protocols/dlt645-1997/index.js'
import { exchangeOf, type FrameVector } from './dlt645.js'
import { valueOf } from './outcome.js'
import { projectRoot } from './root.js'

export function frameVectors(): readonly FrameVector[] {
  return JSON.parse(readFileSync(join(projectRoot(), 'tests/vectors/dlt645-1997/frames.json'), 'utf8')) as FrameVector[]
}

/** The request a session wants to send, as a meter reads it. */
export function requestOf<T>(session: Session<T>): Request {
  return valueOf(parseRequest(valueOf(decodeFrame(exchangeOf(session).bytes))))
}

/** The address a session asks. */
export function askedOf<T>(session: Session<T>): string {
  return valueOf(decodeFrame(exchangeOf(session).bytes)).address
}

/** A reply as an input. */
export const answer = (address: string, reply: Reply): SessionInput => ({ kind: 'reply', frame: encodeReply(address, reply) })

/** A meter's answer with the data of a register. */
export const data = (di: string, hex: string, more = false): ReadReply => ({
  kind: 'reply',
  fn: 'read',
  di,
  data: bytesOf(hex),
  more,
})
/** A follow-up answer. */
export const moreData = (di: string, hex: string, more = false): ReadReply => ({ ...data(di, hex, more), fn: 'read-more' })
/** A refusal of a read. */
export const refusal = (errors: number | null, fn: 'read' | 'read-more' = 'read'): Reply => ({ kind: 'refusal', fn, errors })
