import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'
import { createKey, pinLengthMin, publicKeyOf, readKey } from '../../control/key-file.js'
import { fail, ok, type InputError, type Result } from '../../model/index.js'
import { askPin, exposedFile, fileError, type PinSource } from '../pin.js'

export interface NewKeyFile {
  readonly file: string
  readonly publicKey: string
}

/** Makes a key whose file only its PIN opens. An existing file is never overwritten: it may be somebody's only key. */
export async function newKey(file: string, source: PinSource): Promise<Result<NewKeyFile, InputError>> {
  const pin = await askNewPin(source)
  if (!pin.ok) return pin
  const key = createKey(pin.value)
  if (!key.ok) return key
  try {
    const written = openSync(file, 'wx', 0o600)
    try {
      writeSync(written, key.value.privatePem)
      fsyncSync(written)
    } finally {
      closeSync(written)
    }
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    return fail(isThere ? { code: 'file', at: file, message: 'it exists already and is left as it is' } : fileError(file, error))
  }
  return ok({ file, publicKey: key.value.publicKey })
}

/** Typed twice where a person types it: a slip would lock the key for ever. */
async function askNewPin(source: PinSource): Promise<Result<string, InputError>> {
  const first = await askPin(source, `PIN of the new key, at least ${pinLengthMin} characters: `)
  if (!first.ok || first.value.length < pinLengthMin) {
    return first.ok ? fail({ code: 'pin-too-short', at: 'PIN', message: `expected at least ${pinLengthMin} characters` }) : first
  }
  const again = await askPin(source, 'again: ')
  if (!again.ok || again.value === first.value) return again
  return fail({ code: 'pin-differs', at: 'PIN', message: 'the two differ; nothing was made' })
}

/** What whoever registers the key needs. */
export function newKeyText({ file, publicKey }: NewKeyFile): readonly string[] {
  return [
    `key     ${file} (mode 0600, opened by its PIN)`,
    `public  ${publicKey}`,
    'The master registers it with a role (set-parameters keys), or it stands in the',
    'site file under technicianKeys:',
    `  - { id: YOUR-NAME, role: technician, publicKey: ${publicKey} }`,
  ]
}

/** A technician's key, unlocked. */
export interface UnlockedKey {
  readonly privateKey: KeyObject
  readonly publicKey: string
}

/** Opens a key file; the PIN is asked for only where the file wants one. */
export async function unlockKey(file: string, source: PinSource): Promise<Result<UnlockedKey, InputError>> {
  const exposed = exposedFile(file, 'a private key')
  if (exposed !== null) return fail(exposed)
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    return fail(fileError(file, error))
  }
  const open = readKey(pem, null)
  if (open.ok) return ok({ privateKey: open.value, publicKey: publicKeyOf(open.value) })
  if (open.error.code !== 'locked') return fail({ ...open.error, at: file })
  const pin = await askPin(source, `PIN of ${file}: `)
  if (!pin.ok) return pin
  const key = readKey(pem, pin.value)
  return key.ok ? ok({ privateKey: key.value, publicKey: publicKeyOf(key.value) }) : fail({ ...key.error, at: file })
}
