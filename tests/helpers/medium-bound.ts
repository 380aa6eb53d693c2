import { SimulatedArea, VirtualTime, type AreaBus, type AreaOptions } from '../../drivers/simulated/index.js'
import { carriedReply } from '../../drivers/module/carried-reply.js'
import { SimulatedModule } from '../../drivers/simulated/index.js'
import { figuresOf } from '../../drivers/simulated/module/figures.js'
import { firstPacketMs, requestMs } from '../../drivers/wireless/air-time.js'
import { epochMs, type Meter } from '../../src/model/index.js'
import type { ReadOutcome, Session } from '../../src/ports/index.js'
import { protocols } from '../../src/registry.js'
import { defaultSchedulingPolicy } from '../../src/scheduling/index.js'
import { airRate, hopLossPpm, lossPpm } from './large-area.js'

/** What a link can bring at best. */
export interface MediumBound {
  /** What the freeze of one meter costs the medium on average, ms, losses included. */
  readonly meterMs: number
  readonly atOnce: number
  /** Freezes that fit between 00:05 and 00:30. */
  readonly freezes: number
  /** All freezes of answering meters, one after the other from 00:05 on: minutes after midnight. */
  readonly allByMinute: number
}

/** From the first question for freezes to half past midnight. */
const beginMs = 5 * 60_000
const windowMs = 25 * 60_000
const loss = lossPpm / 1_000_000
/** Of an RS-485 bus: wake-up bytes are in the frames; this much silence stands between two exchanges. */
const quietMs = 20
/** A lost exchange costs its request and the shortest wait for a first byte that the policy knows. */
const lostWaitMs = defaultSchedulingPolicy.firstByte.floorMs

const freezeRegisters: Readonly<Record<string, readonly string[]>> = {
  'dlt645-2007': ['05060001', '05060101'],
  'dlt698-45': ['50040200:20210200#01', '50040200:00100200#01'],
  // It keeps no freezes: its register is read at midnight.
  'dlt645-1997': ['9010'],
}

/**
 * The bounds of an area's links by 00:30, from the figures of the simulated media alone: the bytes of each frame, wires and air,
 * hops and their tries, exchanges at once, and what a loss costs. What a driver, a module's port or a scheduler adds is not in them.
 */
export function mediumBounds(options: AreaOptions): readonly MediumBound[] {
  const time = new VirtualTime({ wallStart: epochMs(options.startsAt) })
  const area = new SimulatedArea(options, { clock: time, timers: time })
  return area.buses.map((bus) => {
    const meters = area.archive.filter(({ link, id }) => link === bus.link && !area.meter(id).isDead(area.now()))
    const costs = meters.map((meter) => freezeMs(area, bus, meter))
    const meterMs = costs.reduce((sum, ms) => sum + ms, 0) / costs.length
    const atOnce = bus.device instanceof SimulatedModule ? figuresOf[bus.device.medium].servedAtOnce : 1
    const allByMinute = Math.ceil((beginMs + (costs.length * meterMs) / atOnce) / 60_000)
    return { meterMs, atOnce, freezes: Math.floor((windowMs * atOnce) / meterMs), allByMinute }
  })
}

interface Frames {
  readonly request: number
  readonly reply: number
  readonly delayMs: number
}

function freezeMs(area: SimulatedArea, bus: AreaBus, meter: Meter): number {
  return exchangesOf(area, meter).reduce((sum, frames) => {
    const { goodMs, lostMs } = exchangeMs(area, bus, meter, frames)
    return sum + goodMs + (lostMs * loss) / (1 - loss)
  }, 0)
}

/** The frames of one freeze, as protocol and meter make them. */
function exchangesOf(area: SimulatedArea, { id, address, protocol }: Meter): readonly Frames[] {
  const registers = (freezeRegisters[protocol] ?? []).map((register) => ({ register }))
  let session: Session<readonly ReadOutcome[]> | undefined = protocols.get(protocol)?.read({ address, registers, repeats: 0 })
  const frames: Frames[] = []
  while (session !== undefined && session.effect.kind !== 'settled') {
    const { bytes, reply } = session.effect
    const answer = area.meter(id).hear(bytes, area.now())
    if (answer === null) throw new Error(`meter ${id} does not answer ${Buffer.from(bytes).toString('hex')}`)
    frames.push({ request: bytes.length, reply: answer.bytes.length, delayMs: answer.delayMs })
    const found = reply === 'none' ? null : carriedReply(reply, answer.bytes)
    if (found === null) throw new Error(`meter ${id} answers something else`)
    session = session.step({ kind: 'reply', frame: found.frame })
  }
  return frames
}

/** What an exchange takes when it succeeds, and when it is lost. */
function exchangeMs(area: SimulatedArea, bus: AreaBus, meter: Meter, frames: Frames): { goodMs: number; lostMs: number } {
  const { request, reply, delayMs } = frames
  const { device, byteMs } = bus
  if (device === null) {
    return { goodMs: (request + reply) * byteMs + delayMs + quietMs, lostMs: request * byteMs + lostWaitMs + quietMs }
  }
  if (device instanceof SimulatedModule) {
    const { baseMs, hopMs, jitterMs, giveUpMs } = figuresOf[device.medium]
    const { hops } = device.node(meter.address.padStart(12, '0'))
    const tries = 1 / (1 - hopLossPpm / 1_000_000) ** hops
    return { goodMs: tries * (baseMs + hopMs * (hops - 1) + jitterMs / 2) + delayMs, lostMs: giveUpMs }
  }
  const wires = { byteMs, farByteMs: 11_000 / area.options.baud }
  const outMs = requestMs(request, wires, airPace)
  return { goodMs: outMs + delayMs + firstPacketMs(reply, wires, airPace), lostMs: outMs }
}

/** As the simulated modems have it. */
const airPace = { airBitsPerSecond: airRate, packetOverheadBytes: 16, wakeUpMs: 0 }
