import t from 'tap'
import fc from 'fast-check'
import { defaultSchedulingPolicy, firstByteDeadlineMs, withReplyTime, type ReplyTimes } from '../../../src/scheduling/index.js'

const limits = defaultSchedulingPolicy.firstByte
const after = (...replies: readonly number[]): ReplyTimes | null => replies.reduce<ReplyTimes | null>(withReplyTime, null)

await t.test('an unknown meter gets the longest time that the standard allows', async (t) => {
  t.equal(firstByteDeadlineMs(null, 0, limits), limits.ceilingMs)
  t.equal(firstByteDeadlineMs(after(20, 20, 20), 0, limits), limits.ceilingMs, 'three replies are not enough to judge')
})

await t.test('a quick meter gets the floor, a slow one what it needs, none more than the ceiling', async (t) => {
  t.equal(firstByteDeadlineMs(after(20, 20, 20, 20, 20, 20, 20, 20), 0, limits), limits.floorMs)
  const slow = firstByteDeadlineMs(after(...Array.from({ length: 50 }, () => 200)), 0, limits)
  t.ok(slow >= 300 && slow < limits.ceilingMs, `${slow} ms for a meter of 200 ms`)
  t.equal(firstByteDeadlineMs(after(...Array.from({ length: 9 }, () => 480)), 0, limits), limits.ceilingMs)
})

await t.test('each failure doubles the deadline, so that a meter that became slower is found again', async (t) => {
  const times = after(...Array.from({ length: 20 }, () => 20))
  t.equal(firstByteDeadlineMs(times, 1, limits), 2 * limits.floorMs)
  t.equal(firstByteDeadlineMs(times, 9, limits), limits.ceilingMs)
})

await t.test('the deadline is never too tight: always longer than the longest recent reply', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 1, max: 500, noNaN: true }), { minLength: 4, maxLength: 30 }), (replies) => {
      const longest = Math.max(...replies)
      // Thirty replies forget 0.98^29 = 0.56 of a peak, and the factor of 1.5 makes up for most of it.
      return firstByteDeadlineMs(after(...replies), 0, limits) >= Math.min(limits.ceilingMs, longest * 0.83)
    }),
  )
  t.pass()
})
