import type { InputError, MeterAddress, Result } from '../../model/index.js'
import type { MeterProtocol } from '../../ports/index.js'
import { carriedTypes, modulesByName } from '../module-forwarding.js'
import { checkModuleRegister } from '../module-units.js'

/** The words of `wattkeep probe`. */
export interface ProbeFlags {
  readonly link: string
  readonly protocol: string
  readonly via?: string
  readonly map?: string
  readonly address?: string
  readonly find?: boolean
  readonly read?: readonly string[]
  readonly repeats?: string
  readonly wait?: string
  readonly json?: boolean
}

/** The longest a technician may want to wait for the first byte of a reply, and for a meter behind a module. */
export const waitMsMax = 10_000
export const viaWaitMsMax = 180_000
/** What is waited for where nobody says: a meter on the wire, a module, a meter behind one. @source facts on Q/GDW 1376.2, §6 */
export const waitMsUsual = { meter: 1_000, module: 2_000, via: 90_000 } as const

/** What is to be asked of a meter; what is wrong with the flags is added to `faults`, and what is given back is of no use then. */
export function checkMeterFlags(flags: ProbeFlags, protocol: MeterProtocol, faults: InputError[]) {
  const isVia = flags.via !== undefined
  if (isVia) faults.push(...viaFaults(flags, protocol))
  if ((flags.address === undefined) === (flags.find !== true)) {
    faults.push({ code: 'address-or-find', at: '--address', message: 'expected either --address A or --find' })
  }
  if (flags.find === true && !isVia && protocol.find === undefined) {
    faults.push({ code: 'no-find', at: '--find', message: `${protocol.name} has no way to ask for an address` })
  }
  const address: MeterAddress | null =
    flags.address === undefined ? null : take('--address', protocol.checkAddress(flags.address), faults)
  const { read = [] } = flags
  if (flags.address !== undefined && read.length === 0) faults.push(nothingToRead)
  const registers = read.flatMap((register) => take('--read', protocol.checkRegister(register), faults) ?? [])
  const usual = isVia
    ? { repeats: 0, waitMs: waitMsUsual.via, waitMsMax: viaWaitMsMax }
    : { repeats: 2, waitMs: waitMsUsual.meter, waitMsMax }
  const { repeats, waitMs } = checkPatience(flags, usual, faults)
  return { address, registers, repeats, firstByteMs: waitMs }
}

/** What is to be asked of a local module itself; `faults` as above. */
export function checkModuleFlags(flags: ProbeFlags, faults: InputError[]) {
  const needless = (['via', 'map', 'address'] as const).filter((name) => flags[name] !== undefined)
  for (const name of needless) {
    faults.push({ code: `needless-${name}`, at: `--${name}`, message: 'the module at the link itself is asked: it needs none' })
  }
  const { find = false, read = [] } = flags
  if (!find && read.length === 0) faults.push(nothingToRead)
  const registers = read.flatMap((register) => take('--read', checkModuleRegister(register), faults) ?? [])
  return { finds: find, registers, ...checkPatience(flags, { repeats: 2, waitMs: waitMsUsual.module, waitMsMax }, faults) }
}

const nothingToRead: InputError = { code: 'nothing-to-read', at: '--read', message: 'expected at least one register' }

/** A module carries frames of some protocols, to a meter whose address is known and has 12 digits. */
function viaFaults({ via, address, find }: ProbeFlags, protocol: MeterProtocol): readonly InputError[] {
  const refuse = (code: string, at: string, message: string) => ({ code, at, message })
  const kinds = [...modulesByName.keys()].join(' or ')
  return [
    ...(via === undefined || modulesByName.has(via)
      ? []
      : [refuse('unknown-module', '--via', `expected ${kinds}, got ${JSON.stringify(via)}`)]),
    ...(carriedTypes.has(protocol.name)
      ? []
      : [refuse('not-carried', '--protocol', `a module carries ${[...carriedTypes.keys()].join(', ')}, not ${protocol.name}`)]),
    ...(find === true ? [refuse('no-find', '--find', 'a module carries frames to a known address only')] : []),
    ...(address === undefined || /^[0-9A-Fa-f]{1,12}$/.test(address)
      ? []
      : [refuse('bad-address', '--address', 'no module knows a meter whose address has other than 12 digits')]),
  ]
}

interface Patience {
  readonly repeats: number
  readonly waitMs: number
}

function checkPatience(flags: ProbeFlags, usual: Patience & { readonly waitMsMax: number }, faults: InputError[]): Patience {
  const { repeats = String(usual.repeats), wait = String(usual.waitMs) } = flags
  if (!/^[0-9]$/.test(repeats)) faults.push({ code: 'bad-number', at: '--repeats', message: 'expected 0 to 9' })
  const waitMs = /^\d{2,6}$/.test(wait) ? Number(wait) : 0
  if (waitMs < 20 || waitMs > usual.waitMsMax) {
    faults.push({ code: 'bad-number', at: '--wait', message: `expected 20 to ${usual.waitMsMax} milliseconds` })
  }
  return { repeats: Number(repeats), waitMs }
}

function take<T>(at: string, checked: Result<T, InputError>, faults: InputError[]): T | null {
  if (!checked.ok) faults.push({ ...checked.error, at })
  return checked.ok ? checked.value : null
}
