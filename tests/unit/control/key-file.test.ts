import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { valueOf } from '../../helpers/outcome.js'
import { createKey, publicKeyOf, readKey } from '../../../src/control/key-file.js'

await t.test('a key is made, kept and read again', async (t) => {
  const made = valueOf(createKey(null))
  const read = valueOf(readKey(made.privatePem, null))
  t.equal(publicKeyOf(read), made.publicKey)
  t.match(made.publicKey, /^[A-Za-z0-9_-]{43}$/)
})

await t.test('a key with a PIN opens with that PIN only', async (t) => {
  const made = valueOf(createKey('246810'))
  t.match(made.privatePem, /ENCRYPTED/)
  t.match(readKey(made.privatePem, '246810'), { ok: true })
  t.match(readKey(made.privatePem, '246811'), { error: { code: 'wrong-pin' } })
  t.match(readKey(made.privatePem, null), { error: { code: 'locked' } })
  t.match(createKey('123'), { error: { code: 'pin-too-short' } })
})

await t.test('other files are refused', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  t.match(readKey(rsa, null), { error: { code: 'wrong-kind' } })
  t.match(readKey('hello', null), { error: { code: 'no-key' } })
})
