import { fail, meterAddress, ok } from '../../model/index.js'
import type { MeterAddress, Result } from '../../model/index.js'
import type { ReadError, Session } from '../../ports/index.js'
import { wildcardAddress } from '../dlt645/address.js'
import { settled } from '../wire/sessions.js'
import { failedRead, invalidRead } from '../wire/read-errors.js'
import { checkAddress } from './address.js'
import { ask, type Answer, type Question } from './exchange.js'
import { decodeRegister } from './register-table.js'

/** Every meter has the total of forward active energy. */
export const searchRegister = '9010'
/** The number on the meter's label, which many makers also use as its address. */
const meterNumberRegister = 'C032'

/**
 * Asks the only connected meter for its address, by a wildcard read: this edition has no service for it.
 *
 * A meter that echoes the wildcard hides its address. It is then asked for its meter number, and that is its address if it
 * answers to it; else the address cannot be found this way (`invalid`).
 */
export function findMeter(repeats: number): Found {
  return asked(question(wildcardAddress, searchRegister, repeats), (answer) => {
    if (answer.kind !== 'answered') return settled(fail(failedRead(answer)))
    return answer.isEcho ? findByNumber(answer, repeats) : settled(addressOf(answer))
  })
}

type Found = Session<Result<MeterAddress, ReadError>>
type Asked = Exclude<Answer, { readonly kind: 'yielded' }>
type Answered = Answer & { readonly kind: 'answered' }

function findByNumber(echo: Answered, repeats: number): Found {
  return asked(question(wildcardAddress, meterNumberRegister, repeats), (answer) => {
    const number = answer.kind === 'answered' ? meterNumberOf(answer) : null
    if (number === null) return settled(hidden(echo))
    return asked(question(number, searchRegister, repeats), (own) => settled(own.kind === 'answered' ? ok(number) : hidden(echo)))
  })
}

const question = (address: MeterAddress, di: string, repeats: number): Question => ({
  address,
  request: { fn: 'read', di },
  repeats,
  holdsBus: false,
})

/** Being yielded is no answer: the question is put again. */
function asked(about: Question, next: (answer: Asked) => Found): Found {
  return ask(about, (answer) => (answer.kind === 'yielded' ? asked(about, next) : next(answer)))
}

/** A refusal comes from the meter's address as well: it need not have the register. */
function addressOf({ from, frame }: Answered): Result<MeterAddress, ReadError> {
  const address = checkAddress(from)
  return address.ok ? address : fail(invalidRead(address.error, frame))
}

function meterNumberOf({ reply }: Answered): MeterAddress | null {
  if (reply.kind === 'refusal') return null
  const values = decodeRegister(meterNumberRegister, reply.data)
  const [value] = values.ok ? values.value : []
  const text = value?.kind === 'text' ? value.text : null
  return text !== null && /^\d{12}$/.test(text) ? meterAddress(text) : null
}

function hidden({ frame }: Answered): Result<MeterAddress, ReadError> {
  const message = 'a meter answered, but with the wildcard in place of its own address'
  return fail(invalidRead({ code: 'hidden-address', at: 'address', message }, frame))
}
