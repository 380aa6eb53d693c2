import { figuresOf, noQuirks, type MediumFigures, type ModuleMedium } from '../../drivers/simulated/index.js'
import { commandMs, framesPerReadMax } from '../../drivers/simulated/module/figures.js'
import type { CollectMedium, MeterExchange } from './collect-works.js'

const { min, max } = noQuirks.replyDelayMs
/** From a request's end to a meter's first byte, in the mean. */
const meterMs = (min + max) / 2
/** Silence before each request on a wire: the site's default. */
const quietMs = 20
/** A module's port: 9600 baud, 11 bits a byte. */
const portByteMs = 11_000 / 9600
/** Of Q/GDW 1376.2 around a meter's frame: the frame 15, two addresses 12, the function's own 4; of a concurrent answer 3. */
const aroundBytes = 31
const aroundAnswerBytes = 30
/** Quiet before each request to a narrow-band module (facts on Q/GDW 1376.2, §1). */
const narrowGapMs = 500
/** Of a read that the module leads: its pause, its question of 15 + 12 + 9 bytes, our confirmation of its report of 15 + 6. */
const ledPauseMs = 100
const ledQuestionBytes = 36
const ledConfirmBytes = 21

/**
 * The least time in which a medium can carry a work for all meters of a link, from the medium's own figures and the frames' lengths
 * alone: nobody waits for anything but the medium, nothing is lost, nothing else travels.
 */
export function boundMs({ kind, baud, meters }: CollectMedium, exchanges: readonly MeterExchange[]): number {
  const oneByOne = (exchangeMs: (exchange: MeterExchange) => number): number => meters * sum(exchanges.map(exchangeMs))
  switch (kind) {
    case 'rs485':
      return oneByOne(({ out, back }) => ((out + back) * 11_000) / baud + meterMs + quietMs)
    case 'plc-hplc':
      return concurrentMs(meters, exchanges)
    case 'plc-narrow': {
      const behind = { medium: kind, meters }
      return oneByOne((exchange) => Math.min(forwardedMs(behind, exchange, narrowGapMs), ledMs(behind, exchange)))
    }
    case 'wireless':
      return oneByOne((exchange) => forwardedMs({ medium: kind, meters }, exchange, 0))
    case 'radio-modem':
      return oneByOne((exchange) => modemMs(exchange, baud))
  }
}

/**
 * Concurrent reads: the frames for one meter travel together, the network carries several reads at a time, and the port out and the
 * port in are wires of their own. The scarcest of the three decides.
 */
function concurrentMs(meters: number, exchanges: readonly MeterExchange[]): number {
  const figures = figuresOf['plc-hplc']
  const reads = Math.ceil(exchanges.length / framesPerReadMax)
  const networkMs = (reads * travelMs(figures, meters) + exchanges.length * meterMs) / figures.servedAtOnce
  const outMs = (reads * aroundBytes + sum(exchanges.map(({ out }) => out))) * portByteMs
  const inMs = (reads * aroundAnswerBytes + sum(exchanges.map(({ back }) => back))) * portByteMs
  return meters * Math.max(networkMs, outMs, inMs)
}

/** So many meters behind a module. */
interface Behind {
  readonly medium: ModuleMedium
  readonly meters: number
}

/** 13F1: one at a time, down the port, through the network, up the port. */
function forwardedMs({ medium, meters }: Behind, { out, back }: MeterExchange, gapMs: number): number {
  const portMs = (2 * aroundBytes + out + back) * portByteMs
  return gapMs + portMs + travelMs(figuresOf[medium], meters) + meterMs + commandMs
}

/** 14F1: the module asks, is given the frame, reports, and is told that it may go on. */
function ledMs({ medium, meters }: Behind, { out, back }: MeterExchange): number {
  const portMs = (ledQuestionBytes + aroundBytes + out + aroundBytes + back + ledConfirmBytes) * portByteMs
  return ledPauseMs + portMs + travelMs(figuresOf[medium], meters) + meterMs + 2 * commandMs
}

/** There and back through the network, in the mean over so many nodes. */
function travelMs({ baseMs, hopMs, jitterMs, depthPercents }: MediumFigures, meters: number): number {
  const untilDepth = depthPercents.map((_, index) => sum(depthPercents.slice(0, index + 1)))
  const hopsOf = (place: number): number => 1 + untilDepth.filter((percent) => (100 * place) / meters >= percent).length
  const hops = sum(Array.from({ length: meters }, (_, place) => hopsOf(place))) / meters
  return baseMs + hopMs * (hops - 1) + jitterMs / 2
}

/** Of the E32 kind: packets of 58 bytes at 2400 bit/s with 16 bytes around, a pause of 3 bytes that ends one, 5 ms from air to wire. */
const modem = {
  packetBytes: 58,
  aroundBytes: 16,
  airByteMs: 8000 / 2400,
  pauseBytes: 3,
  handOverMs: 5,
  portByteMs: 10_000 / 9600,
}

function modemMs({ out, back }: MeterExchange, meterBaud: number): number {
  const farByteMs = 11_000 / meterBaud
  const there = throughAirMs(out, modem.portByteMs) + modem.handOverMs + out * farByteMs
  // Of the last packet: what went before is on our wire while this one is in the air.
  const lastBytes = back % modem.packetBytes || Math.min(back, modem.packetBytes)
  return there + meterMs + throughAirMs(back, farByteMs) + modem.handOverMs + lastBytes * modem.portByteMs
}

/** From the first byte on the wire into a modem to the end of the last packet in the air. */
function throughAirMs(bytes: number, byteMs: number): number {
  let endMs = 0
  for (let given = 0; given < bytes;) {
    const carried = Math.min(modem.packetBytes, bytes - given)
    given += carried
    const readyMs = (given + (carried < modem.packetBytes ? modem.pauseBytes : 0)) * byteMs
    endMs = Math.max(endMs, readyMs) + (carried + modem.aroundBytes) * modem.airByteMs
  }
  return endMs
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)
