import t, { type Test } from 'tap'
import { createLink, parseLinkUrl } from '../../drivers/link/index.js'
import { createPlcBus } from '../../drivers/plc/index.js'
import { DeviceServer, SimulatedArea, type LinkPlan } from '../../drivers/simulated/index.js'
import { createRadioModemBus, defaultRadioSettings } from '../../drivers/wireless/index.js'
import { linkId, monotonicMs } from '../../src/model/index.js'
import type { Bus } from '../../src/ports/index.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { lineLog } from '../helpers/line-log.js'
import { energyRead } from '../helpers/mesh-area.js'
import { valueOf } from '../helpers/outcome.js'

const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
const world = { clock, timers: systemTimers }

async function serve(t: Test, plan: LinkPlan) {
  const area = new SimulatedArea({ seed: 3, links: [plan], startsAt: Date.now(), utcOffsetMinutes: 480, baud: 9600 }, world)
  const { device, wire, byteMs } = area.bus(linkId('bus1'))
  if (device === null) throw new Error('no device')
  const server = new DeviceServer({
    device,
    faults: () => wire.faults,
    now: () => area.now(),
    timers: systemTimers,
    byteMs,
    seed: 1,
  })
  const port = await server.listen(0)
  t.teardown(() => server.close())
  const url = valueOf(parseLinkUrl(`tcp://127.0.0.1:${port}?baud=9600`))
  const link = createLink(url, { ...world, random: systemRandom, log: lineLog().log })
  return { area, server, link }
}

/** Resolves when a bus is up; the test's own limit ends the waiting. */
const up = (bus: Bus): Promise<void> =>
  new Promise((resolve) => {
    if (bus.isUp()) return resolve()
    bus.onState((isUp) => (isUp ? resolve() : undefined))
  })

await t.test('a module behind a TCP port is started and read by its driver in real time', async (t) => {
  const { area, server, link } = await serve(t, { kind: 'plc-hplc', meters: 3, module: { stands: true } })
  const bus = createPlcBus({ link, ...world, choice: { reading: 'auto', window: null, mainNode: null, reports: true } })
  t.teardown(() => bus.close())
  bus.network.setNodes(area.archive.map(({ address, protocol }) => ({ address, protocol })))
  await up(bus)
  for (const meter of area.archive) {
    const outcome = await bus.exchange(energyRead(meter), monotonicMs(clock.monotonic() + 30_000))
    t.equal(outcome.kind, 'reply')
  }
  t.ok(server.statistics.requests > 5 && server.statistics.replies > 5)
  server.setPlugged(false)
  await new Promise<void>((resolve) => bus.onState((isUp) => (isUp ? undefined : resolve())))
  t.notOk(bus.isUp())
})

await t.test('a radio modem behind a TCP port as well', async (t) => {
  const { area, link } = await serve(t, { kind: 'radio-modem', meters: 2, modem: { airRate: 19_200 } })
  const settings = defaultRadioSettings({ pace: { airBitsPerSecond: 19_200, packetOverheadBytes: 16, wakeUpMs: 0 } })
  const bus = createRadioModemBus({ link, ...world, settings })
  t.teardown(() => bus.close())
  await up(bus)
  for (const meter of area.archive) {
    const outcome = await bus.exchange(energyRead(meter), monotonicMs(clock.monotonic() + 30_000))
    t.equal(outcome.kind, 'reply')
  }
})
