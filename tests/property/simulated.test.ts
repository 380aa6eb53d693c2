import fc from 'fast-check'
import t from 'tap'
import { hash32 } from '../../drivers/simulated/random.js'
import { SupplyRelay } from '../../drivers/simulated/relay.js'
import { noFaults, SimulatedWire, VirtualTime } from '../../drivers/simulated/index.js'
import { dayMs, epochMs } from '../../src/model/index.js'
import { encodeRequest, relayWords } from '../../src/protocols/dlt645/index.js'
import { hexOf } from '../../src/protocols/wire/bytes.js'
import { makeMeter, marchFirst } from '../helpers/simulated-meter.js'

await t.test('registers follow from seed, time and relay history, never from when they were read', (t) => {
  const instants = fc.array(fc.integer({ min: 1, max: 3 * dayMs }), { maxLength: 40 })
  const trips = fc.array(fc.record({ at: fc.integer({ min: 1, max: 3 * dayMs }), press: fc.boolean() }), { maxLength: 6 })
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: -100, max: 100 }), instants, trips, (seed, clockDriftPpm, reads, moves) => {
      const run = (readTimes: readonly number[]): unknown => {
        const meter = makeMeter({ seed, clockDriftPpm })
        const steps = [...readTimes.map((at) => ({ at, move: null })), ...moves.map((move) => ({ at: move.at, move }))]
        for (const { at, move } of steps.sort((a, b) => a.at - b.at)) {
          meter.advance(marchFirst + at)
          if (move === null) continue
          meter.relay.order(move.press ? 'permit-to-close' : 'trip', 0, marchFirst + at)
          meter.press(marchFirst + at)
        }
        const truth = meter.truth(marchFirst + 3 * dayMs + 1)
        return [truth, meter.physics.daily.last(1), meter.physics.hourly.last(5), meter.physics.profile.at(77)]
      }
      t.strictSame(run(reads), run([]))
    }),
    { numRuns: 40 },
  )
  t.end()
})

await t.test('registers never fall and the rates always add up', (t) => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 0, max: 99_000_000 }),
      fc.integer({ min: 1, max: 7_200_000 }),
      (seed, initialForward, stepMs) => {
        const meter = makeMeter({ seed, initialForward, clockOffsetMs: (seed % 7) * 61_000 })
        let last = 0
        for (let n = 0; n < 50; n++) {
          const [total = 0, ...rates] = meter.truth(marchFirst + n * stepMs).forward
          if (total < last || rates.reduce((sum, rate) => sum + rate, 0) !== total) return false
          last = total
        }
        return true
      },
    ),
    { numRuns: 100 },
  )
  t.pass('monotonic, and exact')
  t.end()
})

await t.test('timers fire once, in order of time and of setting, whatever is cancelled', async (t) => {
  const timer = fc.record({ delayUs: fc.integer({ min: 0, max: 3000 }), isCancelled: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(timer, { maxLength: 200 }), async (timers) => {
      const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
      const fired: number[] = []
      const cancels = timers.map(({ delayUs }, index) => time.after(delayUs / 1000, () => fired.push(index)))
      for (const [index, { isCancelled }] of timers.entries()) if (isCancelled) cancels[index]?.()
      await time.runFor(10)
      const wanted = timers
        .map(({ delayUs, isCancelled }, index) => ({ delayUs, isCancelled, index }))
        .filter(({ isCancelled }) => !isCancelled)
        .sort((a, b) => a.delayUs - b.delayUs || a.index - b.index)
      t.strictSame(
        fired,
        wanted.map(({ index }) => index),
      )
    }),
    { numRuns: 60 },
  )
})

await t.test('whatever a relay is told, its log has no gap and protection holds', (t) => {
  const step = fc.record({ command: fc.constantFrom(...relayWords, 'press' as const), n2: fc.nat(3), waitMs: fc.nat(2_000_000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(5), (steps, delayMinutes) => {
      const relay = new SupplyRelay(delayMinutes)
      let at = marchFirst
      for (const { command, n2, waitMs } of steps) {
        at += waitMs
        const isWrong = (act: () => void): boolean => {
          const [wasProtected, before] = [relay.protected, relay.contact]
          act()
          return wasProtected && before === 'closed' && relay.contact === 'open'
        }
        while (relay.dueAt !== null && relay.dueAt <= at) if (isWrong(() => relay.actDue())) return false
        if (isWrong(() => void (command === 'press' ? relay.press(at) : relay.order(command, n2, at)))) return false
      }
      let contact = 'closed'
      for (const action of relay.actions) {
        if (action.contactBefore !== contact) return false
        contact = action.contactAfter
      }
      return contact === relay.contact
    }),
    { numRuns: 300 },
  )
  t.pass('no gap')
  t.end()
})

await t.test('one seed, one transcript', (t) => {
  const ppm = fc.integer({ min: 0, max: 300_000 })
  const plan = fc.record({ lostRequestsPpm: ppm, flippedPpm: ppm, truncatedPpm: ppm, duplicatedPpm: ppm, noisePpm: ppm })
  fc.assert(
    fc.property(fc.nat(), plan, (seed, faults) => {
      const transcript = (): string => {
        const wire = new SimulatedWire({ meters: [makeMeter({ seed })], faults: { ...noFaults, ...faults }, seed })
        const request = encodeRequest('000000000161', { fn: 'read', di: '0001FF00', load: null })
        const lines = Array.from({ length: 30 }, (_, n) => wire.hear(request, marchFirst + n * (hash32(seed, n) % 100_000)))
        return lines.map((back) => back.map(({ delayMs, bytes }) => `${delayMs} ${hexOf(bytes)}`).join()).join()
      }
      return transcript() === transcript()
    }),
    { numRuns: 50 },
  )
  t.pass('identical')
  t.end()
})
