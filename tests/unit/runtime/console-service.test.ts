import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/index.js'
import { FaultError } from '../../../src/model/index.js'
import type { Store } from '../../../src/ports/index.js'
import { consoleRetryMs, startConsole } from '../../../src/runtime/console-service.js'
import { consoleNow } from '../../helpers/console-backend.js'
import { lineLog } from '../../helpers/line-log.js'

/** Attempts end as `outcomes` say, then well. */
function bench(outcomes: readonly (Error | 'open')[], record: () => Promise<unknown> = () => Promise.resolve({})) {
  const time = new VirtualTime({ wallStart: consoleNow })
  const left = [...outcomes]
  const events: unknown[] = []
  const counts = { attempts: 0, closed: 0 }
  const { log, lines } = lineLog()
  const store: Pick<Store, 'run'> = {
    run: (_command, input) => {
      events.push(input)
      return record() as never
    },
  }
  const open = (): Promise<{ close(): Promise<void> }> => {
    counts.attempts++
    const outcome = left.shift() ?? 'open'
    if (outcome !== 'open') return Promise.reject(outcome)
    return Promise.resolve({
      close: () => {
        counts.closed++
        return Promise.resolve()
      },
    })
  }
  return { time, events, counts, lines, parts: { open, store: store as Store, clock: time, timers: time, log } }
}

const inUse = new FaultError('socket-in-use', 'another process answers')

await t.test('a console that opens is closed with the daemon', async (t) => {
  const { parts, counts, events } = bench(['open'])
  const service = await startConsole(parts)
  await service.close()
  t.strictSame([counts, events], [{ attempts: 1, closed: 1 }, []])
})

await t.test('one that cannot be opened is an event, once for each reason, and is tried again', async (t) => {
  const bind = new FaultError('socket-bind', 'there is no folder')
  const { time, parts, counts, events, lines } = bench([inUse, inUse, bind, new Error('odd')])
  const service = await startConsole(parts)
  await time.runFor(4 * consoleRetryMs)
  t.equal(counts.attempts, 5)
  t.match(events, [
    { event: { code: 'console.unavailable', severity: 'warning', detail: { reason: 'socket-in-use' } } },
    { event: { detail: { reason: 'socket-bind' } } },
    { event: { detail: { reason: 'unexpected', message: 'odd' } } },
  ])
  t.equal(lines.filter(({ event }) => event === 'console-unavailable').length, 3)
  await time.runFor(10 * consoleRetryMs)
  t.equal(counts.attempts, 5, 'an open console is left alone')
  await service.close()
  t.equal(counts.closed, 1)
})

await t.test('a daemon that stops tries no more; what opens too late is closed again', async (t) => {
  const { time, parts, counts } = bench([inUse])
  const service = await startConsole(parts)
  await service.close()
  await time.runFor(2 * consoleRetryMs)
  t.strictSame(counts, { attempts: 1, closed: 0 })

  const late = bench([inUse])
  let opened = (): void => undefined
  const open = late.parts.open
  const slow = {
    ...late.parts,
    open: () => (late.counts.attempts === 0 ? open() : new Promise<void>((done) => (opened = done)).then(open)),
  }
  const slowService = await startConsole(slow)
  await late.time.runFor(consoleRetryMs)
  await slowService.close()
  opened()
  await late.time.settle()
  t.equal(late.counts.closed, 1)
})

await t.test('not even a full disk lets a missing console end the daemon', async (t) => {
  const { parts, lines } = bench([inUse], () => Promise.reject(new Error('disk-full')))
  const service = await startConsole(parts)
  t.match(lines.at(-1), { event: 'console-event-lost', fields: { message: 'disk-full' } })
  await service.close()
})
