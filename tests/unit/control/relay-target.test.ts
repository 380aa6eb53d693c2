import t from 'tap'
import { accountId, energyMwh, epochMs, meterId, micro, type OrderBody } from '../../../src/model/index.js'
import { relayTargetOf } from '../../../src/control/relay-target.js'

const meter = meterId('M1')
const account = accountId('A1')
const at = epochMs(0)

await t.test('relay orders name their meter and command', async (t) => {
  const commandOf = (body: OrderBody) => relayTargetOf(body)?.command
  t.same(relayTargetOf({ kind: 'disconnect', meter }), { meter, command: 'trip' })
  t.equal(commandOf({ kind: 'permit-to-close', meter }), 'permit-to-close')
  t.equal(commandOf({ kind: 'alarm', meter, on: true }), 'alarm-on')
  t.equal(commandOf({ kind: 'alarm', meter, on: false }), 'alarm-off')
  t.equal(commandOf({ kind: 'protect', meter, on: true, until: null }), 'protect-on')
  t.equal(commandOf({ kind: 'protect', meter, on: false, until: null }), 'protect-off')
})

await t.test('no other order touches a relay', async (t) => {
  const limits = {
    alarm1: micro(0n),
    alarm2: micro(0n),
    overdraft: micro(0n),
    closePermitted: micro(0n),
    hoarding: micro(0n),
    largestCredit: micro(0n),
  }
  const bodies: OrderBody[] = [
    { kind: 'open-account', account, meter, unit: 'money', tariff: 'home', limits, opening: micro(0n) },
    { kind: 'close-account', account },
    { kind: 'credit', account, amount: micro(1n), purchase: 1, idempotencyKey: 'k' },
    { kind: 'adjust', account, amount: micro(1n), reason: '', resumePricing: false, idempotencyKey: 'k' },
    { kind: 'agree', account, entry: 1, chainHash: '' },
    { kind: 'read-now', meter, registers: [] },
    { kind: 'set-clock', meter },
    { kind: 'set-time', at },
    { kind: 'replace-meter', meter, newAddress: '', finalEnergy: null, initialEnergy: energyMwh(0n), at, witness: '' },
    { kind: 'set-parameters', name: 'rules', version: 1, body: null },
    { kind: 'replay', stream: 'event', first: 1, count: 1 },
  ]
  for (const body of bodies) t.equal(relayTargetOf(body), null, body.kind)
})
