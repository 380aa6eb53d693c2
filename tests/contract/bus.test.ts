import { join } from 'node:path'
import t from 'tap'
import { createLink, parseLinkUrl, type LinkSpec } from '../../drivers/link/index.js'
import { createRs485Bus } from '../../drivers/rs485/index.js'
import type { ExchangeRequest } from '../../src/ports/index.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { startWires } from '../../scripts/wire-process.js'
import { busContract, type BusUnderTest } from '../helpers/bus-contract.js'
import { lineLog } from '../helpers/line-log.js'
import { replyScanner, requestOf, testAddress } from '../helpers/test-protocol.js'
import { answeringMeter, garbledMeter, silentMeter, startTestServer } from '../helpers/test-server.js'

function specOf(url: string): LinkSpec {
  const parsed = parseLinkUrl(url)
  if (!parsed.ok) throw new Error(parsed.error.map(({ message }) => message).join('; '))
  return parsed.value
}

const request = (meter: number): ExchangeRequest => ({
  to: testAddress(meter),
  bytes: requestOf(meter, 1),
  reply: replyScanner(meter, 1),
  quietMs: 2,
  firstByteMs: 500,
})

async function underTest(url: string, closeFarEnd: () => Promise<void>): Promise<BusUnderTest> {
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const { log } = lineLog()
  const link = createLink(specOf(url), { clock, timers: systemTimers, random: systemRandom, log })
  const bus = createRs485Bus({ link, clock, timers: systemTimers, settings: { interByteMs: 100, broadcastQuietMs: 50 } })
  await new Promise<void>((resolve) => bus.onState((up) => up && resolve()))
  return {
    bus,
    clock,
    answered: () => request(answeringMeter),
    silent: () => request(silentMeter),
    garbled: () => request(garbledMeter),
    broadcast: () => ({ ...request(0), to: 'all', reply: 'none' }),
    run: (work) => work,
    lateMs: 500,
    close: async () => {
      await bus.close()
      await closeFarEnd()
    },
  }
}

await t.test('rs485 over a TCP serial server', async (t) => {
  await busContract(t, async () => {
    const server = await startTestServer(5)
    return await underTest(`tcp://127.0.0.1:${server.port}`, () => server.close())
  })
})

for (const echo of [false, true])
  await t.test(`rs485 over a serial port${echo ? ' whose adapter echoes' : ''}`, async (t) => {
    await busContract(t, async () => {
      const server = await startTestServer(0)
      const link = join(t.testdir({}), 'bus')
      const wires = await startWires({
        wires: [{ link, connect: `127.0.0.1:${server.port}` }],
        baud: 19_200,
        replyDelayMs: 5,
        echo,
      })
      return await underTest(`serial:${link}?baud=19200`, async () => {
        await wires.stop()
        await server.close()
      })
    })
  })
