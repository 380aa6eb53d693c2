import t from 'tap'
import { busContract, type BusUnderTest } from '../helpers/bus-contract.js'
import { broadcastOf, moduleBench, readOf, wireOf } from '../helpers/module-bench.js'
import type { ScriptedOptions } from '../helpers/scripted-module.js'

const meters = Array.from({ length: 30 }, (_, index) => index + 1)
const silent = 29
const garbled = 30

async function underTest(module: ScriptedOptions): Promise<BusUnderTest> {
  const bench = moduleBench({ meters, module: { readMs: 400, broadcastWaitS: 1, ...module } })
  const { meter } = bench.module
  bench.module.meter = (address, frame) => {
    if (address === wireOf(silent)) return null
    return address === wireOf(garbled) ? Uint8Array.of(0x21, 0x55, 0x55) : meter(address, frame)
  }
  await bench.up()
  // Through the first look at the network.
  await bench.time.runFor(60_000)
  let next = 0
  return {
    bus: bench.bus,
    clock: bench.time,
    answered: () => readOf(meters[next++ % 28] ?? 1),
    silent: () => readOf(silent),
    garbled: () => readOf(garbled),
    broadcast: broadcastOf,
    run: (work) => bench.run(work),
    lateMs: 1,
    close: () => bench.bus.close(),
  }
}

await t.test('a carrier module that is read concurrently', async (t) => {
  await busContract(t, () => underTest({ medium: 2 }))
})

await t.test('a carrier module that forwards one read at a time', async (t) => {
  await busContract(t, () => underTest({ medium: 1, led: 1 }))
})
