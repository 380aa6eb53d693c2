import t from 'tap'
import type { LinkPlan, ModuleQuirks } from '../../drivers/simulated/index.js'
import { moduleVendors } from '../../drivers/simulated/index.js'
import { busContract, type BusUnderTest } from '../helpers/bus-contract.js'
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
