import { nextAfter } from './calendar.js'
import { drivers } from './media.js'
import type { MeterProtocol } from './ports/index.js'
import { dlt645 } from './protocols/dlt645/index.js'
import type { SettingsChecks } from './settings/index.js'

/** The meter protocols that this build knows, by the names that settings use. The two programs share it. */
export const protocols: ReadonlyMap<string, MeterProtocol> = new Map([[dlt645.name, dlt645]])

export const settingsChecks: SettingsChecks = {
  nextAfter,
  protocols,
  drivers: new Map([...drivers].map(([name, driver]) => [name, driver.check])),
}
