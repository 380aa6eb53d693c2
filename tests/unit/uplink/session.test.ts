import t from 'tap'
import type { Effect } from '../../../src/uplink/session-state.js'
import { UplinkWorld, master, seeded } from '../../helpers/uplink-world.js'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const allWell = { lostAfterPuback: 0, lostDown: 0, refused: 0, connectFails: 0 }
const world = (faults = allWell, packetMax = Infinity) => {
  const made = new UplinkWorld(seeded(1))
  made.faults = faults
  made.packetMax = packetMax
  made.feed({ kind: 'start' })
  return made
}
const count = (made: UplinkWorld, kind: Effect['kind']) => made.effects.filter((effect) => effect.kind === kind).length
const events = (made: UplinkWorld) => made.effects.flatMap((effect) => (effect.kind === 'event' ? [effect.event.code] : []))
const topics = (made: UplinkWorld) =>
  made.effects.flatMap((effect) => (effect.kind === 'publish' ? [effect.topic.split('/').at(-1) ?? ''] : []))

await t.test('lesson 10: what waited leaves with the first marks, without anything new', async (t) => {
  const made = new UplinkWorld(seeded(1))
  made.held.set('event', { lo: 1, hi: 1 })
  made.feed({ kind: 'start' })
  made.run(5_000)
  t.equal(made.missing().length, 0)
  t.strictSame(topics(made), ['hello', 'e'])
})

await t.test('lesson 10: a network that is back ends the waiting', async (t) => {
  const made = world({ ...allWell, connectFails: 1 })
  made.run(2 * hourMs)
  const before = count(made, 'connect')
  made.faults = allWell
  t.equal(made.session.phase.name, 'waiting')
  made.feed({ kind: 'link-up' })
  t.equal(count(made, 'connect'), before + 1)
  made.run(5_000)
  t.equal(made.session.phase.name, 'online')
})

await t.test('a broker that is gone is asked ever more rarely, both brokers in turn', async (t) => {
  const made = world({ ...allWell, connectFails: 1 })
  made.run(hourMs)
  const first = count(made, 'connect')
  made.run(23 * hourMs)
  const day = count(made, 'connect')
  t.ok(first > 4 && first < 60, `${first} in the first hour`)
  t.ok((day - first) / 23 < 2 * 12, `${(day - first) / 23} an hour afterwards: two brokers, a pause of 7.5 minutes on average`)
  const brokers = made.effects.flatMap((effect) => (effect.kind === 'connect' ? [effect.broker] : []))
  t.strictSame(brokers.slice(0, 4), [0, 1, 0, 1])
})

await t.test('from a backup broker the session returns to the main one', async (t) => {
  const made = world()
  made.cut('ECONNREFUSED')
  made.run(minuteMs)
  t.match(made.session, { broker: 1, phase: { name: 'online' } })
  made.run(hourMs + minuteMs)
  t.match(made.session, { broker: 0, phase: { name: 'online' } })
})

await t.test('without a master nothing but greetings leaves, ever more rarely', async (t) => {
  const made = world()
  made.isMasterUp = false
  made.append('curve', 10_000)
  made.run(24 * hourMs)
  t.equal(made.session.phase.name, 'greeting')
  t.ok(topics(made).every((topic) => topic === 'hello'))
  t.ok(made.sentBytes < 60_000, `${made.sentBytes} bytes in a day`)
  made.isMasterUp = true
  made.acknowledge()
  made.run(2 * minuteMs)
  t.equal(made.missing().length, 0, 'a master that names its marks unasked is believed')
})

await t.test('alarms cut in front of a backlog', async (t) => {
  const made = world()
  made.run(5_000)
  made.append('curve', 5_000)
  made.run(2_000)
  const already = topics(made).filter((topic) => topic === 'c').length
  made.append('event', 1)
  made.run(minuteMs)
  const order = topics(made)
  const before = order.slice(0, order.indexOf('e')).filter((topic) => topic === 'c').length - already
  t.ok(before <= 1, `${before} batches of curves before it`)
  t.ok(order.filter((topic) => topic === 'c').length > already + 10)
})

await t.test('what is under way stays within the window, and within less while an order is in progress', async (t) => {
  const made = world()
  made.run(5_000)
  made.append('curve', 20_000)
  let most = 0
  for (let i = 0; i < 60; i++) {
    made.run(500)
    most = Math.max(most, underWay(made))
  }
  t.ok(most > 10_000 && most <= 16_384 + 200, `${most} bytes`)
  made.feed({ kind: 'order', generation: made.session.generation })
  made.run(5_000)
  let during = 0
  for (let i = 0; i < 20; i++) {
    made.run(500)
    during = Math.max(during, underWay(made))
  }
  t.ok(during <= 4_096 + 200, `${during} bytes during the order`)
})

await t.test('lesson 9: a half-open link is left when nothing is confirmed', async (t) => {
  const made = world()
  made.run(5_000)
  made.isBlack = true
  made.append('event', 3)
  made.run(70_000)
  t.match(made.session, { lastError: 'stalled' })
  made.isBlack = false
  made.run(5 * minuteMs)
  t.equal(made.missing().length, 0)
})

