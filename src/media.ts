import { createLink, parseLinkUrl, type LinkSpec } from '../drivers/link/index.js'
import { checkPlcOptions, createPlcBus } from '../drivers/plc/index.js'
import { createRs485Bus } from '../drivers/rs485/index.js'
import { checkRadioModem, checkRadioModuleOptions, createRadioModemBus, createRadioModuleBus } from '../drivers/wireless/index.js'
import { fail, ok, type InputError, type Result } from './model/index.js'
import type { Bus, Clock, Link, Log, Random, Timers } from './ports/index.js'
import type { LinkCheck, LinkSettings } from './settings/index.js'

/** What a driver makes a bus of. */
export interface DriverWorld {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  /** Modules ask for the time, and some rest at night. */
  readonly utcOffsetMinutes: number
}

interface Driver {
  /** Judges a link's address and the options only this driver knows. */
  readonly check: LinkCheck
  readonly open: (link: LinkSettings, world: DriverWorld) => Bus
}

type Options = Readonly<Record<string, unknown>>
type Judged<T> = Result<T, readonly InputError[]>

const rs485 = driver<object>({
  check: (url, options) => withSpec(url, noOptions(options)),
  open: ({ link, clock, timers }) => createRs485Bus({ link, clock, timers }),
})
const plc = driver({
  check: (url, options) => withSpec(url, checkPlcOptions(options)),
  open: ({ link, clock, timers, utcOffsetMinutes, choice }) => createPlcBus({ link, clock, timers, utcOffsetMinutes, choice }),
})
const wireless = driver({
  check: (url, options) => withSpec(url, checkRadioModuleOptions(options)),
  open: ({ link, clock, timers, utcOffsetMinutes, choice }) =>
    createRadioModuleBus({ link, clock, timers, utcOffsetMinutes, choice }),
})
const radioModem = driver({
  check: (url, options) => {
    const judged = checkRadioModem(url, options)
    return judged.ok ? ok({ spec: judged.value.link, choice: judged.value.settings }) : judged
  },
  open: ({ link, clock, timers, choice: settings }) => createRadioModemBus({ link, clock, timers, settings }),
})

/** The media that this build knows, by the names that settings use. */
export const drivers: ReadonlyMap<string, Driver> = new Map([
  ['rs485', rs485],
  ['plc', plc],
  ['wireless', wireless],
  ['radio-modem', radioModem],
])

/** A local module takes meters of the kinds that its archive knows, and no others. @source Q/GDW 1376.2, protocol types 0 to 3 */
export function carries(driver: string, protocol: string): boolean {
  return (driver !== 'plc' && driver !== 'wireless') || carriedByModules.has(protocol)
}
const carriedByModules = new Set(['dlt645-1997', 'dlt645-2007', 'dlt698-45'])

/** Opens a link's bus; settings were checked before, so an unknown driver is our own mistake. */
export function openBus(link: LinkSettings, world: DriverWorld): Bus {
  const known = drivers.get(link.driver)
  if (known === undefined) throw new Error(`no driver ${link.driver}`)
  return known.open(link, world)
}

interface Medium<T> {
  readonly check: (url: string, options: Options) => Judged<{ readonly spec: LinkSpec; readonly choice: T }>
  readonly open: (parts: Omit<DriverWorld, 'log' | 'random'> & { readonly link: Link; readonly choice: T }) => Bus
}

function driver<T>({ check, open }: Medium<T>): Driver {
  return {
    check,
    open: (settings, world) => {
      const judged = check(settings.url, settings.options)
      if (!judged.ok) throw new Error(judged.error.map(({ at, message }) => `${at}: ${message}`).join('; '))
      const { spec, choice } = judged.value
      return open({ ...world, link: createLink(spec, world, settings.id), choice })
    },
  }
}

/** Every problem of the address and of the options, together. */
function withSpec<T>(url: string, choice: Judged<T>): Judged<{ readonly spec: LinkSpec; readonly choice: T }> {
  const spec = parseLinkUrl(url)
  if (spec.ok && choice.ok) return ok({ spec: spec.value, choice: choice.value })
  return fail([...(spec.ok ? [] : spec.error), ...(choice.ok ? [] : choice.error)])
}

function noOptions(options: Options): Judged<object> {
  const unknown = Object.keys(options).map((key) => {
    return { code: 'unknown-key', at: `options.${key}`, message: 'rs485 knows no options' }
  })
  return unknown.length === 0 ? ok({}) : fail(unknown)
}
