import { EventEmitter } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { newKey, newKeyText, unlockKey } from '../../../src/console/commands/key.js'
import { askPin, pinCharsMax, type PinSource } from '../../../src/console/pin.js'
import { askWithoutEcho } from '../../../src/console/terminal-prompt.js'
import { createKey, publicKeyOf } from '../../../src/control/key-file.js'

const pin = '4-tulips-late'

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-key-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A person who types these answers, one after the other. */
function person(...answers: readonly (string | null)[]): PinSource & { readonly asked: string[] } {
  const left = [...answers]
  const asked: string[] = []
  const prompt = (question: string): Promise<string | null> => {
    asked.push(question)
    return Promise.resolve(left.shift() ?? null)
  }
  return { pinFile: null, env: {}, prompt, asked }
}

await t.test('a PIN comes from its file, the environment, or the person, in this order', async (t) => {
  const file = join(folderOf(t), 'pin')
  writeFileSync(file, 'from-file\n', { mode: 0o600 })
  const everything = { ...person('typed'), pinFile: file, env: { WATTKEEP_PIN: 'from-env' } }
  t.strictSame(await askPin(everything, '?'), { ok: true, value: 'from-file' })
  t.strictSame(await askPin({ ...everything, pinFile: null }, '?'), { ok: true, value: 'from-env' })
  t.strictSame(await askPin({ ...everything, pinFile: null, env: {} }, '?'), { ok: true, value: 'typed' })
  t.match(await askPin({ pinFile: null, env: { WATTKEEP_PIN: '' }, prompt: null }, '?'), { ok: false, error: { code: 'no-pin' } })
  t.match(await askPin(person(''), '?'), { ok: false, error: { code: 'no-pin' } })
  t.match(await askPin(person(null), '?'), { ok: false, error: { code: 'no-pin' } })
})

await t.test('a file with a PIN that others may read, or that holds none, is refused', async (t) => {
  const file = join(folderOf(t), 'pin')
  const source: PinSource = { pinFile: file, env: {}, prompt: null }
  t.match(await askPin(source, '?'), { ok: false, error: { code: 'file', at: file, message: 'there is no such file' } })
  writeFileSync(file, 'secret', { mode: 0o640 })
  t.match(await askPin(source, '?'), { ok: false, error: { code: 'file-mode', message: /mode 0640/ } })
  chmodSync(file, 0o600)
  t.match(await askPin(source, '?'), { ok: true, value: 'secret' })
  for (const text of ['', '\n', 'x'.repeat(pinCharsMax + 1)]) {
    writeFileSync(file, text)
    t.match(await askPin(source, '?'), { ok: false, error: { code: 'no-pin' } })
  }
  t.match(await askPin({ ...source, pinFile: folderOf(t) }, '?'), { ok: false })
})

await t.test('a new key is typed twice, kept to its owner, and never overwritten', async (t) => {
  const file = join(folderOf(t), 'key.pem')
  t.match(await newKey(file, person('short')), { ok: false, error: { code: 'pin-too-short' } })
  t.match(await newKey(file, person(pin, 'other-pin')), { ok: false, error: { code: 'pin-differs' } })
  t.match(await newKey(file, person(pin)), { ok: false, error: { code: 'no-pin' } })
  t.notOk(existsSync(file))
  const source = person(pin, pin)
  const made = await newKey(file, source)
  if (!made.ok) throw new Error(made.error.message)
  t.equal(source.asked.length, 2)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.ok(newKeyText(made.value).every((line) => line.length <= 80 || line.includes('publicKey')))
  t.match(await newKey(file, person(pin, pin)), { ok: false, error: { at: file, message: /exists already/ } })
  t.match(await newKey(join(file, 'below'), person(pin, pin)), { ok: false, error: { code: 'file' } })

  const unlocked = await unlockKey(file, person(pin))
  t.match(unlocked, { ok: true, value: { publicKey: made.value.publicKey } })
  if (unlocked.ok) t.equal(publicKeyOf(unlocked.value.privateKey), made.value.publicKey)
  t.match(await unlockKey(file, person('not-this-one')), { ok: false, error: { code: 'wrong-pin', at: file } })
  t.match(await unlockKey(file, person()), { ok: false, error: { code: 'no-pin' } })
})

await t.test('a key without PIN opens unasked; what is no key is told', async (t) => {
  const file = join(folderOf(t), 'key.pem')
  t.match(await unlockKey(file, person()), { ok: false, error: { code: 'file', message: 'there is no such file' } })
  const key = createKey(null)
  if (!key.ok) throw new Error(key.error.message)
  writeFileSync(file, key.value.privatePem, { mode: 0o600 })
  const source = person()
  t.match(await unlockKey(file, source), { ok: true, value: { publicKey: key.value.publicKey } })
  t.strictSame(source.asked, [])
  writeFileSync(file, 'nonsense')
  t.match(await unlockKey(file, person()), { ok: false, error: { code: 'no-key', at: file } })
  chmodSync(file, 0o644)
  t.match(await unlockKey(file, person()), { ok: false, error: { code: 'file-mode' } })
})

await t.test('what is typed is not shown; it may be mended and given up', async (t) => {
  const typed = async (...keys: readonly string[]) => {
    const modes: boolean[] = []
    const shown: string[] = []
    const events = new EventEmitter()
    const input = Object.assign(events, {
      setRawMode: (mode: boolean) => void modes.push(mode),
      resume: () => undefined,
      pause: () => undefined,
      setEncoding: () => undefined,
    })
    const answer = askWithoutEcho('PIN: ', { input: input as never, output: { write: (text: string) => shown.push(text) } })
    for (const key of keys) events.emit('data', key)
    return { answer: await answer, shown: shown.join(''), modes, listeners: events.listenerCount('data') }
  }
  t.strictSame(await typed('4-tulips', '\r'), { answer: '4-tulips', shown: 'PIN: \n', modes: [true, false], listeners: 0 })
  t.match(await typed('4-tulipz', '\u007f', 's\n'), { answer: '4-tulips' })
  t.match(await typed('ab\bc\r'), { answer: 'ac' })
  t.match(await typed('abc', '\u0003'), { answer: null, modes: [true, false] })
  t.match(await typed('\u0004'), { answer: null })
  t.match(await typed('a\u0004\r'), { answer: 'a' }, 'end of input counts only on an empty line')
  t.equal((await typed('x'.repeat(pinCharsMax + 50), '\r')).answer?.length, pinCharsMax)
})