await t.test('a broker that confirms and a master that is silent are two things', async (t) => {
  const made = world()
  made.run(5_000)
  made.isMasterUp = false
  made.append('event', 3)
  made.run(5 * minuteMs)
  t.equal(made.session.phase.name, 'greeting', 'the connection is kept')
  t.equal(count(made, 'connect'), 1)
  const sent = topics(made).filter((topic) => topic === 'e').length
  t.ok(sent <= 3, `sent ${sent} times`)
})

await t.test('packets the broker refuses are never tried again and again', async (t) => {
  await t.test('a limit that it tells', async (t) => {
    const made = world(allWell, 1_000)
    made.append('curve', 500)
    made.run(10 * minuteMs)
    t.equal(made.missing().length, 0)
    t.equal(count(made, 'connect'), 1)
  })
  await t.test('a limit that it does not tell', async (t) => {
    const made = world()
    made.packetMax = 1_500
    made.tellsLimit = false
    made.append('curve', 500)
    made.run(hourMs)
    t.equal(made.missing().length, 0)
    t.ok(count(made, 'connect') < 10, `${count(made, 'connect')} connections`)
  })
  await t.test('a single record over the limit is announced, and the rest goes on', async (t) => {
    const made = world()
    made.packetMax = 2_000
    made.closeCode = '149'
    made.tellsLimit = false
    made.recordBytes = 3_000
    made.append('status', 1)
    made.run(hourMs)
    t.equal(made.received.get('1 status 1'), 'too-large')
    t.ok(events(made).includes('uplink.record-too-large'))
    t.ok(events(made).includes('uplink.packet-too-large'))
    made.recordBytes = 40
    made.append('status', 1)
    made.run(minuteMs)
    t.match(made.received.get('1 status 2'), { id: '2 of 0' })
  })
})

await t.test('a session taken over by another client is not fought for', async (t) => {
  const made = world()
  made.run(5_000)
  made.cut('142')
  t.ok(events(made).includes('uplink.taken-over'))
  const { phase } = made.session
  t.ok(phase.name === 'waiting' && phase.until - made.now >= 15 * minuteMs)
})

await t.test('a master that has more than was ever given is met with a new epoch, but not twice in an hour', async (t) => {
  const made = world()
  made.append('ledger', 10)
  made.run(minuteMs)
  made.restore()
  made.restart()
  made.run(minuteMs)
  t.equal(made.epoch, 2)
  t.equal(made.missing().length, 0)
  const { generation } = made.session
  made.feed({ kind: 'ack', generation, ack: { v: 1, master, epoch: 2, marks: { ledger: 99 } } })
  t.equal(count(made, 'renew'), 1)
  t.ok(events(made).includes('uplink.marks-beyond'))
})

await t.test('a master that says it has less than before gets it again, also when nothing is under way', async (t) => {
  const made = world()
  made.append('curve', 50)
  made.append('event', 5)
  made.run(minuteMs)
  for (let seq = 20; seq <= 50; seq++) made.received.delete(`1 curve ${seq}`)
  made.acknowledge()
  made.run(minuteMs)
  t.equal(made.missing().length, 0)
  t.equal(made.session.phase.name, 'online')
  t.equal(made.duplicates, 0, 'and nothing but that')
})

await t.test('marks of another master or another epoch are not for us', async (t) => {
  const made = world()
  made.isMasterUp = false
  made.append('event', 5)
  made.run(5_000)
  const { generation } = made.session
  made.feed({ kind: 'ack', generation, ack: { v: 1, master: 'other', epoch: 1, marks: { event: 5 } } })
  made.feed({ kind: 'ack', generation, ack: { v: 1, master, epoch: 7, marks: { event: 5 } } })
  made.feed({ kind: 'ack', generation: generation - 1, ack: { v: 1, master, epoch: 1, marks: { event: 5 } } })
  t.equal(made.session.phase.name, 'greeting')
  t.equal(count(made, 'acknowledge'), 0)
})

await t.test('stopping says goodbye from every state', async (t) => {
  const never = new UplinkWorld(seeded(1))
  never.feed({ kind: 'stop' })
  t.equal(never.session.phase.name, 'stopped')
  const connecting = world()
  connecting.feed({ kind: 'stop' })
  t.equal(connecting.session.phase.name, 'stopped')
  const online = world()
  online.run(5_000)
  online.feed({ kind: 'stop' })
  online.feed({ kind: 'stop' })
  t.equal(online.session.phase.name, 'stopping')
  online.run(3_000)
  t.equal(online.session.phase.name, 'stopped')
  t.match(online.effects.at(-1), { kind: 'close', good: true })
  const deaf = world()
  deaf.run(5_000)
  deaf.isBlack = true
  deaf.feed({ kind: 'stop' })
  deaf.run(3_000)
  t.equal(deaf.session.phase.name, 'stopped', 'also when nobody answers')
  const waiting = world()
  waiting.cut()
  waiting.feed({ kind: 'stop' })
  t.equal(waiting.session.phase.name, 'stopped')
})

await t.test('a store that fails ends the connection and is asked again later', async (t) => {
  const made = world()
  made.run(5_000)
  made.cut('store-fault')
  made.run(minuteMs)
  t.equal(made.session.phase.name, 'online')
})

function underWay(made: UplinkWorld): number {
  const { phase } = made.session
  return phase.name === 'online' ? phase.sender.underWay.reduce((sum, batch) => sum + batch.bytes, 0) : 0
}
