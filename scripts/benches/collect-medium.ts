/** One medium of the bench `collect` in a process of its own, so that peaks of memory do not mix. Prints a line of JSON for each figure. */
import { parseArgs } from 'node:util'
import { dayMs, epochMs, startOfLocalDay, type EpochMs } from '../../src/model/index.js'
import { boundOf } from './collect-bound.js'
import { collectMedia, recordsMissed, type CollectMedium, type CollectWork } from './collect-works.js'
import { minuteMs, quarterMs, Rounds, utcOffsetMinutes, type Measured } from './collect-rounds.js'
import { accounts, type Account } from './cpu-accounts.js'
import type { Figure } from './figures.js'
import type { VirtualSite } from './virtual-site.js'

const { values } = parseArgs({ options: { medium: { type: 'string' }, values: { type: 'string' }, only: { type: 'string' } } })
/** Rounds of a kind of work for which one is all that a day has. */
const daysMeasured = 3
/** Modules start, clocks are looked at, and every meter's ways are known. */
const settlingMs = 40 * minuteMs

const medium = collectMedia.find(({ name }) => name === values.medium)
if (medium === undefined) throw new Error(`no medium ${values.medium ?? ''}`)
await main(medium, Number(values.values ?? 0), values.only ?? '')

async function main(medium: CollectMedium, valuesWanted: number, only: string): Promise<void> {
  const works = medium.works.filter(({ name }) => `${medium.name}: ${name}`.includes(only))
  const curves = works.filter(({ kind }) => kind === 'curve').length
  const total = { values: 0 }
  const residentMib = process.memoryUsage.rss() / 2 ** 20
  for (const work of works) {
    const measured = await measure(medium, work, valuesWanted / Math.max(1, curves))
    total.values += measured.values
    tell(medium, work, measured)
  }
  const { maxRSS } = process.resourceUsage()
  say(`${medium.name}: memory`, 'peak of the process, far end and database included', maxRSS / 1024, 'MiB')
  say(`${medium.name}: memory`, 'of it before the first site was built', residentMib, 'MiB')
  say(`${medium.name}: memory`, 'values collected', total.values, '')
}

function tell(medium: CollectMedium, work: CollectWork, measured: Measured): void {
  const name = `${medium.name}: ${work.name}`
  const bound = boundOf(medium, work)
  const perSecond = (1000 * measured.values) / measured.elapsedMs
  const boundPerSecond = (1000 * medium.meters * work.valuesPerMeter) / bound.ms
  say(name, 'values per bus-second', perSecond, '1/s')
  say(name, 'the medium’s own bound', boundPerSecond, '1/s')
  say(name, 'actual / bound', perSecond / boundPerSecond, '', medium.kind === 'rs485' ? '>= 0.95' : '>= 0.9')
  if (measured.missing > 0) say(name, 'values that did not come', measured.missing, '')
  const perMillion = (account: Account): number => (measured.cpu[account] * 1e6) / measured.values
  for (const account of accounts) say(name, `CPU for 1,000,000 values, ${account}`, perMillion(account), 's')
  say(name, 'values', measured.values, '')
  say(name, 'bytes on the port for each value', measured.portBytes / measured.values, 'B')
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

/** The daemon is away for some hours; what it missed is in the meters' load records. */
async function backfill(rounds: Rounds): Promise<void> {
  const { site } = rounds
  await site.time.runUntilWall(epochMs(nextQuarter(site) + 2 * quarterMs + 5 * minuteMs))
  await site.stop()
  const from = nextQuarter(site)
  await site.time.runUntilWall(epochMs(from + (recordsMissed - 1) * quarterMs + minuteMs))
  const to = epochMs(from + recordsMissed * quarterMs)
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
