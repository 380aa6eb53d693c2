import t from 'tap'
import { ordersText } from '../../../src/console/commands/lists.js'
import { outcomeTimes, resultsLookedMax } from '../../../src/console/outcomes.js'
import { epochMs, keyId, meterId } from '../../../src/model/index.js'
import type { JournalledOrder } from '../../../src/model/index.js'
import {
  askConsole as ask,
  consoleNow,
  extentsUpTo as extents,
  fakeBackend,
  type FakeBackendOptions,
} from '../../helpers/console-backend.js'

const journalled = (id: number, stage: JournalledOrder['stage']): JournalledOrder => ({
  id,
  order: {
    origin: { by: 'console', key: keyId('anna'), number: id },
    role: 'technician',
    body: { kind: 'alarm', meter: meterId('m1'), on: true },
    notBefore: epochMs(consoleNow - 60_000),
    expiry: epochMs(consoleNow + 60_000),
  },
  stage,
  attempts: 2,
  evidence: { answer: 'accepted' },
})

/** A result stream of `hi` records, two for each order. */
function resultAnswers(hi: number, open: readonly number[] = []): NonNullable<FakeBackendOptions['answers']> {
  const stageOf = (id: number) => (open.includes(id) ? 'sending' : 'done')
  return {
    extents: () => extents(hi),
    'read-stream': ({ first, maxCount }) => ({
      records: Array.from({ length: maxCount }, (_, index) => {
        const seq = first + index
        const stamp = { receivedAt: consoleNow - hi + seq }
        return { seq, body: seq === 5 ? { lost: true } : { order: Math.ceil(seq / 2), stamp } }
      }),
    }),
    'open-orders': () => ({ orders: open.map((id) => journalled(id, 'sending')) }),
    order: ({ id }) => ({ order: id > 10_000 ? null : journalled(id, stageOf(id)) }),
  }
}

await t.test('an order’s outcome is dated by the result stream, newest end first', async (t) => {
  const { backend } = fakeBackend({ answers: resultAnswers(10) })
  const told = await outcomeTimes(backend, () => false)
  t.strictSame(
    [...told].map(([id, { at }]) => [id, at]),
    [
      [5, consoleNow],
      [4, consoleNow - 2],
      [3, consoleNow - 4],
      [2, consoleNow - 6],
      [1, consoleNow - 8],
    ],
  )
  let asked = 0
  const far = fakeBackend({
    answers: { extents: () => extents(50_000), 'read-stream': ({ first }) => (asked++, { records: [{ seq: first, body: {} }] }) },
  })
  t.equal((await outcomeTimes(far.backend, () => false)).size, 0)
  t.equal(asked, resultsLookedMax / 250)
  const none = fakeBackend({ answers: { extents: () => ({ ...extents(0), extents: [] }) } })
  t.equal((await outcomeTimes(none.backend, () => false)).size, 0)
  t.match(await ask({ ask: 'order', id: 4 }, { answers: resultAnswers(10) }), { order: 4, stage: 'done', at: consoleNow - 2 })
  const quiet = { ...resultAnswers(10, [4]), 'read-stream': () => t.fail('nothing is looked up while it is under way') as never }
  t.match(await ask({ ask: 'order', id: 4 }, { answers: quiet }), { stage: 'sending', at: null })
  await t.rejects(ask({ ask: 'order', id: 10_001 }, { answers: resultAnswers(10) }), /unknown-order/)
})

await t.test('an outcome that was verified after a restart is told as such', async (t) => {
  const read = { word: '0050', contact: 'open', command: 'trip' }
  type Row = readonly [stage: string, boot: string, attempts: number]
  /** What is said of an order with such evidence whose stages were told in these runs of the daemon, oldest first. */
  const verified = async (
    evidence: JournalledOrder['evidence'],
    rows: readonly Row[],
    changes: Partial<JournalledOrder> = {},
  ): Promise<boolean> => {
    const order: JournalledOrder = { ...journalled(1, 'done'), attempts: rows.at(-1)?.[2] ?? 0, evidence, ...changes }
    const others = Array.from({ length: 300 }, (_, index) => ({
      order: 100 + index,
      stage: 'done',
      attempts: 0,
      boot: 'b',
      at: 0,
    }))
    const own = rows.map(([stage, boot, attempts]) => ({ order: 1, stage, attempts, boot, at: 0 }))
    const all = [...own.slice(0, -1), ...others, ...own.slice(-1)]
    const answers: FakeBackendOptions['answers'] = {
      extents: () => extents(all.length),
      'read-stream': ({ first, maxCount }) => ({
        records: all.slice(first - 1, first - 1 + maxCount).map(({ boot, at, ...body }, index) => {
          return { seq: first + index, body: { ...body, stamp: { receivedAt: consoleNow + at, boot } } }
        }),
      }),
      'open-orders': () => ({ orders: [] }),
      order: ({ id }) => ({ order: id === 1 ? order : null }),
    }
    const one = await ask({ ask: 'order', id: 1 }, { answers })
    const { orders } = await ask({ ask: 'orders', count: 1 }, { answers })
    for (const order of orders) t.equal(order.verifiedAfterRestart, one.verifiedAfterRestart)
    return one.verifiedAfterRestart
  }
  const done = (boot: string, attempts = 1): Row => ['done', boot, attempts]
  const doubt = (boot: string, attempts = 1): Row => ['unknown', boot, attempts]
  t.notOk(await verified({ answer: 'accepted', ...read }, [done('b')]), 'the usual course')
  t.ok(await verified(read, [done('b')]), 'the answer was lost with the run that had it')
  t.ok(await verified({ readBack: 'no-reply', reason: 'unverifiable' }, [done('b')], { stage: 'failed' }))
  t.notOk(await verified({ answer: 'no-reply', ...read }, [doubt('b'), done('b')]), 'in doubt, and verified by the same run')
  t.ok(await verified({ answer: 'no-reply', ...read }, [doubt('a'), done('b')]), 'in doubt in one run, verified in the next')
  t.ok(await verified({ answer: 'accepted', readBack: 'garbled', ...read }, [doubt('a'), done('b')]))
  t.ok(
    await verified({ answer: 'no-reply', ...read }, [doubt('a', 1), done('b', 2)]),
    'the second attempt left before the restart',
  )
  t.notOk(
    await verified({ answer: 'accepted', ...read, readBack: 'x' }, [doubt('a', 1), done('b', 2)]),
    'sent once more after it',
  )
  t.notOk(await verified({ answer: 'no-reply', ...read }, [done('b')]), 'no record of a doubt')
  t.notOk(await verified({}, [done('b', 0)]), 'nothing was sent')
  t.notOk(await verified({ reason: 'needs-security-chip' }, [['refused', 'b', 0]], { stage: 'refused' }))
  t.notOk(await verified(read, [], { stage: 'sending', attempts: 1 }), 'it has not ended')
  t.ok(await verified({ driftMs: 5, note: 'judged after a restart' }, [done('b')]), 'a clock that was set')
})

await t.test('orders under way stand among the latest that ended', async (t) => {
  const view = await ask({ ask: 'orders', count: 3 }, { answers: resultAnswers(10, [6]) })
  t.match(view.orders, [{ order: 4, at: consoleNow - 2 }, { order: 5 }, { order: 6, stage: 'sending', at: null }])
  t.match(ordersText(view).join('\n'), /alarm m1 on true by key anna at the console[^]*done after 2 attempts[^]*answer accepted/)
  t.strictSame(ordersText({ utcOffsetMinutes: 0, orders: [] }), ['no orders'])
})
