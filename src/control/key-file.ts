import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { fail, ok } from '../model/index.js'
import type { InputError, Result } from '../model/index.js'

/** Shorter PINs are refused when a key is made: whoever has the file can try all of them at leisure. */
export const pinLengthMin = 6

/** A signing key as it is kept and registered. */
export interface NewKey {
  /** PKCS#8 in PEM; encrypted when a PIN was given. The file that holds it has mode 0600. */
  readonly privatePem: string
  /** Raw 32 bytes in base64url: the form in which it is registered. */
  readonly publicKey: string
}

/**
 * Makes an Ed25519 key. Its randomness is the machine's own: a key from a logged seed would be none.
 *
 * @param pin null leaves the file unencrypted
 */
export function createKey(pin: string | null): Result<NewKey, InputError> {
  if (pin !== null && pin.length < pinLengthMin) {
    return fail({ code: 'pin-too-short', at: 'pin', message: `expected at least ${pinLengthMin} characters` })
  }
  const { privateKey } = generateKeyPairSync('ed25519')
  const encryption = pin === null ? {} : { cipher: 'aes-256-cbc', passphrase: pin }
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString()
  return ok({ privatePem, publicKey: publicKeyOf(privateKey) })
}

/** Reads a key file; `locked` when it needs a PIN, `wrong-pin` when it does not open with this one. */
export function readKey(pem: string, pin: string | null): Result<KeyObject, InputError> {
  const isEncrypted = pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')
  if (isEncrypted && pin === null) return fail({ code: 'locked', at: 'key file', message: 'the key needs its PIN' })
  try {
    const key = createPrivateKey({ key: pem, format: 'pem', ...(pin === null ? {} : { passphrase: pin }) })
    if (key.asymmetricKeyType === 'ed25519') return ok(key)
    return fail({ code: 'wrong-kind', at: 'key file', message: 'expected an Ed25519 key' })
  } catch {
    if (isEncrypted) return fail({ code: 'wrong-pin', at: 'key file', message: 'the PIN does not open the key' })
    return fail({ code: 'no-key', at: 'key file', message: 'expected a private key: PKCS#8 in PEM' })
  }
}

/** The public half as it is registered: raw 32 bytes in base64url. */
export function publicKeyOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64url')
}
