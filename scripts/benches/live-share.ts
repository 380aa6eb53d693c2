import { pause, type PacedBuses } from './paced-buses.js'

export interface Measured {
  readonly exchanges: number
  /** Ideal time of the live exchanges between the first and the last one measured, over the time between them. */
  readonly ratio: number
  readonly cpuUsPerExchange: number
  readonly probeShare: number
}

/** From the end of one live exchange to the end of another, on each bus: no exchange is cut in two. */
export async function measure(buses: PacedBuses, durationMs: number): Promise<Measured> {
  const probeMs = (): number => buses.runners.reduce((sum, runner) => sum + runner.snapshot().probeMs, 0)
  const before = buses.progress()
  const probesBefore = probeMs()
  const cpuBefore = process.cpuUsage()
  await pause(durationMs)
  const cpu = process.cpuUsage(cpuBefore)
  const probes = probeMs() - probesBefore
  const after = buses.progress()
  let exchanges = 0
  let elapsedMs = 0
  for (const [i, end] of after.entries()) {
    exchanges += end.replies - (before[i]?.replies ?? 0)
    elapsedMs += end.at - (before[i]?.at ?? 0)
  }
  return {
    exchanges,
    ratio: (exchanges * buses.idealMs) / elapsedMs,
    cpuUsPerExchange: (cpu.user + cpu.system) / Math.max(1, exchanges),
    probeShare: probes / elapsedMs,
  }
}
