import { ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { entryOf, readUnit, writeUnit, type DownUnit, type UpUnit } from './catalogue.js'
import { encodeFrame, type Addresses, type DecodedFrame, type DownFrame, type UpFrame } from './codec.js'
import type { DownInfo, UpInfo } from './info.js'

/** A frame to the module with its unit. */
export type DownMessage = DownFrame & { readonly unit: DownUnit }
/** A frame from the module with its unit. */
export type UpMessage = UpFrame & { readonly unit: UpUnit }
export type Message = DownMessage | UpMessage

interface Envelope {
  /** The module's communication mode, as its own frames show it. */
  readonly mode: number
  readonly sequence: number
  readonly addresses?: Addresses | null
  /** PRM; by default what the function says. */
  readonly initiates?: boolean
}

/** How a frame to the module goes out; what `info` leaves out is zero. */
export interface DownEnvelope extends Envelope {
  readonly info?: Partial<Omit<DownInfo, 'moduleFlag' | 'relayLevel' | 'sequence'>>
}

/** How a frame from the module goes out; what `info` leaves out is zero. */
export interface UpEnvelope extends Envelope {
  readonly info?: Partial<Omit<UpInfo, 'moduleFlag' | 'sequence'>>
}

/**
 * A frame of the concentrator: any request, and any answer to what a module reports or asks.
 *
 * @throws RangeError for values that no frame can carry, and for addresses that are missing or do not belong to the function
 * @source facts §2, §3; vectors tests/vectors/gdw1376-2/frames.json
 */
export function encodeDown(unit: DownUnit, envelope: DownEnvelope): Uint8Array {
  const { mode, sequence, addresses = null, info } = envelope
  const entry = entryOf(unit)
  if (entry?.address === 'required' && addresses === null) throw new RangeError(`${unit.name} needs the address of a meter`)
  if (entry?.address === 'none' && addresses !== null) throw new RangeError(`${unit.name} goes without addresses`)
  return encodeFrame({
    direction: 'down',
    initiates: envelope.initiates ?? entry?.answer !== 'none',
    mode,
    info: { ...plainDownInfo, ...info, moduleFlag: addresses !== null, relayLevel: addresses?.relays.length ?? 0, sequence },
    addresses,
    ...writeUnit('down', unit),
  })
}

/**
 * A frame of the module, for the far end: an answer, a confirmation, or a report of its own (the one with PRM 1). Real modules differ in
 * what carries addresses, so none are demanded or refused here.
 *
 * @throws RangeError for values that no frame can carry
 */
export function encodeUp(unit: UpUnit, envelope: UpEnvelope): Uint8Array {
  const { mode, sequence, addresses = null, info } = envelope
  const entry = entryOf(unit)
  return encodeFrame({
    direction: 'up',
    initiates: envelope.initiates ?? (entry?.answer === 'none' && entry.afn !== 0),
    mode,
    info: { ...plainUpInfo, ...info, moduleFlag: addresses !== null, sequence },
    addresses,
    ...writeUnit('up', unit),
  })
}

/**
 * The concentrator's answer to what a module reported or asked: mode and sequence are the module's, PRM 0.
 *
 * @param addresses for 14F1: own main node, meter
 */
export function encodeAnswer(report: UpFrame, unit: DownUnit, addresses: Addresses | null = null): Uint8Array {
  return encodeDown(unit, { mode: report.mode, sequence: report.info.sequence, initiates: false, addresses })
}

/**
 * The module's answer to a request: mode and sequence are the request's, PRM 0; addresses are the request's the other way round where the
 * unit carries any (never with a confirmation).
 */
export function encodeReply(request: DownFrame, unit: UpUnit, info: UpEnvelope['info'] = {}): Uint8Array {
  const { mode, addresses } = request
  const carries = addresses !== null && entryOf(unit)?.address !== 'none'
  const back = carries ? { source: addresses.destination, relays: [], destination: addresses.source } : null
  return encodeUp(unit, { mode, sequence: request.info.sequence, initiates: false, addresses: back, info })
}

/** What a frame says, by its own direction bit. @returns the message, or the errors of `readUnit` */
export function parseMessage(frame: DecodedFrame): Result<Message, InputError> {
  if (frame.direction === 'down') {
    const unit = readUnit('down', frame, frame.dataAt)
    return unit.ok ? ok({ ...frame, unit: unit.value }) : unit
  }
  const unit = readUnit('up', frame, frame.dataAt)
  return unit.ok ? ok({ ...frame, unit: unit.value }) : unit
}

const plainDownInfo = {
  bypassRouter: false,
  subNodeFlag: false,
  collisionDetect: false,
  channel: 0,
  channelCoding: 0,
  expectedReplyBytes: 0,
  rate: 0,
  rateUnit: 0,
} as const

const plainUpInfo = {
  bypassRouter: false,
  relayLevel: 0,
  channel: 0,
  phase: 0,
  meterChannelFeature: 0,
  commandQuality: 0,
  replyQuality: 0,
  eventFlag: false,
} as const
