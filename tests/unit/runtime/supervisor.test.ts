import t from 'tap'
import { FaultError } from '../../../src/model/index.js'
import type { Timers } from '../../../src/ports/index.js'
import { createSupervisor } from '../../../src/runtime/supervisor.js'

const silentLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Timers that fire when told; the delays asked for are kept. */
function manualTimers(): Timers & { readonly delays: number[]; fireAll(): void } {
  let waiting: (() => void)[] = []
  const delays: number[] = []
  return {
    delays,
    after: (delayMs, fire) => {
      delays.push(delayMs)
      waiting.push(fire)
      return () => void (waiting = waiting.filter((other) => other !== fire))
    },
    fireAll: () => {
      const due = waiting
      waiting = []
      for (const fire of due) fire()
    },
  }
}

await t.test('a failing task is started again with growing pauses and held in the end', async (t) => {
  const timers = manualTimers()
  const held: string[] = []
  const faults: string[] = []
  const supervisor = createSupervisor({
    timers,
    log: silentLog,
    onHeld: (name) => held.push(name),
    onFault: (name, error) => faults.push(`${name}: ${error.message}`),
  })
  let runs = 0
  supervisor.keep('link a', () => {
    runs += 1
    return Promise.reject(new FaultError('port-gone', 'the port is gone'))
  })
  for (let turn = 0; turn < 20; turn += 1) {
    await settle()
    timers.fireAll()
  }
  t.equal(runs, 12)
  t.same(held, ['link a'])
  t.equal(faults.length, 12)
  t.same(timers.delays.slice(0, 4), [500, 1000, 2000, 4000])
  t.equal(Math.max(...timers.delays), 60_000)
})

await t.test('a stopped supervisor starts nothing again, and a lone promise’s rejection is told', async (t) => {
  const timers = manualTimers()
  const faults: string[] = []
  const supervisor = createSupervisor({
    timers,
    log: silentLog,
    onHeld: () => t.fail('nothing is held'),
    onFault: (name) => faults.push(name),
  })
  let runs = 0
  supervisor.keep('task', () => {
    runs += 1
    return Promise.reject(new Error('no'))
  })
  supervisor.keep('finished', () => Promise.resolve())
  supervisor.spawn('lone', Promise.reject(new Error('alone')))
  await settle()
  supervisor.stop()
  timers.fireAll()
  await settle()
  t.equal(runs, 1)
  t.same(faults.sort(), ['lone', 'task'])
})
