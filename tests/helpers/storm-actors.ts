import { setTimeout as pause } from 'node:timers/promises'
import type { FieldWorld } from './field-world.js'

/** Kills the daemon again and again: mostly while it works, now and then while it starts. Ends with a daemon that is ready. */
export async function killDaemons(world: FieldWorld, kills: number): Promise<void> {
  const random = world.random.fork('daemon kills')
  for (let kill = 0; kill < kills; kill++) {
    const isEarly = random.chance(150_000)
    if (isEarly) {
      const atMs = 50 + random.below(1_200)
      await pause(Math.max(0, atMs - (performance.now() - world.daemon.spawnedAt)))
      if (!world.daemon.lines.some(({ event }) => event === 'ready')) world.counts.killsBeforeReady += 1
    } else {
      await world.ready()
      await pause(100 + random.below(2_000))
    }
    await world.killDaemon()
    world.counts.daemonKills += 1
    world.startDaemon()
  }
  await world.ready()
}

/** Kills the broker again and again; what it held is gone. Ends with a broker that listens. */
export async function killBrokers(world: FieldWorld, kills: number): Promise<void> {
  const random = world.random.fork('broker kills')
  for (let kill = 0; kill < kills; kill++) {
    await pause(500 + random.below(5_500))
    await world.broker.kill()
    world.counts.brokerKills += 1
    await pause(random.below(2_000))
    await world.broker.up()
  }
}

/** Customers: switch loads on and off, and press the button of their meter in the hope that it closes. */
export async function liveOn(world: FieldWorld, signal: AbortSignal): Promise<number> {
  const random = world.random.fork('customers')
  const { meters, area } = world
  let closed = 0
  while (!signal.aborted) {
    await pause(100 + random.below(500))
    const meter = meters[random.below(meters.length)] ?? ''
    if (random.chance(250_000)) await area.ask({ do: 'load', meter, watts: 5_000 + random.below(45_000) })
    else if (await area.press(meter)) closed += 1
  }
  return closed
}
