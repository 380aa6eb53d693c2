import t from 'tap'
import fc from 'fast-check'
import { affordableAt, freshBudget, spend, spentMs, type AirBudget } from '../../../drivers/wireless/air-budget.js'
import {
  airMs,
  betweenPacketsMs,
  firstPacketMs,
  packetMs,
  packetsOf,
  requestMs,
  sendingMs,
} from '../../../drivers/wireless/air-time.js'
import { monotonicMs } from '../../../src/model/index.js'
import { testPace } from '../../helpers/radio-modem.js'

const wires = { byteMs: 1, farByteMs: 5 }
const minuteMs = 60_000
const hourMs = 3_600_000

await t.test('air time follows from bytes, packets and the air rate', (t) => {
  t.equal(packetsOf(0), 0)
  t.equal(packetsOf(58), 1)
  t.equal(packetsOf(59), 2)
  t.equal(packetMs(14, testPace), 100, '30 bytes of 8 bits at 2400 bit/s')
  t.equal(airMs(14, testPace), 100)
  t.equal(Math.round(airMs(58 + 14, testPace) - packetMs(58, testPace)), 100)
  t.equal(airMs(14, { ...testPace, wakeUpMs: 2000 }), 2100, 'a sleeping receiver is woken for each packet')
  t.ok(Math.abs(packetMs(58, { ...testPace, airBitsPerSecond: 300 }) - 8 * packetMs(58, testPace)) < 1e-9)
  t.end()
})

await t.test('packets leave while the wire still brings the next ones', (t) => {
  const full = packetMs(58, testPace)
  t.equal(sendingMs(0, 1, testPace), 0)
  t.equal(sendingMs(14, 1, testPace), 17 + 100, 'a short packet waits for a pause of 3 bytes')
  t.equal(sendingMs(58, 1, testPace), 58 + full)
  t.equal(sendingMs(72, 1, testPace), 58 + full + 100, 'the second one was ready long before')
  t.equal(sendingMs(72, 0, testPace), full + 100, 'a wire whose pace is not known counts nothing')
  t.equal(sendingMs(72, 50, testPace), 75 * 50 + 100, 'a slow wire: the air waits for it')
  t.equal(requestMs(14, wires, testPace), 117 + 5 + 14 * 5)
  t.equal(firstPacketMs(14, wires, testPace), 14 * 5 + 15 + 100 + 5 + 1)
  t.equal(firstPacketMs(200, wires, testPace), 58 * 5 + full + 5 + 1)
  t.equal(betweenPacketsMs(wires, testPace), 61 * 5 + full + 5 + 1)
  t.end()
})

await t.test('an hour holds its share, and urgent requests a reserve of it', (t) => {
  const limits = { hourMs: 1_000, urgentMs: 200 }
  const at = (ms: number): ReturnType<typeof monotonicMs> => monotonicMs(ms)
  let budget = freshBudget
  budget = spend(budget, 500, at(30_000))
  budget = spend(budget, 200, at(59_999))
  budget = spend(budget, 100, at(90_000))
  t.equal(spentMs(budget, at(90_000)), 800)
  t.equal(budget.minutes.length, 2, 'minutes, not requests, are kept')
  t.equal(
    affordableAt(budget, { ms: 1, isUrgent: false }, limits, at(90_000)),
    61 * minuteMs,
    'the first minute must be forgotten',
  )
  t.equal(affordableAt(budget, { ms: 750, isUrgent: false }, limits, at(90_000)), 62 * minuteMs)
  t.equal(affordableAt(budget, { ms: 200, isUrgent: true }, limits, at(90_000)), 90_000)
  t.equal(affordableAt(budget, { ms: 201, isUrgent: true }, limits, at(90_000)), 61 * minuteMs)
  t.equal(affordableAt(budget, { ms: 801, isUrgent: false }, limits, at(90_000)), null, 'more than an hour ever holds')
  t.equal(affordableAt(budget, { ms: 1001, isUrgent: true }, limits, at(90_000)), null)
  t.equal(spentMs(budget, at(61 * minuteMs - 1)), 800)
  t.equal(spentMs(budget, at(61 * minuteMs)), 100)
  t.equal(spentMs(budget, at(62 * minuteMs)), 0)
  t.end()
})

await t.test('whoever asks before sending never exceeds the share, in no hour, and is told the first instant', (t) => {
  const limits = { hourMs: 10_000, urgentMs: 1_000 }
  const wish = fc.record({ pauseMs: fc.nat(400_000), ms: fc.integer({ min: 1, max: 3_000 }), isUrgent: fc.boolean() })
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 80 }), (wishes) => {
      let budget: AirBudget = freshBudget
      let now = monotonicMs(0)
      const sent: { at: number; ms: number }[] = []
      for (const { pauseMs, ...want } of wishes) {
        now = monotonicMs(now + pauseMs)
        const allowedAt = affordableAt(budget, want, limits, now)
        if (allowedAt === null) return false
        if (allowedAt > now && affordableAt(budget, want, limits, monotonicMs(allowedAt - 1)) !== allowedAt) return false
        now = allowedAt
        budget = spend(budget, want.ms, now)
        sent.push({ at: now, ms: want.ms })
        const hour = sent.filter(({ at }) => at > now - hourMs).reduce((sum, { ms }) => sum + ms, 0)
        if (hour > limits.hourMs || budget.minutes.length > 62) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.pass()
  t.end()
})
