import t from 'tap'
import { dayMs, meterId, type Meter } from '../../src/model/index.js'
import { makeMeter } from '../helpers/simulated-meter.js'
import { WholeRuntime } from '../helpers/whole-runtime.js'

t.setTimeout(600_000)
const startsAt = Date.UTC(2026, 5, 1, 4, 0, 0)
const hourMs = 3_600_000
/** Share the two lowest digits with one another and with a meter of the archive, so that their answers collide on the wire. */
const strangers = ['770000110003', '880000110003', '990000000007', '000000004242']

function newSite(share: number): WholeRuntime {
  const site = new WholeRuntime({
    area: { seed: 1, buses: 1, metersPerBus: 12, startsAt, utcOffsetMinutes: 480, baud: 2400, historyMs: dayMs },
    extra: [`collection: { discovery: { everyHours: 6, busPercent: ${share} } }`],
    seed: 1,
  })
  const [bus] = site.area.buses
  for (const [index, address] of strangers.entries()) {
    bus?.wire.connect(makeMeter({ address, seed: 100 + index, installedAt: startsAt }, { replyDelayMs: { min: 20, max: 60 } }))
  }
  return site
}

async function told(site: WholeRuntime, code: string) {
  const { events } = await site.store.run('events', { count: 10_000 })
  return events.filter((event) => event.code === code).map((event) => String(event.detail['address']))
}

await t.test('strangers on a wire are found though their answers collide, told once, and never read', async (t) => {
  const site = newSite(5)
  t.teardown(() => site.remove())
  await site.start()
  await site.time.runFor(8 * hourMs)
  t.same([...(await told(site, 'meter.unknown'))].sort(), [...strangers].sort())
  t.same(site.daemon.unknownMeters.map(({ address }) => address).sort(), [...strangers].sort())
  await site.time.runFor(7 * hourMs)
  t.equal((await told(site, 'meter.unknown')).length, strangers.length, 'found again, not told again')
  const { records } = await site.store.run('read-stream', { stream: 'curve', first: 1, maxCount: 50_000, maxBytes: 1e8 })
  const archive = new Set(site.area.archive.map(({ id }) => id as string))
  t.ok(records.length > 0 && records.every(({ body }) => archive.has(String(body['meter']))), 'nobody else has a record')
  await site.stop()
  await site.start()
  t.same(site.daemon.unknownMeters.length, strangers.length, 'known still after a restart')
  await site.time.runFor(8 * hourMs)
  t.equal((await told(site, 'meter.unknown')).length, strangers.length)
  await site.stop()
})

await t.test('strangers of every protocol that the wire speaks are found, also one that hides its address', async (t) => {
  const protocols = { 'dlt645-1997': 250_000, 'dlt698-45': 250_000 }
  const site = new WholeRuntime({
    area: {
      ...{ seed: 3, startsAt, utcOffsetMinutes: 480, baud: 2400, historyMs: dayMs },
      links: [{ kind: 'rs485', meters: 12, protocols }],
    },
    extra: [`collection: { discovery: { everyHours: 6, busPercent: 20 } }`],
    seed: 3,
  })
  t.teardown(() => site.remove())
  const spoken = new Set(site.area.archive.map(({ protocol }) => protocol))
  t.same([...spoken].sort(), ['dlt645-1997', 'dlt645-2007', 'dlt698-45'])
  const guests = [
    ['dlt645-1997', '138000130754', { echoesWildcard: true }],
    ['dlt645-1997', '138000140754', {}],
    ['dlt645-2007', '770000110003', {}],
    ['dlt698-45', '007501061225', {}],
    ['dlt698-45', '007501071225', {}],
  ] as const
  for (const [index, [protocol, address, quirks]] of guests.entries()) {
    const meter = makeMeter(
      { address, protocol, seed: 100 + index, installedAt: startsAt },
      { ...quirks, replyDelayMs: { min: 20, max: 60 } },
    )
    site.area.buses[0]?.wire.connect(meter)
  }
  await site.start()
  await site.time.runFor(8 * hourMs)
  const found = site.daemon.unknownMeters.map(({ protocol, address }) => `${protocol} ${address}`)
  t.same(found.sort(), guests.map(([protocol, address]) => `${protocol} ${address}`).sort())
  await site.stop()
})

await t.test('a stranger that is adopted, and one that is gone, are strangers no more', async (t) => {
  const site = newSite(20)
  t.teardown(() => site.remove())
  await site.start()
  await site.time.runFor(3 * hourMs)
  t.equal(site.daemon.unknownMeters.length, strangers.length)
  const [first] = site.area.archive
  if (first === undefined) throw new Error('the area has no meter')
  const adopted: Meter = { ...first, id: meterId('new'), address: strangers[2] as Meter['address'] }
  const rows = [...site.area.archive, adopted].map(({ id, address, protocol, link, profile }) => ({
    id,
    address,
    protocol,
    link,
    profile,
  }))
  const order = await site.order({ kind: 'set-parameters', name: 'archive', version: 1, body: { meters: rows } })
  t.match(order, { accepted: true })
  site.area.buses[0]?.wire.disconnect(strangers[3] ?? '')
  t.equal(site.daemon.unknownMeters.length, strangers.length - 1)
  await site.time.runFor(8 * hourMs)
  t.same(
    site.daemon.unknownMeters.map(({ address }) => address),
    strangers.slice(0, 2),
  )
  t.same(await told(site, 'meter.unknown-gone'), [strangers[3]])
  const { records } = await site.store.run('read-stream', { stream: 'curve', first: 1, maxCount: 50_000, maxBytes: 1e8 })
  t.ok(
    records.some(({ body }) => body['meter'] === 'new'),
    'adopted, it is read',
  )
  await site.stop()
})

await t.test('a search takes its share of the bus and nothing from what is due', async (t) => {
  const busy = async (everyHours: string) => {
    const site = new WholeRuntime({
      area: { seed: 1, buses: 1, metersPerBus: 12, startsAt, utcOffsetMinutes: 480, baud: 2400, historyMs: dayMs },
      extra: [`collection: { discovery: { everyHours: ${everyHours}, busPercent: 1 } }`],
      seed: 1,
    })
    await site.start()
    await site.time.runFor(12 * hourMs)
    const [runner] = [...site.daemon.runners.values()]
    const { busyMs = 0 } = runner?.snapshot() ?? {}
    const collection = site.daemon.collector?.snapshot().days.at(-1)?.total
    await site.stop()
    site.remove()
    return { busyMs, once: collection?.oneShotPpm }
  }
  const without = await busy('null')
  const searching = await busy('1')
  const share = (searching.busyMs - without.busyMs) / (12 * hourMs)
  t.ok(share > 0 && share <= 0.0105, `${(share * 100).toFixed(2)} % of the bus`)
  t.equal(searching.once, without.once)
})
