import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { asyncApi } from '../../scripts/asyncapi.js'
import { authorise, parseEnvelope, signEnvelope } from '../../src/control/envelope.js'
import { publicKeyOf } from '../../src/control/key-file.js'
import { orderBodySchema, orderPayloadSchema } from '../../src/control/order-schema.js'
import { keyId } from '../../src/model/index.js'
import { entryHash } from '../../src/prepaid/index.js'
import { openInProcessStore } from '../../src/store/index.js'
import { entryBody, entryOf, statementBody, statementOf } from '../../src/store/records.js'
import type { EntryBody, StatementBody } from '../../src/store/records.js'
import { ackSchema, batchSchema, helloSchema, parseMessage, stateSchema } from '../../src/uplink/messages.js'
import { streamLetters } from '../../src/uplink/topics.js'
import { valueOf } from '../helpers/outcome.js'
import { projectRoot } from '../helpers/root.js'
import { Master, Seeded, SiteTime, StillTimers, curvePoint, dayStart, siteOf } from '../helpers/store-site.js'

const text = readFileSync(join(projectRoot(), 'docs/uplink.md'), 'utf8')
const examples = [...text.matchAll(/<!-- example: ([a-z ]+) -->\n```json\n(.*?)\n```/gs)].map(([, kind = '', json = '']) => ({
  kind,
  json,
}))
const all = (kind: string) => examples.filter((example) => example.kind === kind).map((example) => example.json)
const one = (kind: string) => {
  const [json = ''] = all(kind)
  return json
}

await t.test('every JSON in the contract is an example that is checked here', async (t) => {
  t.equal([...text.matchAll(/```json/g)].length, examples.length)
  const known = ['state', 'hello', 'batch', 'ack', 'envelope', 'payload', 'body']
  const records = ['record event', 'record entry', 'record statement', 'record result', 'record point']
  for (const { kind } of examples) t.ok([...known, ...records].includes(kind), kind)
  for (const kind of [...known, ...records]) t.ok(one(kind) !== '', `there is an example of ${kind}`)
})

await t.test('messages', async (t) => {
  const schemas = { state: stateSchema, hello: helloSchema, batch: batchSchema, ack: ackSchema }
  for (const [kind, schema] of Object.entries(schemas)) {
    for (const json of all(kind)) {
      const read = parseMessage(schema, Buffer.from(json))
      t.match(read, { ok: true }, json)
      t.same(valueOf(read), JSON.parse(json), 'no field is unknown')
    }
  }
  for (const letter of Object.values(streamLetters)) t.match(text, new RegExp(`\`up/${letter}\``))
})

await t.test('orders of every kind', async (t) => {
  const kinds = all('body').map((json) => valueOf(toResult(orderBodySchema.safeParse(JSON.parse(json)))).kind)
  t.equal(new Set(kinds).size, orderBodySchema.options.length)
})

await t.test('the envelope is the signed payload, byte for byte', async (t) => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  t.match(text, publicKeyOf(key))
  const envelope = valueOf(parseEnvelope(one('envelope')))
  const payload = JSON.parse(one('payload')) as unknown
  t.same(JSON.parse(Buffer.from(envelope.payload).toString('utf8')), payload)
  const { concentrator, number, notBefore, expiry, body } = orderPayloadSchema.parse(payload)
  const signed = signEnvelope(keyId('master-1'), key, { concentrator, number, notBefore, expiry, body })
  t.same(JSON.parse(signed), JSON.parse(one('envelope')))
  const authority = {
    concentrator: 'dcu-1',
    keys: [{ id: keyId('master-1'), role: 'master' as const, publicKey: publicKeyOf(key) }],
    lastNumberOf: () => 16,
    now: { at: Date.parse('2026-03-01T08:00:00Z'), trusted: true },
    by: 'master' as const,
  }
  t.match(authorise(one('envelope'), authority), { ok: true })
})

await t.test('records look as the store writes them', async (t) => {
  const entry = JSON.parse(one('record entry')) as EntryBody
  t.same(entryBody(entryOf(entry)), entry)
  t.equal(entryHash(entryOf(entry)), entry.hash)
  const statement = JSON.parse(one('record statement')) as StatementBody
  t.same(statementBody(statementOf(statement), statement.stamp), statement)
  const written = await sampleRecords()
  for (const [kind, body] of [
    ['record event', written.event],
    ['record result', written.result],
    ['record point', written.curve],
  ] as const) {
    t.same(Object.keys(JSON.parse(one(kind)) as object), Object.keys(body ?? {}), kind)
  }
})

async function sampleRecords() {
  const time = new SiteTime()
  const master = new Master()
  const store = openInProcessStore({ path: ':memory:', now: dayStart, random: new Seeded(1) }, new StillTimers())
  const stamp = time.stamp()
  await store.run('configure', { parameters: siteOf(1), stamp })
  await store.run('apply-points', { points: [curvePoint('m1', dayStart, stamp, 10_000)], stamp })
  await store.run('journal-order', { ...master.order(master.open('a1', 'm1', 0n), time.at), stamp })
  const last = async (stream: 'event' | 'result' | 'curve') =>
    (await store.run('read-stream', { stream, first: 1, maxCount: 100, maxBytes: 100_000 })).records.at(-1)?.body
  const records = { event: await last('event'), result: await last('result'), curve: await last('curve') }
  await store.close()
  return records
}

function toResult<T>(parsed: { success: true; data: T } | { success: false; error: Error }) {
  return parsed.success ? { ok: true as const, value: parsed.data } : { ok: false as const, error: parsed.error.message }
}

await t.test('the contract for machines is the one the schemas give', async (t) => {
  t.equal(readFileSync(join(projectRoot(), 'docs/asyncapi.json'), 'utf8'), asyncApi())
})
