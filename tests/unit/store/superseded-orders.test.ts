import t from 'tap'
import { epochMs, meterId, type OrderBody } from '../../../src/model/index.js'
import { openInProcessStore } from '../../../src/store/index.js'
import { Master, Seeded, StillTimers, SiteTime, siteOf } from '../../helpers/store-site.js'

const m1 = meterId('m1')
const trip: OrderBody = { kind: 'disconnect', meter: m1 }
const permit: OrderBody = { kind: 'permit-to-close', meter: m1 }

await t.test('a later word to the same relay stops what left before it and is not proven', async (t) => {
  const time = new SiteTime()
  const store = openInProcessStore({ path: ':memory:', now: epochMs(time.at), random: new Seeded(1) }, new StillTimers())
  await store.run('configure', { parameters: siteOf(2), stamp: time.stamp() })
  const master = new Master()
  const journal = async (body: OrderBody): Promise<number> => {
    const reply = await store.run('journal-order', { ...master.order(body, time.at), stamp: time.stamp() })
    if (!reply.accepted) throw new Error(reply.message)
    return reply.order.id
  }
  const send = (id: number) => store.run('order-sending', { id, stamp: time.stamp() })

  const first = await journal(trip)
  const alarm = await journal({ kind: 'alarm', meter: m1, on: true })
  const other = await journal({ kind: 'disconnect', meter: meterId('m2') })
  const waiting = await journal(permit)
  for (const id of [first, alarm, other]) t.same(await send(id), {})
  await store.run('order-outcome', { id: first, stage: 'unknown', evidence: { answer: 'no-reply' }, stamp: time.stamp() })
  const later = await journal(permit)
  t.same(await send(later), {})

  const superseded = { stage: 'unknown', attempts: 1, evidence: { answer: 'no-reply', withdrawn: true, supersededBy: later } }
  t.match((await store.run('order', { id: first })).order, superseded)
  t.same(await send(first), { withdrawn: true }, 'it would undo the later word')
  await store.run('order-outcome', { id: first, stage: 'expired', evidence: { withdrawn: true }, stamp: time.stamp() })
  t.match((await store.run('order', { id: first })).order, { stage: 'expired', evidence: { supersededBy: later } })
  t.same(await send(alarm), {}, 'the alarm is another matter')
  t.same(await send(other), {}, 'and so is another meter')
  t.same(await send(waiting), {}, 'what never left has its turn')
  t.same(await send(later), { withdrawn: true })
  await store.close()
})
