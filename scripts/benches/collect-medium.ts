/** One medium of the bench `collect` in a process of its own, so that peaks of memory do not mix. Prints a line of JSON for each figure. */
import { parseArgs } from 'node:util'
import { dayMs, epochMs, startOfLocalDay, type EpochMs } from '../../src/model/index.js'
import { boundMs } from './collect-bound.js'
import { collectMedia, recordsMissed, type CollectMedium, type CollectWork } from './collect-works.js'
import { minuteMs, quarterMs, Rounds, utcOffsetMinutes, type Measured } from './collect-rounds.js'
import type { Figure } from './figures.js'
import type { VirtualSite } from './virtual-site.js'

const { values } = parseArgs({ options: { medium: { type: 'string' }, values: { type: 'string' }, only: { type: 'string' } } })
/** Rounds of a kind of work for which one is all that a day has. */
const daysMeasured = 7
/** Modules start, clocks are looked at, and every meter's ways are known. */
const settlingMs = 40 * minuteMs

const medium = collectMedia.find(({ name }) => name === values.medium)
if (medium === undefined) throw new Error(`no medium ${values.medium ?? ''}`)
await main(medium, Number(values.values ?? 0), values.only ?? '')

async function main(medium: CollectMedium, valuesWanted: number, only: string): Promise<void> {
  const works = medium.works.filter(({ name }) => `${medium.name}: ${name}`.includes(only))
  const curves = works.filter(({ kind }) => kind === 'curve').length
  const before = process.resourceUsage().maxRSS
  let collected = 0
  for (const work of works) {
    const measured = await measure(medium, work, valuesWanted / Math.max(1, curves))
    collected += measured.values
    tell(medium, work, measured)
  }
  const { maxRSS } = process.resourceUsage()
  const name = `${medium.name}: memory`
  say(name, 'peak, far end and database included', maxRSS / 1024, 'MiB')
  say(name, 'of it the program before any site', before / 1024, 'MiB')
  say(name, 'values collected', collected, '')
}

function tell(medium: CollectMedium, work: CollectWork, { values, missing, elapsedMs, cpu, portBytes }: Measured): void {
  const name = `${medium.name}: ${work.name}`
  const perSecond = (1000 * values) / elapsedMs
  const boundPerSecond = (1000 * medium.meters * work.valuesPerMeter) / boundMs(medium, work.exchanges)
  say(name, 'values per bus-second', perSecond, '1/s')
  say(name, 'the medium’s own bound', boundPerSecond, '1/s')
  say(name, 'actual / bound', perSecond / boundPerSecond, '', medium.kind === 'rs485' ? '>= 0.95' : '>= 0.9')
  if (missing > 0) say(name, 'values that did not come', missing, '')
  const perMillion = (seconds: number): number => (seconds * 1e6) / values
  // Freezes come in short bursts with a day in between: what they cost is told, but is not what flows all day.
  const cpuAim = work.kind === 'freeze' ? null : '<= 100'
  say(name, 'CPU for 1,000,000 values, far end left out', perMillion(cpu.runtime + cpu.store), 's', cpuAim)
  say(name, 'of it the store', perMillion(cpu.store), 's')
  say(name, 'CPU of the far end', perMillion(cpu['far end']), 's')
  say(name, 'bytes on the port for each value', portBytes / values, 'B')
  say(name, 'values', values, '')
}

function say(name: string, figure: string, value: number, unit: string, aim: string | null = null): void {
  const line: Figure = { bench: 'collect', case: name, figure, value, unit, aim }
  console.log(JSON.stringify(line))
}

async function measure(medium: CollectMedium, work: CollectWork, valuesWanted: number): Promise<Measured> {
  const rounds = new Rounds(medium, work)
  const { site } = rounds
  try {
    await site.start()
    switch (work.kind) {
      case 'freeze':
        await site.time.runFor(settlingMs)
        for (let day = 0; day <= daysMeasured; day++) await rounds.run(nextMidnight(site) + 5 * minuteMs, dayMs / 2, day > 0)
        break
      case 'curve':
        await site.time.runFor(settlingMs)
        for (let round = 0; round === 0 || rounds.values < valuesWanted || round < 3; round++)
          await rounds.run(nextQuarter(site), quarterMs - minuteMs, round > 0)
        break
      case 'back-fill':
        await site.time.runFor(settlingMs)
        await backfill(rounds)
        break
    }
    return rounds.measured()
  } finally {
    await site.stop()
    site.remove()
  }
}

/** The daemon is away for some hours; what it missed is in the meters' load records. Live reads are over when it is back, and not due yet. */
async function backfill(rounds: Rounds): Promise<void> {
  const { site } = rounds
  await site.time.runUntilWall(epochMs(nextQuarter(site) + 5 * minuteMs))
  await site.stop()
  const from = nextQuarter(site)
  const to = epochMs(from + recordsMissed * quarterMs)
  await site.time.runUntilWall(epochMs(to - 10 * minuteMs))
  rounds.expect(from, to, true)
  await site.start()
  await site.time.runUntil(() => site.isUp, quarterMs)
  await rounds.finish(dayMs / 2)
}

function nextQuarter({ time }: VirtualSite): EpochMs {
  return epochMs(Math.floor(time.wall().at / quarterMs) * quarterMs + quarterMs)
}

function nextMidnight({ time }: VirtualSite): EpochMs {
  return epochMs(startOfLocalDay(time.wall().at, utcOffsetMinutes) + dayMs)
}
