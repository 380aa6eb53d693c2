import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { authorise, isSignedBy, parseEnvelope, signEnvelope } from '../../src/control/envelope.js'
import { publicKeyOf } from '../../src/control/key-file.js'
import { accountId, epochMs, keyId, micro } from '../../src/model/index.js'

const { privateKey } = generateKeyPairSync('ed25519')
const key = keyId('k')
const authority = {
  concentrator: 'c',
  keys: [{ id: key, role: 'master' as const, publicKey: publicKeyOf(privateKey) }],
  lastNumberOf: () => 0,
  now: { at: Date.parse('2026-01-01T00:00:00Z'), trusted: true },
  by: 'master' as const,
}
const order = (amount: bigint, number: number) => ({
  concentrator: 'c',
  number,
  notBefore: epochMs(authority.now.at),
  expiry: epochMs(authority.now.at + 1),
  body: { kind: 'credit' as const, account: accountId('a'), amount: micro(amount), purchase: 1, idempotencyKey: 'i' },
})

await t.test('amounts come back to the millionth', async (t) => {
  fc.assert(
    fc.property(fc.bigInt(1n, 999_999_999_999_999_999n), fc.integer({ min: 1 }), (amount, number) => {
      const result = authorise(signEnvelope(key, privateKey, order(amount, number)), authority)
      return result.ok && result.value.body.kind === 'credit' && result.value.body.amount === amount
    }),
    { numRuns: 300 },
  )
  t.pass()
})

await t.test('no change of an envelope’s text makes another order of it', async (t) => {
  const text = signEnvelope(key, privateKey, order(1n, 1))
  const original = authorise(text, authority)
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ unit: 'binary-ascii', minLength: 0, maxLength: 3 }), (place, insert) => {
      const changed = text.slice(0, place) + insert + text.slice(place + 1)
      const result = authorise(changed, authority)
      return !result.ok || JSON.stringify(result.value, plain) === JSON.stringify(original.ok && original.value, plain)
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

await t.test('any text and any key are survived', async (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => !authorise(text, authority).ok),
    { numRuns: 500 },
  )
  const envelope = parseEnvelope(signEnvelope(key, privateKey, order(1n, 1)))
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      return envelope.ok && !isSignedBy(envelope.value, Buffer.from(bytes).toString('base64url'))
    }),
    { numRuns: 300 },
  )
  t.pass()
})

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
