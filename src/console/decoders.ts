import * as edition1997 from '../protocols/dlt645-1997/index.js'
import * as edition2007 from '../protocols/dlt645/index.js'
import * as objects from '../protocols/dlt698/index.js'
import * as module from '../protocols/gdw1376/index.js'
import * as modbus from '../protocols/modbus/index.js'
import { carriedFrames, type Telling } from './carried-frames.js'
import type { FrameDecoder, FrameDescription } from './commands/frame.js'
import type { frameProtocols } from './frame-protocols.js'

type FrameProtocol = (typeof frameProtocols)[number]

const decodersByName: Readonly<Record<FrameProtocol, Omit<FrameDecoder, 'protocol'>>> = {
  'dlt645-2007': {
    describe: (frame) => ({ ...edition2007.describeFrame(frame) }),
    explain: (frame) => ({ ...edition2007.explainFrame(frame) }),
    isMarked: (frame) => controlOf645(frame) === 'of-2007',
  },
  'dlt645-1997': {
    describe: (frame) => ({ ...edition1997.describeFrame(frame) }),
    isMarked: (frame) => controlOf645(frame) === 'of-1997',
  },
  'dlt698-45': {
    describe: (frame) => ({ ...objects.describeFrame(frame) }),
    explain: (frame) => explainObjects({ ...objects.describeFrame(frame) }),
    describeBare: (bytes) => ({ ...objects.describeUnit(bytes) }),
    isMarked: hasCheckedHeader,
  },
  'gdw1376-2': {
    describe: (frame) => describeModuleFrame(frame, 'describe'),
    explain: (frame) => explainModuleFrame(describeModuleFrame(frame, 'explain')),
  },
  'modbus-rtu': { describe: (frame) => ({ ...modbus.describeFrame(frame) }), isUnmarked: true },
}

/** How frames of a capture are shown, in the order in which protocols are tried: the order of `frameProtocols`. */
export const frameDecoders: readonly FrameDecoder[] = Object.entries(decodersByName).map(([protocol, decoder]) => ({
  protocol,
  ...decoder,
}))

/** Which meter's frame it is, by whichever protocol knows it: of a module's frame the meter it is for or from; null: none. */
export function addressOf(frame: Uint8Array): string | null {
  for (const { describe } of frameDecoders) {
    const address = meterOf(describe(frame))
    if (address !== null) return address
  }
  return null
}

function meterOf({ address, direction, source, destination, inner }: Readonly<Record<string, unknown>>): string | null {
  const meter = address ?? (direction === 'down' ? destination : source)
  if (typeof meter === 'string') return meter
  return typeof inner === 'object' && inner !== null ? meterOf({ ...inner }) : null
}

/** A module's frame with what it carries in `inner`; of several frames (a concurrent read) the first, and all of them in `inners`. */
function describeModuleFrame(frame: Uint8Array, how: Telling): FrameDescription {
  let inners: readonly FrameDescription[] = []
  const describeInner = (protocolType: number, bytes: Uint8Array): FrameDescription | null => {
    inners = carriedFrames(protocolType, bytes, { decoders: frameDecoders, how })
    return inners[0] ?? null
  }
  const described = module.describeFrame(frame, { describeInner })
  return { ...described, ...(inners.length > 1 ? { inners } : {}) }
}

/** Without what is of use to scripts only: who asked, the number of the question, an address of the usual kind. */
function explainObjects({ client: _client, piid: _piid, addressKind, ...rest }: FrameDescription): FrameDescription {
  return addressKind === 'single' || addressKind === undefined ? rest : { ...rest, addressKind }
}

/** What it says first, of the information field only what is set, and a carried frame not once more as bytes. */
function explainModuleFrame({ mode: _mode, initiates: _initiates, info, data, ...rest }: FrameDescription): FrameDescription {
  const isShownBelow = rest['inner'] !== null && typeof data === 'object' && data !== null
  return { ...rest, data: isShownBelow ? membersOf(data, (name) => name !== 'payload') : data, info: membersOf(info, isSet) }
}

const isSet = (_name: string, value: unknown): boolean => value !== 0 && value !== false

function membersOf(value: unknown, isKept: (name: string, value: unknown) => boolean): Readonly<Record<string, unknown>> {
  const members: [string, unknown][] = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return Object.fromEntries(members.filter(([name, member]) => isKept(name, member)))
}

const secondStart = 7

/** The edition a frame's control code belongs to, where its second start byte stands in its place; null: it does not. */
function controlOf645(frame: Uint8Array): 'of-2007' | 'of-1997' | null {
  const body = frame.subarray(edition2007.countWakeUp(frame))
  if (body[0] !== edition2007.startByte || body[secondStart] !== edition2007.startByte) return null
  return edition2007.isOf1997(body[secondStart + 1] ?? 0) ? 'of-1997' : 'of-2007'
}

/** Whether a frame begins with a header whose own check is right, so that its length and addresses can be believed. */
function hasCheckedHeader(frame: Uint8Array): boolean {
  const body = frame.subarray(objects.countWakeUp(frame))
  const header = body.subarray(1, objects.headerBytes(body))
  return body.length > header.length && objects.endsWithCrc(header)
}
