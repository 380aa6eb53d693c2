import t from 'tap'
import { moduleVendors, SimulatedArea, VirtualTime, type LinkPlan, type ModuleQuirks } from '../../drivers/simulated/index.js'
import { createRadioModemBus, defaultRadioSettings } from '../../drivers/wireless/index.js'
import { epochMs, linkId } from '../../src/model/index.js'
import { busContract, type BusUnderTest } from '../helpers/bus-contract.js'
import { marchFirst } from '../helpers/simulated-meter.js'
import { energyRead, meshBench, timeBroadcast, type MeshBenchOptions } from '../helpers/mesh-area.js'

async function underTest(
  kind: LinkPlan['kind'],
  quirks: Partial<ModuleQuirks>,
  more: Partial<MeshBenchOptions> = {},
): Promise<BusUnderTest> {
  const bench = meshBench({
    ...more,
    link: {
      kind, // The suite gives an exchange ten seconds; a broadcast over narrowband takes longer by itself.
      module: { stands: true, quirks, figures: { broadcastLevelMs: 300 }, faults: { liveUnitsPpm: 1_000_000 } },
    },
  })
  await bench.up()
  // Through the first look at the network.
  await bench.time.runFor(120_000)
  const [dead, ...others] = bench.meters
  if (dead === undefined) throw new Error('the area has meters')
  bench.area.meter(dead.address).setDead(true)
  let next = 0
  return {
    bus: bench.bus,
    clock: bench.time,
    answered: () => energyRead(others[next++ % others.length] ?? dead),
    silent: () => energyRead(dead),
    broadcast: timeBroadcast,
    run: (work) => bench.run(work),
    silentMsMax: 10_000,
    lateMs: 1,
    close: () => bench.bus.close(),
  }
}

for (const [vendor, quirks] of Object.entries(moduleVendors)) {
  await t.test(`broadband carrier of the ${vendor} kind`, async (t) => {
    const choice = quirks.concurrent === false ? ({ choice: { reading: 'forward' } } as const) : {}
    await busContract(t, () => underTest('plc-hplc', quirks, choice))
  })
  await t.test(`narrowband carrier of the ${vendor} kind, concentrator-led`, async (t) => {
    await busContract(t, () => underTest('plc-narrow', quirks, { choice: { reading: 'forward' } }))
  })
  await t.test(`micro-power radio of the ${vendor} kind`, async (t) => {
    await busContract(t, () => underTest('wireless', quirks))
  })
}

await t.test('a transparent radio modem, with the real driver', async (t) => {
  await busContract(t, () => {
    const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
    const links: readonly LinkPlan[] = [{ kind: 'radio-modem', meters: 3, modem: { airRate: 9600 } }]
    const area = new SimulatedArea(
      { seed: 5, links, startsAt: marchFirst, utcOffsetMinutes: 480, baud: 2400 },
      { clock: time, timers: time },
    )
    const settings = defaultRadioSettings({
      configuration: 'dtr-rts',
      pace: { airBitsPerSecond: 9600, packetOverheadBytes: 16, wakeUpMs: 0 },
    })
    const bus = createRadioModemBus({ link: area.openLink(linkId('bus1'), 16), clock: time, timers: time, settings })
    const [dead, ...others] = area.archive
    if (dead === undefined) throw new Error('the area has meters')
    area.meter(dead.address).setDead(true)
    let next = 0
    const run = async <T>(work: Promise<T>): Promise<T> => {
      let isSettled = false
      const settled = work.finally(() => (isSettled = true))
      await time.runUntil(() => isSettled, 120_000)
      return await settled
    }
    const under: BusUnderTest = {
      ...{ bus, clock: time, run, lateMs: 1, silentMsMax: 10_000 },
      answered: () => energyRead(others[next++ % others.length] ?? dead),
      silent: () => energyRead(dead),
      broadcast: timeBroadcast,
      close: () => bus.close(),
    }
    return time.runUntil(() => bus.isUp(), 60_000).then(() => under)
  })
})
