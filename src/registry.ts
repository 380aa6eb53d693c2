import { nextAfter } from './calendar.js'
import { carries, drivers } from './media.js'
import { ok } from './model/index.js'
import type { MeterProtocol } from './ports/index.js'
import { dlt645Of1997 } from './protocols/dlt645-1997/index.js'
import { dlt645 } from './protocols/dlt645/index.js'
import { dlt698 } from './protocols/dlt698/index.js'
import { modbusProtocol, modbusProtocolName, parseModbusMap } from './protocols/modbus/index.js'
import type { Settings, SettingsChecks } from './settings/index.js'

/**
 * The meter protocols that this build knows, by the names that settings use; register maps of a site add to them. The two
 * programs share it.
 */
export const protocols: ReadonlyMap<string, MeterProtocol> = new Map(
  [dlt645, dlt645Of1997, dlt698].map((protocol: MeterProtocol) => [protocol.name, protocol]),
)

export const settingsChecks: SettingsChecks = {
  nextAfter,
  protocols,
  drivers: new Map([...drivers].map(([name, driver]) => [name, driver.check])),
  carries,
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
