import { readFileSync, statSync } from 'node:fs'
import { fail, ok, type InputError, type Result } from '../model/index.js'

/** Longer input is none that a person typed. */
export const pinCharsMax = 256

export interface PinSource {
  readonly pinFile: string | null
  readonly env: Readonly<Record<string, string | undefined>>
  /** Asks a person without echo; null: nobody sits there. */
  readonly prompt: ((question: string) => Promise<string | null>) | null
}

/** Name of the variable that may hold the PIN, for scripts. */
export const pinVariable = 'WATTKEEP_PIN'

/** The PIN of a key file: from `--pin-file`, the environment, or the person at the terminal. It is never printed. */
export async function askPin(source: PinSource, question: string): Promise<Result<string, InputError>> {
  if (source.pinFile !== null) return readPinFile(source.pinFile)
  const fromEnv = source.env[pinVariable]
  if (fromEnv !== undefined && fromEnv !== '') return ok(fromEnv)
  if (source.prompt === null) {
    return fail({
      code: 'no-pin',
      at: 'PIN',
      message: `expected --pin-file FILE or ${pinVariable}, for there is no terminal to ask at`,
    })
  }
  const typed = await source.prompt(question)
  return typed === null || typed === '' ? fail({ code: 'no-pin', at: 'PIN', message: 'no PIN was typed' }) : ok(typed)
}

function readPinFile(path: string): Result<string, InputError> {
  const exposed = exposedFile(path, 'a file that holds a PIN')
  if (exposed !== null) return fail(exposed)
  try {
    const pin = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (pin !== '' && pin.length <= pinCharsMax) return ok(pin)
    return fail({ code: 'no-pin', at: path, message: `expected one line of at most ${pinCharsMax} characters` })
  } catch (error) {
    return fail(fileError(path, error))
  }
}

/** A file of a secret that others may read holds no secret any more. */
export function exposedFile(path: string, what: string): InputError | null {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.mode & 0o077) === 0) return null
  const mode = (found.mode & 0o777).toString(8).padStart(4, '0')
  return { code: 'file-mode', at: path, message: `others may read it (mode ${mode}): ${what} has mode 0600` }
}

export function fileError(path: string, cause: unknown): InputError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const message = code === 'ENOENT' ? 'there is no such file' : cause instanceof Error ? cause.message : String(cause)
  return { code: 'file', at: path, message }
}
