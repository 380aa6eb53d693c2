import t from 'tap'
import { createRadioModemBus, defaultRadioSettings } from '../../drivers/wireless/index.js'
import { VirtualTime } from '../../drivers/simulated/virtual-time.js'
import { epochMs, meterAddress } from '../../src/model/index.js'
import type { ExchangeRequest } from '../../src/ports/index.js'
import { busContract, type BusUnderTest } from '../helpers/bus-contract.js'
import { FakeModem, fullPacketMs, longReply, longRequest, longScanner, packetsIn } from '../helpers/radio-modem.js'

const replyBytes = 100
const request = (meter: number): ExchangeRequest => ({
  to: meterAddress(String(meter)),
  bytes: longRequest(meter, 1),
  reply: longScanner(meter, 1),
  quietMs: 20,
  firstByteMs: 500,
})

/** Meter 7 answers in two packets, meter 8 not at all, of meter 9's reply the second packet is lost. */
function underTest(): Promise<BusUnderTest> {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const modem = new FakeModem(time)
  // This suite is no matter of air time.
  const settings = defaultRadioSettings({ air: { hourMs: 3_600_000, urgentMs: 0 } })
  modem.onRequest = (bytes) => {
    const meter = bytes[1] ?? 0
    const packets = packetsIn(longReply(meter, 1, replyBytes))
    if (meter === 7) modem.bring(packets, 700, fullPacketMs)
    if (meter === 9) modem.bring(packets.slice(0, 1), 700, 0)
  }
  const bus = createRadioModemBus({ link: modem, clock: time, timers: time, settings })
  return Promise.resolve({
    bus,
    clock: time,
    answered: () => request(7),
    silent: () => request(8),
    garbled: () => request(9),
    broadcast: () => ({ ...request(0), to: 'all', reply: 'none' }),
    run: async (work) => {
      let isSettled = false
      const settled = work.finally(() => (isSettled = true))
      await time.runUntil(() => isSettled, 60_000)
      return await settled
    },
    lateMs: 0,
    close: () => bus.close(),
  })
}

await t.test('the radio modem keeps the contract of a bus', async (t) => {
  await busContract(t, underTest)
})
