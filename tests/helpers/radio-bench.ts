import { createRadioModemBus, defaultRadioSettings, type RadioSettings } from '../../drivers/wireless/index.js'
import { firstPacketMs, requestMs } from '../../drivers/wireless/air-time.js'
import { VirtualTime } from '../../drivers/simulated/virtual-time.js'
import { epochMs, meterAddress, monotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest, MeshAir, MeshReport } from '../../src/ports/index.js'
import { FakeModem, fullPacketMs, longRequest, longScanner, testPace } from './radio-modem.js'

export const wires = { byteMs: 1, farByteMs: 5 }
export const far = monotonicMs(1e9)
export const gapMs = fullPacketMs
export const request = (overrides: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  to: meterAddress('7'),
  bytes: longRequest(7, 1),
  reply: longScanner(7, 1),
  quietMs: 0,
  firstByteMs: 200,
  ...overrides,
})
/** Until the meter has heard a request of 20 bytes; until its first packet could come. */
export const heardMs = requestMs(20, wires, testPace)
export const firstMs = (replyBytes: number): number => firstPacketMs(replyBytes, wires, testPace)

/** A radio modem's bus in virtual time. */
export interface Bench {
  readonly time: VirtualTime
  readonly modem: FakeModem
  readonly bus: ReturnType<typeof createRadioModemBus>
  readonly reports: MeshReport[]
  /** Runs one exchange; packets come `lateMs` after the meter could first be heard. */
  readonly ask: (asked: ExchangeRequest, packets?: readonly Uint8Array[], lateMs?: number) => Promise<ExchangeOutcome>
}

export function bench(settings: Partial<RadioSettings> = {}): Bench {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const modem = new FakeModem(time)
  const bus = createRadioModemBus({
    link: modem,
    clock: time,
    timers: time,
    settings: defaultRadioSettings({ farByteMs: 5, ...settings }),
  })
  const reports: MeshReport[] = []
  bus.network.onReport((report) => reports.push(report))
  const ask: Bench['ask'] = async (asked, packets = [], lateMs = 0) => {
    modem.onRequest = () => modem.bring(packets, heardMs + firstMs(packets[0]?.length ?? 0) + lateMs, gapMs)
    return await settled(time, bus.exchange(asked, far))
  }
  return { time, modem, bus, reports, ask }
}

/** Lets time pass until `work` settles. */
export async function settled<T>(time: VirtualTime, work: Promise<T>): Promise<T> {
  let isSettled = false
  const watched = work.finally(() => (isSettled = true))
  await time.runUntil(() => isSettled, 4_000_000)
  return await watched
}

export const directionsOf = ({ bus }: Bench): readonly string[] => bus.trace().map(({ direction }) => direction)
export const airOf = ({ bus }: Bench): MeshAir | undefined => bus.network.snapshot().air
