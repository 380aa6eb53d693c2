import {
  accountId,
  dayMs,
  epochMs,
  formatLocal,
  micro,
  startOfLocalDay,
  type AccountLimits,
  type EpochMs,
} from '../../src/model/index.js'
import { Received } from './received-records.js'
import { WholeRuntime } from './whole-runtime.js'

const startsAt = Date.UTC(2026, 4, 31, 9, 0, 0)
const utcOffsetMinutes = 480
const minutes = 60_000
const hours = 60 * minutes
const yuan = (amount: number) => micro(BigInt(Math.round(amount * 1_000_000)))
const limits: AccountLimits = {
  alarm1: yuan(10),
  alarm2: yuan(5),
  overdraft: yuan(0),
  closePermitted: yuan(1),
  hoarding: yuan(0),
  largestCredit: yuan(0),
}
const tasks = `tasks:
  - { id: daily-freeze, kind: daily-freeze, cron: '0 0 * * *', items: [energy], closesAfterMinutes: 1380 }
  - { id: curve-15, kind: curve, cron: '*/15 * * * *', items: [energy] }
  - { id: clock, kind: clock, cron: '17 3 * * *', items: [clock] }
`

const planned = ['daily-freeze', 'curve-15', 'clock']

/** What a simulated month came to. */
export interface MonthFigures {
  readonly slots: number
  readonly values: number
  readonly absences: Readonly<Record<string, number>>
  readonly unexplained: number
  readonly late: number
  readonly trips: number
  readonly doubleTrips: number
  readonly wrongful: number
  /** Over every record in both streams: equal digests, equal runs. */
  readonly digest: string
}

/** 200 meters on 8 buses, 5 % of exchanges lost, 1 % dead meters, a quarter of the customers prepaid, over so many days. */
export async function runMonth(seed: number, days: number): Promise<MonthFigures> {
  const site = new WholeRuntime({
    area: {
      seed,
      buses: 8,
      metersPerBus: 25,
      startsAt,
      utcOffsetMinutes,
      baud: 2400,
      historyMs: 5 * dayMs,
      shares: { dead: 10_000, slow: 20_000, trailingAa: 50_000, noPreamble: 50_000 },
      faults: { lostRequestsPpm: 25_000, lostRepliesPpm: 25_000 },
    },
    tasks,
    seed,
  })
  try {
    await site.start()
    await site.time.runFor(30 * minutes)
    await openAccounts(site)
    let late = 0
    const received = new Received(planned)
    for (let day = 1; day <= days; day += 1) {
      const midnight = startOfLocalDay(epochMs(startsAt + day * dayMs), utcOffsetMinutes)
      await site.time.runUntilWall(epochMs(midnight + 6 * hours))
      await received.absorb(site)
      late += missingAtSix(site, received, midnight, day === 1)
    }
    await site.time.runUntilWall(
      epochMs(startOfLocalDay(epochMs(startsAt + (days + 1) * dayMs), utcOffsetMinutes) + 10 * minutes),
    )
    await received.absorb(site)
    return { ...(await count(site, received, days)), late }
  } finally {
    await site.stop()
    site.remove()
  }
}

/** A quarter of the customers prepay; some of them far too little. */
async function openAccounts(site: WholeRuntime): Promise<void> {
  const customers = site.area.archive.filter((_, index) => index % 4 === 0)
  for (const [index, meter] of customers.entries()) {
    const opening = yuan(index % 5 === 0 ? 12 + index : 2000)
    const body = {
      kind: 'open-account',
      account: accountId(`A-${meter.id}`),
      meter: meter.id,
      unit: 'money',
      tariff: 'residential-tou',
      limits,
      opening,
    } as const
    const reply = await site.order(body)
    if (!reply.accepted) throw new Error(reply.message)
  }
}

function deadMeters(site: WholeRuntime): ReadonlySet<string> {
  const dead = site.area.archive.filter((meter) => site.area.meter(meter.id).options.quirks.deadSpans.length > 0)
  return new Set(dead.map((meter) => meter.id))
}

/** Values of answering meters that are not there at 06:00: the freeze of this midnight, and the curve of the day before it. */
function missingAtSix(site: WholeRuntime, received: Received, midnight: EpochMs, isFirst: boolean): number {
  const dead = deadMeters(site)
  let missing = 0
  for (const { id } of site.area.archive) {
    if (dead.has(id)) continue
    if (!received.hasValue('daily-freeze', id, midnight)) missing += 1
    for (let slot = midnight - dayMs; slot < midnight && !isFirst; slot += 15 * minutes) {
      if (!received.hasValue('curve-15', id, slot)) missing += 1
    }
  }
  return missing
}

async function count(site: WholeRuntime, received: Received, days: number): Promise<Omit<MonthFigures, 'late'>> {
  const from = startOfLocalDay(epochMs(startsAt + dayMs), utcOffsetMinutes)
  const to = startOfLocalDay(epochMs(startsAt + days * dayMs), utcOffsetMinutes)
  const absences: Record<string, number> = {}
  let values = 0
  let slots = 0
  let digest = 17
  for (const body of received.slots.values()) {
    digest = (Math.imul(digest, 31) + hash(JSON.stringify(body))) | 0
    if (body.slotAt < from || body.slotAt >= to || !planned.includes(body.task)) continue
    slots += 1
    for (const value of body.values) {
      if ('absent' in value) absences[value.absent] = (absences[value.absent] ?? 0) + 1
      else values += 1
    }
  }
  const expected = ((to - from) / dayMs) * (96 + 1 + 1) * site.area.archive.length
  return { slots, values, absences, unexplained: expected - slots, digest: (digest >>> 0).toString(16), ...(await relays(site)) }
}

/** A cut is wrongful when the true balance, from the meter's own true energy, was still above zero, or in the blocked time. */
async function relays(site: WholeRuntime): Promise<{ trips: number; doubleTrips: number; wrongful: number }> {
  const { accounts } = await site.store.run('accounts', {})
  let trips = 0
  let doubleTrips = 0
  let wrongful = 0
  for (const meter of site.area.archive) {
    const acted = site.area.relayActions(meter.id).filter(({ command, accepted }) => command === 'trip' && accepted)
    trips += acted.length
    doubleTrips += acted.filter(({ contactBefore }) => contactBefore === 'open').length
    const view = accounts.find(({ account }) => account.meter === meter.id)
    for (const action of acted) {
      const local = formatLocal(epochMs(action.at), utcOffsetMinutes)
      const hour = Number(local.slice(11, 13))
      const weekday = new Date(action.at + utcOffsetMinutes * minutes).getUTCDay()
      const isBlocked = hour >= 20 || hour < 8 || weekday === 0 || weekday === 6
      if (view === undefined || view.runningBalance > 0n || isBlocked) wrongful += 1
    }
  }
  return { trips, doubleTrips, wrongful }
}

function hash(text: string): number {
  let value = 0
  for (let index = 0; index < text.length; index += 1) value = (Math.imul(value, 31) + text.charCodeAt(index)) | 0
  return value
}
