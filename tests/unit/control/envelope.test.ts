import { generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import {
  authorise,
  envelopeCharsMax,
  harmlessLate,
  isAllowed,
  isSignedBy,
  originText,
  parseEnvelope,
  parsePayload,
  signEnvelope,
} from '../../../src/control/envelope.js'
import type { Authority } from '../../../src/control/envelope.js'
import type { OrderPayload } from '../../../src/control/order-schema.js'
import { accountId, energyMwh, epochMs, keyId, meterId, micro } from '../../../src/model/index.js'
import type { OrderBody, RegisteredKey, Role } from '../../../src/model/index.js'
import { publicKeyOf } from '../../../src/control/key-file.js'
import { valueOf } from '../../helpers/outcome.js'

const privateKey = generateKeyPairSync('ed25519').privateKey
const otherKey = generateKeyPairSync('ed25519').privateKey
const at = Date.parse('2026-03-01T08:00:00Z')
const master = keyId('master-1')

const payload: OrderPayload = {
  concentrator: 'dcu-1',
  number: 7,
  notBefore: epochMs(at - 60_000),
  expiry: epochMs(at + 60_000),
  body: { kind: 'disconnect', meter: meterId('m1') },
}

const registered = (role: Role): RegisteredKey => ({ id: master, role, publicKey: publicKeyOf(privateKey) })

const authority = (over: Partial<Authority> = {}): Authority => ({
  concentrator: 'dcu-1',
  keys: [registered('master')],
  lastNumberOf: () => 6,
  now: { at, trusted: true },
  by: 'master',
  ...over,
})

const limits = {
  alarm1: micro(50_000_000n),
  alarm2: micro(20_000_000n),
  overdraft: micro(0n),
  closePermitted: micro(0n),
  hoarding: micro(0n),
  largestCredit: micro(0n),
}

const bodies: readonly OrderBody[] = [
  {
    kind: 'open-account',
    account: accountId('a1'),
    meter: meterId('m1'),
    unit: 'money',
    tariff: 'home',
    limits,
    opening: micro(-12_500_000n),
  },
  { kind: 'close-account', account: accountId('a1') },
  { kind: 'credit', account: accountId('a1'), amount: micro(100_000_000n), purchase: 1, idempotencyKey: 'pay/1' },
  {
    kind: 'adjust',
    account: accountId('a1'),
    amount: micro(-1n),
    reason: '退款',
    resumePricing: true,
    idempotencyKey: 'adj-1',
  },
  { kind: 'agree', account: accountId('a1'), entry: 3, chainHash: 'ab'.repeat(32) },
  { kind: 'disconnect', meter: meterId('m1') },
  { kind: 'permit-to-close', meter: meterId('m1') },
  { kind: 'protect', meter: meterId('m1'), on: true, until: epochMs(at) },
  { kind: 'protect', meter: meterId('m1'), on: false, until: null },
  { kind: 'alarm', meter: meterId('m1'), on: true },
  { kind: 'read-now', meter: meterId('m1'), registers: ['00010000', '04000501'] },
  { kind: 'set-clock', meter: 'all' },
  { kind: 'set-clock', meter: meterId('m1') },
  { kind: 'set-time', at: epochMs(at) },
  {
    kind: 'replace-meter',
    meter: meterId('m1'),
    newAddress: '000000000002',
    finalEnergy: energyMwh(1_234_560_000n),
    initialEnergy: energyMwh(0n),
    at: epochMs(at),
    witness: 'Li',
  },
  { kind: 'set-parameters', name: 'tasks', version: 2, body: [{ anything: 1 }] },
  { kind: 'set-parameters', name: 'keys', version: 2, body: {} },
  { kind: 'replay', stream: 'curve', first: 1, count: 100 },
]

await t.test('each kind of order survives signing, authorising and coming back', async (t) => {
  for (const body of bodies) {
    const order = valueOf(authorise(signEnvelope(master, privateKey, { ...payload, body }), authority()))
    t.strictSame(order, {
      origin: { by: 'master', key: master, number: 7 },
      role: 'master',
      body,
      notBefore: payload.notBefore,
      expiry: payload.expiry,
    })
  }
})

await t.test('amounts and instants travel as people write them', async (t) => {
  const text = signEnvelope(master, privateKey, { ...payload, body: bodies[0] ?? payload.body })
  const envelope = valueOf(parseEnvelope(text))
  const json = JSON.parse(Buffer.from(envelope.payload).toString('utf8')) as Record<string, unknown>
  t.match(json, {
    v: 1,
    notBefore: '2026-03-01T07:59:00.000Z',
    body: { opening: '-12.5', limits: { alarm1: '50', overdraft: '0' } },
  })
})

await t.test('what is not signed by the key it names is refused', async (t) => {
  const good = signEnvelope(master, privateKey, payload)
  const parts = JSON.parse(good) as { key: string; payload: string; sig: string }
  const other = Buffer.from(JSON.stringify({ v: 1 })).toString('base64url')
  t.match(authorise(signEnvelope(master, otherKey, payload), authority()), { error: { code: 'forged', key: master } })
  t.match(authorise(JSON.stringify({ ...parts, payload: other }), authority()), { error: { code: 'forged' } })
  t.match(authorise(JSON.stringify({ ...parts, sig: 'AAAA' }), authority()), { error: { code: 'forged' } })
  t.match(authorise(JSON.stringify({ ...parts, key: 'nobody' }), authority()), { error: { code: 'unknown-key' } })
  const broken: RegisteredKey = { ...registered('master'), publicKey: 'not a key' }
  t.match(authorise(good, authority({ keys: [broken] })), { error: { code: 'forged' } })
})

await t.test('text that is no order is refused with its place', async (t) => {
  const bad = (text: string) => authorise(text, authority())
  t.match(bad('{'), { error: { code: 'malformed', message: 'envelope: expected JSON' } })
  t.match(bad('[]'), { error: { code: 'malformed' } })
  t.match(bad(JSON.stringify({ key: 'k', payload: 'a+b', sig: 'AA' })), {
    error: { code: 'malformed', message: /^envelope\.payload/ },
  })
  t.match(bad(JSON.stringify({ key: 'k', payload: 'AA', sig: 'AA', more: 1 })), { error: { code: 'malformed' } })
  t.match(bad('x'.repeat(envelopeCharsMax + 1)), { error: { code: 'malformed' } })
  const signed = (bytes: Buffer) =>
    JSON.stringify({
      key: master,
      payload: bytes.toString('base64url'),
      sig: sign(null, bytes, privateKey).toString('base64url'),
    })
  t.match(bad(signed(Buffer.from('nonsense'))), { error: { code: 'malformed', key: master, message: 'payload: expected JSON' } })
  const later = { v: 2, concentrator: 'dcu-1' }
  t.match(bad(signed(Buffer.from(JSON.stringify(later)))), { error: { code: 'malformed', message: /^payload\.v/ } })
})

await t.test('order fields outside their limits are refused', async (t) => {
  const wire = {
    v: 1,
    concentrator: 'dcu-1',
    number: 1,
    notBefore: '2026-03-01T08:00:00Z',
    expiry: '2026-03-01T09:00:00Z',
    body: { kind: 'credit', account: 'a1', amount: '1', purchase: 1, idempotencyKey: 'k' },
  }
  const read = (over: object) => parsePayload(Buffer.from(JSON.stringify({ ...wire, ...over })))
  t.match(read({}), { ok: true })
  const credit = (over: object) => read({ body: { ...wire.body, ...over } })
  for (const amount of ['0', '-1', '1.0000001', '01', '1e3', '', '+1', '1.', 1, '1234567890123']) {
    t.match(credit({ amount }), { error: { at: 'payload.body.amount' } }, String(amount))
  }
  t.match(credit({ more: 1 }), { ok: false }, 'a field that is not listed')
  t.match(credit({ account: '' }), { error: { at: 'payload.body.account' } })
  t.match(credit({ account: 'a/b' }), { error: { at: 'payload.body.account' } })
  t.match(credit({ purchase: 1.5 }), { error: { at: 'payload.body.purchase' } })
  t.match(read({ concentrator: 'a.b' }), { error: { at: 'payload.concentrator' } })
  t.match(read({ number: 0 }), { error: { at: 'payload.number' } })
  t.match(read({ expiry: wire.notBefore }), { error: { at: 'payload.expiry' } })
  for (const instant of [
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-03-01T25:00:00Z',
    '2026-03-01',
    '2026-03-01T08:00:00+08:00',
    1,
  ]) {
    t.match(read({ notBefore: instant }), { error: { at: 'payload.notBefore' } }, String(instant))
  }
  t.match(read({ body: { kind: 'set-parameters', name: 'tasks', version: 1, body: 'text' } }), {
    error: { at: 'payload.body.body' },
  })
  t.match(read({ body: { kind: 'set-parameters', name: 'tasks', version: 1, body: null } }), {
    error: { at: 'payload.body.body' },
  })
  t.match(read({ body: { kind: 'explode' } }), { error: { at: 'payload.body.kind' } })
  const replacement = {
    kind: 'replace-meter',
    meter: 'm1',
    newAddress: '2',
    finalEnergy: null,
    initialEnergy: '0',
    at: wire.expiry,
    witness: 'Li',
  }
  t.match(read({ body: replacement }), { ok: true })
  t.match(read({ body: { ...replacement, initialEnergy: '-1' } }), { error: { at: 'payload.body.initialEnergy' } })
  t.match(read({ body: { ...replacement, witness: 'a\nb' } }), { error: { at: 'payload.body.witness' } })
})

await t.test('our own mistake is not signed', async (t) => {
  t.throws(() => signEnvelope(master, privateKey, { ...payload, number: -1 }))
})

await t.test('stale, foreign, replayed and forbidden orders are refused with what was wrong', async (t) => {
  const text = signEnvelope(master, privateKey, payload)
  const code = (over: Partial<Authority>) => {
    const result = authorise(text, authority(over))
    return result.ok ? 'ok' : `${result.error.code} ${originText(result.error)}`
  }
  t.equal(code({}), 'ok')
  t.equal(code({ concentrator: 'dcu-2' }), 'foreign master-1#7')
  t.equal(code({ lastNumberOf: () => 7 }), 'replayed master-1#7')
  t.equal(code({ keys: [registered('viewer')] }), 'not-allowed master-1#7')
  t.equal(code({ now: { at: at - 60_001, trusted: true } }), 'not-yet master-1#7')
  t.equal(code({ now: { at: at - 60_000, trusted: true } }), 'ok')
  t.equal(code({ now: { at: at + 60_000, trusted: true } }), 'expired master-1#7')
  t.match(authorise(text, authority({ by: 'console' })), { value: { origin: { by: 'console' } } })
})

await t.test('without a trusted clock only what is harmless late passes, whatever the window says', async (t) => {
  const now = { at: 0, trusted: false }
  for (const body of bodies) {
    const result = authorise(signEnvelope(master, privateKey, { ...payload, body }), authority({ now }))
    t.equal(result.ok ? 'ok' : result.error.code, harmlessLate(body) ? 'ok' : 'clock-untrusted', body.kind)
  }
  t.notOk(harmlessLate({ kind: 'disconnect', meter: meterId('m1') }), 'in doubt, never cut')
})

await t.test('roles', async (t) => {
  const allowed = (role: Role) =>
    [...new Set(bodies.filter((body) => isAllowed(role, body)).map((body) => body.kind))].sort().join(' ')
  t.equal(new Set(bodies.map((body) => body.kind)).size, 15)
  t.equal(bodies.filter((body) => isAllowed('master', body)).length, bodies.length)
  t.equal(
    allowed('administrator'),
    'alarm disconnect permit-to-close protect read-now replace-meter replay set-clock set-parameters set-time',
  )
  t.equal(allowed('technician'), 'alarm disconnect permit-to-close protect read-now set-clock')
  t.equal(allowed('viewer'), '')
  const parameters = (name: 'archive' | 'keys' | 'tariffs') => ({ kind: 'set-parameters' as const, name, version: 1, body: {} })
  t.ok(isAllowed('administrator', parameters('archive')))
  t.notOk(isAllowed('administrator', parameters('keys')), 'nobody on site registers keys')
  t.notOk(isAllowed('administrator', parameters('tariffs')))
})

await t.test('who is named in an event', async (t) => {
  t.equal(originText({}), 'unknown')
  t.equal(originText({ key: master }), 'master-1')
  t.equal(originText({ key: master, number: 3 }), 'master-1#3')
})

await t.test('any 32 bytes are a public key that has signed nothing', async (t) => {
  const envelope = valueOf(parseEnvelope(signEnvelope(master, privateKey, payload)))
  for (const fill of [0, 1, 127, 255]) t.notOk(isSignedBy(envelope, Buffer.alloc(32, fill).toString('base64url')))
})
