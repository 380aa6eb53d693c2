import { createLink, parseLinkUrl } from '../drivers/link/index.js'
import { createRs485Bus } from '../drivers/rs485/index.js'
import { nextAfter } from './calendar.js'
import { fail, ok, type InputError, type Result } from './model/index.js'
import type { Bus, Clock, Log, MeterProtocol, Random, Timers } from './ports/index.js'
import { dlt645Of1997 } from './protocols/dlt645-1997/index.js'
import { dlt645 } from './protocols/dlt645/index.js'
import { dlt698 } from './protocols/dlt698/index.js'
import { modbusProtocol, modbusProtocolName, parseModbusMap } from './protocols/modbus/index.js'
import type { LinkCheck, LinkSettings, Settings, SettingsChecks } from './settings/index.js'

/** What a driver makes a bus of. */
export interface DriverWorld {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}

interface Driver {
  /** Judges a link's address and the options only this driver knows. */
  readonly check: LinkCheck
  readonly open: (link: LinkSettings, world: DriverWorld) => Bus
}

/**
 * The meter protocols that this build knows, by the names that settings use; register maps of a site add to them. The two
 * programs share it.
 */
export const protocols: ReadonlyMap<string, MeterProtocol> = new Map(
  [dlt645, dlt645Of1997, dlt698].map((protocol: MeterProtocol) => [protocol.name, protocol]),
)

const drivers: ReadonlyMap<string, Driver> = new Map([['rs485', { check: checkRs485, open: openRs485 }]])

export const settingsChecks: SettingsChecks = {
  nextAfter,
  protocols,
  drivers: new Map([...drivers].map(([name, driver]) => [name, driver.check])),
  modbusMaps: {
    protocolName: (name) => modbusProtocolName({ name }),
    protocolOf: (document) => {
      const map = parseModbusMap(document)
      return map.ok ? ok(modbusProtocol(map.value)) : map
    },
  },
}

/** The protocols of a site: those of this build, and those of its register maps. */
export function siteProtocols(settings: Pick<Settings, 'protocols'>): ReadonlyMap<string, MeterProtocol> {
  return new Map([...protocols, ...settings.protocols])
}

/** What a site's orders are judged by: its register maps count. */
export function siteChecks(settings: Pick<Settings, 'protocols'>): SettingsChecks {
  return { ...settingsChecks, protocols: siteProtocols(settings) }
}

/** Opens a link's bus; settings were checked before, so an unknown driver is our own mistake. */
export function openBus(link: LinkSettings, world: DriverWorld): Bus {
  const driver = drivers.get(link.driver)
  if (driver === undefined) throw new Error(`no driver ${link.driver}`)
  return driver.open(link, world)
}

function checkRs485(url: string, options: Readonly<Record<string, unknown>>): Result<unknown, readonly InputError[]> {
  const spec = parseLinkUrl(url)
  const unknown = Object.keys(options).map((key) => {
    return { code: 'unknown-key', at: `options.${key}`, message: 'rs485 knows no options' }
  })
  const faults = [...(spec.ok ? [] : spec.error), ...unknown]
  return faults.length === 0 ? ok(null) : fail(faults)
}

function openRs485(link: LinkSettings, world: DriverWorld): Bus {
  const spec = parseLinkUrl(link.url)
  if (!spec.ok) throw new Error(spec.error.map(({ at, message }) => `${at}: ${message}`).join('; '))
  return createRs485Bus({ link: createLink(spec.value, world, link.id), clock: world.clock, timers: world.timers })
}
