import { dlt1997Language } from './dlt1997-speaker.js'
import { dlt645Language } from './dlt645-speaker.js'
import { dlt698Language } from './dlt698-speaker.js'
import { modbusLanguage, modbusPrefix } from './modbus-speaker.js'
import type { MeterLanguage } from './speaker.js'

/** What meters speak where nothing else is said. */
export const usualProtocol = 'dlt645-2007'

/**
 * The meters' half of a protocol, by the name that settings use.
 *
 * @throws RangeError for one that is not simulated
 */
export function languageOf(protocol: string): MeterLanguage {
  if (protocol.startsWith(modbusPrefix)) return modbusLanguage
  const found = languages.find((language) => language.protocol === protocol)
  if (found === undefined) throw new RangeError(`no meters of protocol ${protocol} are simulated`)
  return found
}

const languages: readonly MeterLanguage[] = [dlt645Language, dlt1997Language, dlt698Language]
