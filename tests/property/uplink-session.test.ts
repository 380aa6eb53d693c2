import fc from 'fast-check'
import t from 'tap'
import { streams } from '../../src/model/index.js'
import { UplinkWorld, seeded } from '../helpers/uplink-world.js'

const hourMs = 3_600_000

await t.test('lesson 14, 15: whatever is lost in whatever state, in the end the master has everything', async (t) => {
  let worlds = 0
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seeded(seed)
      const world = new UplinkWorld(random)
      world.readMaxMs = 5_000
      world.feed({ kind: 'start' })
      world.faults = {
        lostAfterPuback: random() * 0.3,
        lostDown: random() * 0.3,
        refused: random() * 0.1,
        connectFails: random() * 0.5,
      }
      for (let fault = 0; fault < 60; fault++) {
        world.run(random() * 20_000)
        disturb(world, random)
      }
      heal(world)
      worlds += 1
      world.run(hourMs)
      if (random() < 0.5) forget(world, random)
      world.append('event', 1)
      world.run(6 * hourMs)
      const { phase } = world.session
      return (
        world.missing().length === 0 &&
        phase.name === 'online' &&
        phase.sender.underWay.length === 0 &&
        phase.connection.unconfirmed.length === 0 &&
        world.steps < 200_000
      )
    }),
    { numRuns: 150 },
  )
  t.ok(worlds >= 150)
})

await t.test('a good day sends every record once', async (t) => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seeded(seed)
      const world = new UplinkWorld(random)
      world.feed({ kind: 'start' })
      for (let hour = 0; hour < 20; hour++) {
        for (const stream of streams) world.append(stream, Math.floor(random() * 40))
        world.run(hourMs)
      }
      return world.missing().length === 0 && world.duplicates === 0
    }),
    { numRuns: 30 },
  )
  t.pass()
})

await t.test('a database older than the master’s copy is found out, and nothing is taken for what it is not', async (t) => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seeded(seed)
      const world = new UplinkWorld(random)
      world.feed({ kind: 'start' })
      for (const stream of streams) world.append(stream, 5 + Math.floor(random() * 40))
      world.run(hourMs)
      world.restore()
      world.restart()
      world.run(hourMs)
      for (const stream of streams) world.append(stream, Math.floor(random() * 40))
      world.run(hourMs)
      return world.epoch === 2 && world.missing().length === 0
    }),
    { numRuns: 50 },
  )
  t.pass()
})

function disturb(world: UplinkWorld, random: () => number): void {
  const stream = streams[Math.floor(random() * streams.length)] ?? 'event'
  const dice = Math.floor(random() * 14)
  if (dice < 4) return world.append(stream, 1 + Math.floor(random() * 200))
  if (dice === 4) return world.cut()
  if (dice === 5) world.isBlack = !world.isBlack
  if (dice === 6) world.isMasterUp = !world.isMasterUp
  if (dice === 7) world.evict(stream, world.markOf(stream) + Math.floor(random() * 30))
  if (dice === 8) return world.feed({ kind: 'replay', stream, first: 1 + Math.floor(random() * 50), count: 20 })
  if (dice === 9) world.acknowledge()
  if (dice === 10) forget(world, random)
  if (dice === 12) world.restart()
  if (dice === 13 && random() < 0.3) {
    world.restore()
    world.openEpoch()
    world.restart()
  }
  if (dice === 11) world.feed({ kind: 'order', generation: world.session.generation })
}

/** The master is restored from a copy of some time ago. */
function forget(world: UplinkWorld, random: () => number): void {
  for (const key of world.received.keys()) if (random() < 0.3) world.received.delete(key)
}

function heal(world: UplinkWorld): void {
  world.faults = { lostAfterPuback: 0, lostDown: 0, refused: 0, connectFails: 0 }
  world.isBlack = false
  world.isMasterUp = true
  world.append('event', 1)
}
